"""The test kit runs sources on the real engine, on a virtual clock, the same way every time."""

from __future__ import annotations

import asyncio

import pytest

from blackboard.authoring import (
    Context,
    Entry,
    Fatal,
    Hypothesis,
    Post,
    absent,
    knowledge_source,
    on,
    var,
    when,
)
from blackboard.core.completion import Goal, Quiescent
from blackboard.core.errors import Rejected
from blackboard.core.trigger import Pattern
from blackboard.testing import TestBoard


class Deploy(Hypothesis, level="signal"):
    service: str
    version: str
    at: float


class ErrorSpike(Hypothesis, level="symptom"):
    service: str
    at: float
    ratio: float


class Cause(Hypothesis, level="cause", identity=("service", "version")):
    service: str
    version: str
    summary: str


DEPLOY, SPIKE, CAUSE = var(Deploy), var(ErrorSpike), var(Cause)


@knowledge_source(
    when(
        on(SPIKE, SPIKE.ratio >= 3, min_confidence=0.6),
        on(DEPLOY, DEPLOY.service == SPIKE.service, DEPLOY.at <= SPIKE.at),
        absent(CAUSE, CAUSE.service == SPIKE.service, CAUSE.version == DEPLOY.version),
    ),
    produces=[Cause],
    rating=0.8,
    timeout=10,
)
async def deploy_correlator(ctx: Context, spike: Entry[ErrorSpike], deploy: Entry[Deploy]) -> Post | None:
    gap = spike.data.at - deploy.data.at
    if gap > 900:
        return None
    cause = Cause(service=deploy.data.service, version=deploy.data.version, summary=f"{gap:.0f}s after")
    return Post(cause, confidence=spike.confidence * (1 - gap / 1800))


async def incident(board: TestBoard) -> tuple[Entry[Deploy], Entry[ErrorSpike]]:
    deploy = await board.post(Deploy(service="pay", version="v42", at=1000))
    spike = await board.post(ErrorSpike(service="pay", at=1060, ratio=5), confidence=0.9)
    await board.settle()
    return deploy, spike


async def test_source_posts_its_conclusion_with_the_bound_entries_as_reason() -> None:
    """The short example of the documentation works as written."""
    async with TestBoard(deploy_correlator) as board:
        deploy, spike = await incident(board)
        (cause,) = board.entries(Cause)
        assert cause.data.version == "v42"
        assert cause.belief == pytest.approx(0.87)
        assert cause.because == (deploy.id, spike.id)
        assert board.state_hash() == board.replayed_hash()


async def test_retracting_a_reason_takes_the_conclusion_with_it() -> None:
    """Support is computed; the conclusion is out once its reason is."""
    async with TestBoard(deploy_correlator) as board:
        deploy, _ = await incident(board)
        await board.retract(deploy, reason="wrong service")
        assert board.entries(Cause) == []
        assert board.entries(Cause, live=False)[0].status == "unsupported"


async def test_same_run_twice_gives_the_same_log() -> None:
    """Seeded salts, virtual time and derived ids make a run reproducible."""
    seen: list[tuple[str, str]] = []
    for _ in range(2):
        async with TestBoard(deploy_correlator, completion=[Quiescent()]) as board:
            await incident(board)
            seen.append((board.transcript(), board.state_hash()))
    assert seen[0] == seen[1]
    assert "board_ended" in seen[0][0]


async def test_failed_attempt_is_retried_after_its_wait_and_then_buried() -> None:
    """Virtual time drives the backoff; after the last attempt the activation is a dead letter."""
    tries: list[int] = []

    @knowledge_source(attempts=3)
    async def flaky(ctx: Context, deploy: Entry[Deploy]) -> None:
        tries.append(ctx.attempt)
        raise ConnectionError("down")

    async with TestBoard(flaky) as board:
        await board.post(Deploy(service="pay", version="v42", at=1))
        for _ in range(4):
            await board.settle()
            board.clock.advance(60)
        assert tries == [1, 2, 3]
        (activation,) = board.activations("flaky")
        assert (activation.state, activation.reason) == ("dead", "ConnectionError: down")


async def test_fatal_error_is_not_retried() -> None:
    """`Fatal` says that trying again cannot help."""

    @knowledge_source
    async def hopeless(ctx: Context, deploy: Entry[Deploy]) -> None:
        raise Fatal("the account is closed")

    async with TestBoard(hopeless) as board:
        await board.post(Deploy(service="pay", version="v42", at=1))
        await board.settle()
        assert board.activations()[0].state == "dead"


async def test_handler_is_cancelled_when_its_reason_goes() -> None:
    """A lease whose bound entry is retracted is withdrawn."""
    cancelled: list[str] = []

    @knowledge_source
    async def slow(ctx: Context, deploy: Entry[Deploy]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(deploy.data.version)
            raise

    async with TestBoard(slow) as board:
        deploy = await board.post(Deploy(service="pay", version="v42", at=1))
        await asyncio.sleep(0)
        await board.retract(deploy)
        await board.settle()
        assert cancelled == ["v42"]
        assert board.activations()[0].state == "obviated"


async def test_attempt_that_outlives_its_timeout_is_offered_again() -> None:
    """Virtual time beyond the timeout expires the lease."""
    attempts: list[int] = []

    @knowledge_source(produces=[Cause], timeout=10)
    async def stuck(ctx: Context, deploy: Entry[Deploy]) -> Cause:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            await asyncio.Event().wait()
        return Cause(service=deploy.data.service, version=deploy.data.version, summary="at last")

    async with TestBoard(stuck) as board:
        await board.post(Deploy(service="pay", version="v42", at=1))
        await asyncio.sleep(0)
        board.clock.advance(9)
        assert attempts == [1]
        board.clock.advance(1)
        await board.settle()
        assert attempts == [1, 2]
        assert len(board.entries(Cause)) == 1


async def test_board_ends_solved_when_its_goal_is_met() -> None:
    """The goal is a pattern over the board."""
    goal = Goal(pattern=Pattern(variable="cause", type="Cause", min_belief=0.8))
    async with TestBoard(deploy_correlator, completion=[goal]) as board:
        await incident(board)
        assert (board.outcome, board.answer) == ("solved", (3,))


async def test_bad_data_is_refused_as_the_server_would() -> None:
    """What the engine refuses raises, and changes nothing."""
    async with TestBoard(deploy_correlator) as board:
        deploy = await board.post(Deploy(service="pay", version="v42", at=1))
        before = board.state_hash()
        with pytest.raises(Rejected, match="cannot reopen an entry that is proposed"):
            await board.judge(deploy, "reopen")
        assert board.state_hash() == before
