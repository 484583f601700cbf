"""Agents against a scripted server: offers, leases, reports, withdrawal, reconnects, stopping."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from blackboard_sources import Agent, connect

from blackboard.authoring import Context, Entry, Fatal, KnowledgeSource, Post, knowledge_source
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.client import SessionOptions
from blackboard.core.errors import BlackboardError
from tests.client.fake_server import DROP, SILENCE, FakeServer, in_turn, refuse, serving

FAST = SessionOptions(backoff_first=0.01, backoff_cap=0.02, request_timeout=5)


class Word(Hypothesis, level="word"):
    text: str


class Phrase(Hypothesis, level="phrase"):
    text: str


def offer(number: int = 1, token: int = 5, **more: Any) -> dict[str, Any]:
    entry = {
        "id": 3,
        "type": "Word",
        "level": "word",
        "data": {"text": "hi"},
        "version": 1,
        "status": "proposed",
        "author": "me",
        "confidence": 0.5,
        "belief": 0.5,
        "claims": [],
        "posted_ms": 5,
        "posted_revision": 1,
        "data_revision": 1,
    }
    return {
        "board": "b",
        "activation": number,
        "token": token,
        "agent": "a",
        "source": "act",
        "variables": ["word"],
        "entries": [entry],
        "attempt": 1,
        "lease_ms": 15_000,
        "accept_ms": 5_000,
        "timeout_ms": 5_000,
        **more,
    }


LEASE = {"board": "b", "activation": 1, "token": 5}


class Scene:
    """A fake server with one agent that runs the source `act`."""

    def __init__(self, server: FakeServer, agent: Agent, run: asyncio.Task[None]) -> None:
        self.server = server
        self.agent = agent
        self.run = run

    def offer(self, number: int = 1, token: int = 5, **more: Any) -> None:
        self.server.notify("activation.offered", offer(number, token, **more))

    async def report(self, method: str) -> dict[str, Any]:
        """Wait for a report and return it without its command_id."""
        (params, *rest) = await self.server.wait_for(f"activation.{method}")
        assert not rest
        return {key: value for key, value in params.items() if key != "command_id"}

    async def settle(self) -> None:
        """Wait until the agent works on nothing."""
        async with asyncio.timeout(5):
            while self.agent.active:
                await asyncio.sleep(0.001)


async def play(
    handler: Callable[..., Any], scene: Callable[[Scene], Any], *, options: SessionOptions = FAST, **more: Any
) -> None:
    """Run `scene` with an agent that works for `handler`."""
    source = handler if isinstance(handler, KnowledgeSource) else knowledge_source(name="act")(handler)
    async with (
        serving() as server,
        connect(server.url, token="t", agent="a", options=options, **more) as agent,
    ):
        agent.add(source)
        run = asyncio.create_task(agent.run())
        await server.wait_for("source.register")
        try:
            await asyncio.wait_for(scene(Scene(server, agent, run)), 15)
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


def reports(server: FakeServer) -> list[str]:
    ends = ("activation.complete", "activation.decline", "activation.fail")
    return [method for method, _ in server.requests if method in ends]


async def test_source_is_registered_with_its_declaration_and_credits() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None: ...

    async def scene(scene: Scene) -> None:
        (params,) = scene.server.said("source.register")
        assert (params["source"]["name"], params["credits"], params["replace"]) == ("act", 3, False)
        assert [each["name"] for each in params["source"]["types"]] == ["Word"]
        assert (scene.agent.credits, scene.agent.name) == (3, "a")

    await play(handler, scene, credits=3)


async def test_result_is_reported_with_the_completion() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        assert (ctx.board, ctx.activation, ctx.attempt, ctx.agent) == ("b", 1, 1, "a")
        assert 4 < ctx.deadline - ctx.clock() <= 5
        return Post(Phrase(text=f"{word.data.text}!"), confidence=word.confidence)

    async def scene(scene: Scene) -> None:
        scene.offer()
        assert await scene.report("complete") == {
            **LEASE,
            "contributions": [{"do": "post", "type": "Phrase", "data": {"text": "hi!"}, "confidence": 0.5}],
        }
        assert scene.server.said("activation.accept") == [LEASE]
        order = [method for method, _ in scene.server.requests if method.startswith("activation.")]
        assert order == ["activation.accept", "activation.complete"]
        await scene.settle()

    await play(handler, scene)


async def test_returning_nothing_declines() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None: ...

    async def scene(scene: Scene) -> None:
        scene.offer()
        assert await scene.report("decline") == {**LEASE, "reason": "the handler returned None"}

    await play(handler, scene)


async def test_returning_nothing_after_a_partial_result_completes() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None:
        assert await ctx.post(Phrase(text="x"), confidence=0.5, keep=True) > 0
        await ctx.link("supports", word, 2)
        await ctx.judge(word, "accept")
        await ctx.retract(2)
        await ctx.revise(word, confidence=0.25)
        ctx.progress("half way")

    async def scene(scene: Scene) -> None:
        scene.offer()
        assert await scene.report("complete") == {**LEASE, "contributions": []}
        for method in ("post", "link", "judge", "retract", "revise"):
            (params,) = scene.server.said(f"entry.{method}")
            assert (params["activation"], params["token"]) == (1, 5)

    await play(handler, scene)


async def test_handler_reads_the_board() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> list[Post]:
        words = await ctx.entries(Word, live=False)
        one = await ctx.get(3)
        return [Post(Phrase(text=words[0].data.text + one.data["text"]))]

    async def scene(scene: Scene) -> None:
        (entry,) = offer()["entries"]
        scene.server.scripts["entry.list"] = lambda _: {"entries": [entry], "revision": 4}
        scene.server.scripts["entry.get"] = lambda _: entry
        scene.offer()
        report = await scene.report("complete")
        assert report["contributions"][0]["data"] == {"text": "hihi"}

    await play(handler, scene)


async def test_failure_names_what_and_where_and_may_be_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None:
        raise KeyError("lost")

    async def scene(scene: Scene) -> None:
        with caplog.at_level(logging.CRITICAL, "blackboard.sources"):
            scene.offer()
            report = await scene.report("fail")
        line = handler.__code__.co_firstlineno + 1
        assert report == {**LEASE, "error": f"KeyError: 'lost' (test_agent.py:{line})", "retryable": True}

    await play(handler, scene)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (Fatal("never"), False),
        (BlackboardError("too_busy", "later"), True),
        (BlackboardError("version_conflict", "changed"), True),
        (BlackboardError("schema_violation", "wrong"), False),
        (TimeoutError("its own"), True),
        (asyncio.CancelledError(), True),
    ],
)
async def test_error_says_whether_trying_again_can_help(error: BaseException, retryable: bool) -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None:
        raise error

    async def scene(scene: Scene) -> None:
        scene.offer()
        report = await scene.report("fail")
        assert report["retryable"] is retryable
        assert str(error) in report["error"]

    await play(handler, scene)


async def test_wrong_result_fails_for_good() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> Any:
        return 3

    async def scene(scene: Scene) -> None:
        scene.offer()
        report = await scene.report("fail")
        assert report["retryable"] is False
        assert "the handler returned 3; expected None" in report["error"]

    await play(handler, scene)


async def test_attempt_beyond_its_timeout_is_cut_off_and_fails() -> None:
    cut: list[bool] = []

    async def handler(ctx: Context, word: Entry[Word]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cut.append(True)

    async def scene(scene: Scene) -> None:
        scene.offer(timeout_ms=50)
        report = await scene.report("fail")
        assert report == {**LEASE, "error": "timed out after 0.05 s", "retryable": True}
        assert cut == [True]

    await play(handler, scene)


async def test_lease_is_renewed_at_a_third_of_its_term_while_the_handler_waits() -> None:
    release = asyncio.Event()

    async def handler(ctx: Context, word: Entry[Word]) -> None:
        await release.wait()

    async def scene(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        scene.offer(lease_ms=300)
        assert (await scene.server.wait_for("activation.renew", 3))[0] == LEASE
        assert loop.time() - started >= 0.28
        release.set()
        await scene.report("decline")
        await scene.settle()
        count = len(scene.server.said("activation.renew"))
        await asyncio.sleep(0.25)
        assert len(scene.server.said("activation.renew")) == count

    await play(handler, scene)


async def test_plain_handler_does_not_keep_the_lease_from_being_renewed() -> None:
    release = threading.Event()

    def handler(ctx: Context, word: Entry[Word]) -> Post:
        assert release.wait(10)
        return Post(Phrase(text="x"))

    async def scene(scene: Scene) -> None:
        scene.offer(lease_ms=60)
        await scene.server.wait_for("activation.renew", 2)
        release.set()
        await scene.report("complete")

    await play(handler, scene)


async def test_withdrawn_activation_is_cancelled_and_not_reported() -> None:
    cut = asyncio.Event()

    async def handler(ctx: Context, word: Entry[Word]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cut.set()

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.server.wait_for("activation.accept")
        scene.server.notify("activation.withdrawn", {**LEASE, "token": 4, "agent": "a", "reason": "old"})
        scene.server.notify(
            "activation.withdrawn", {**LEASE, "activation": 9, "agent": "a", "reason": "other"}
        )
        await scene.agent.session.request("session.ping", {})
        assert not cut.is_set()
        scene.server.notify(
            "activation.withdrawn", {**LEASE, "agent": "a", "reason": "entry #3 was retracted"}
        )
        await cut.wait()
        await scene.settle()
        assert reports(scene.server) == []

    await play(handler, scene)


async def test_handler_that_cleans_up_is_cancelled_only_once() -> None:
    cleaned = asyncio.Event()

    async def handler(ctx: Context, word: Entry[Word]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            cleaned.set()

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.server.wait_for("activation.accept")
        for _ in range(2):
            scene.server.notify("activation.withdrawn", {**LEASE, "agent": "a", "reason": "r"})
            await scene.agent.session.request("session.ping", {})
        async with asyncio.timeout(5):
            await cleaned.wait()

    await play(handler, scene)


async def test_handler_that_swallows_its_cancellation_still_reports_nothing() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return Post(Phrase(text="too late"))

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.server.wait_for("activation.accept")
        scene.server.notify("activation.withdrawn", {**LEASE, "agent": "a", "reason": "r"})
        await scene.agent.session.request("session.ping", {})
        await scene.settle()
        assert reports(scene.server) == []

    await play(handler, scene)


@pytest.mark.parametrize("method", ["activation.accept", "activation.renew"])
async def test_stale_token_cancels_the_work(method: str) -> None:
    cut = asyncio.Event()

    async def handler(ctx: Context, word: Entry[Word]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cut.set()

    async def scene(scene: Scene) -> None:
        scene.server.scripts[method] = refuse("stale_token", "it was offered again")
        scene.offer(lease_ms=60)
        await cut.wait()
        await scene.settle()
        assert reports(scene.server) == []

    await play(handler, scene)


async def test_passing_refusal_of_a_renewal_changes_nothing() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        await asyncio.sleep(0.1)
        return Post(Phrase(text="x"))

    async def scene(scene: Scene) -> None:
        scene.server.scripts["activation.renew"] = refuse("too_busy", "wait")
        scene.offer(lease_ms=60)
        await scene.report("complete")

    await play(handler, scene)


async def test_stale_token_within_the_handler_ends_it_silently() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None:
        await ctx.post(Word(text="x"))

    async def scene(scene: Scene) -> None:
        scene.server.scripts["entry.post"] = refuse("stale_token", "gone")
        scene.offer()
        await scene.server.wait_for("entry.post")
        await scene.settle()
        assert reports(scene.server) == []

    await play(handler, scene)


@pytest.mark.parametrize(("code", "retryable"), [("schema_violation", False), ("version_conflict", True)])
async def test_refused_contributions_are_reported_as_a_failure(code: str, retryable: bool) -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        return Post(Phrase(text="x"))

    async def scene(scene: Scene) -> None:
        scene.server.scripts["activation.complete"] = refuse(code, "no good")
        scene.offer()
        assert await scene.report("fail") == {**LEASE, "error": f"{code}: no good", "retryable": retryable}

    await play(handler, scene)


@pytest.mark.parametrize("code", ["stale_token", "board_ended", "too_busy"])
async def test_result_that_is_nobodys_any_more_is_dropped(code: str) -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        return Post(Phrase(text="x"))

    async def scene(scene: Scene) -> None:
        scene.server.scripts["activation.complete"] = refuse(code, "late")
        scene.offer()
        await scene.report("complete")
        await scene.settle()
        assert reports(scene.server) == ["activation.complete"]

    await play(handler, scene)


async def test_failure_that_is_refused_as_well_is_let_go() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        return Post(Phrase(text="x"))

    async def scene(scene: Scene) -> None:
        scene.server.scripts["activation.complete"] = refuse("schema_violation", "no")
        scene.server.scripts["activation.fail"] = refuse("stale_token", "late")
        scene.offer()
        await scene.report("fail")
        await scene.settle()
        assert not scene.run.done()

    await play(handler, scene)


async def test_type_that_was_not_declared_is_defined_before_the_completion() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> list[Phrase | Word]:
        return [Phrase(text="x"), Word(text="y")]

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.report("complete")
        assert [each["type"]["name"] for each in scene.server.said("type.define")] == ["Phrase"]

    await play(handler, scene)


async def test_offers_beyond_the_credits_are_held_and_run_in_their_turn() -> None:
    """An agent on several boards holds more leases than credits; the surplus waits, its leases renewed."""
    release = asyncio.Event()
    running: list[int] = []

    async def handler(ctx: Context, word: Entry[Word]) -> None:
        running.append(ctx.activation)
        await release.wait()

    async def scene(scene: Scene) -> None:
        for number in (1, 2, 3):
            scene.offer(number)
        await scene.server.wait_for("activation.accept", 3)
        await scene.agent.session.request("session.ping", {})
        assert running == [1]
        assert scene.agent.active == 3
        await scene.agent.set_credits(2)
        await scene.agent.session.request("session.ping", {})
        assert running == [1, 2]
        release.set()
        await scene.settle()
        assert running == [1, 2, 3]

    await play(handler, scene, credits=1)


async def test_offer_for_an_unknown_source_or_of_a_newer_shape_harms_nothing() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None: ...

    async def scene(scene: Scene) -> None:
        scene.offer(7, source="other")
        scene.server.notify("activation.offered", {"board": "b"})
        scene.offer(1)
        await scene.report("decline")
        assert [each["activation"] for each in scene.server.said("activation.accept")] == [1]

    await play(handler, scene)


async def test_reconnect_registers_again_and_renews_what_runs() -> None:
    release = asyncio.Event()
    runs: list[int] = []

    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        runs.append(ctx.activation)
        await release.wait()
        return Post(Phrase(text="x"))

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.server.wait_for("activation.accept")
        scene.server.cut()
        await scene.server.wait_for("source.register", 2)
        assert (await scene.server.wait_for("activation.renew"))[0] == LEASE
        assert [each["agent"] for each in scene.server.said("session.hello")] == ["a", "a"]
        scene.offer()  # the same lease, offered again to the agent that resumed it
        await scene.agent.session.request("session.ping", {})
        release.set()
        await scene.report("complete")
        assert runs == [1]

    await play(handler, scene)


async def test_offer_after_a_reconnect_is_taken() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None: ...

    async def scene(scene: Scene) -> None:
        scene.server.cut()
        await scene.server.wait_for("source.register", 2)
        scene.offer(2)
        assert (await scene.report("decline"))["activation"] == 2

    await play(handler, scene)


async def test_offer_under_a_newer_token_replaces_the_attempt() -> None:
    seen: list[str] = []
    release = asyncio.Event()

    async def handler(ctx: Context, word: Entry[Word]) -> None:
        try:
            seen.append("start")
            await release.wait()
        except asyncio.CancelledError:
            seen.append("cut")
            raise

    async def scene(scene: Scene) -> None:
        scene.offer(token=5)
        await scene.server.wait_for("activation.accept")
        scene.offer(token=6)
        await scene.server.wait_for("activation.accept", 2)
        release.set()
        assert (await scene.report("decline"))["token"] == 6
        assert sorted(seen) == ["cut", "start", "start"]

    await play(handler, scene, credits=1)


async def test_completion_lost_with_the_connection_is_repeated_under_its_command_id() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        return Post(Phrase(text="x"))

    async def scene(scene: Scene) -> None:
        receipt = {"revision": 1, "entries": [1], "repeated": True}
        scene.server.scripts["activation.complete"] = in_turn(DROP, receipt)
        scene.offer()
        first, second = await scene.server.wait_for("activation.complete", 2)
        assert first == second
        await scene.settle()

    await play(handler, scene)


async def test_stopping_lets_handlers_finish() -> None:
    release = asyncio.Event()

    async def handler(ctx: Context, word: Entry[Word]) -> Post:
        await release.wait()
        return Post(Phrase(text="x"))

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.server.wait_for("activation.accept")
        scene.agent.stop(grace=5)
        assert await scene.server.wait_for("agent.credits") == [{"credits": 0}]
        await scene.agent.session.request("session.ping", {})
        scene.offer(2)
        await scene.agent.session.request("session.ping", {})
        release.set()
        await asyncio.wait_for(scene.run, 5)
        assert (await scene.report("complete"))["activation"] == 1
        assert len(scene.server.said("activation.accept")) == 1

    await play(handler, scene)


async def test_stopping_gives_back_what_does_not_finish() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None:
        await asyncio.sleep(60)

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.server.wait_for("activation.accept")
        scene.agent.stop(grace=0.05)
        await asyncio.wait_for(scene.run, 5)
        assert await scene.report("fail") == {**LEASE, "error": "the agent stopped"}

    await play(handler, scene)


async def test_cancelling_run_gives_work_back() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None:
        await asyncio.sleep(60)

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.server.wait_for("activation.accept")
        scene.run.cancel()
        await scene.report("fail")

    await play(handler, scene)


async def test_run_raises_why_a_source_is_refused() -> None:
    async with serving() as server, connect(server.url, token="t", options=FAST) as agent:
        server.scripts["source.register"] = refuse("source_conflict", "another trigger")

        @knowledge_source
        async def act(ctx: Context, word: Entry[Word]) -> None: ...

        agent.add(act)
        with pytest.raises(BlackboardError, match="another trigger"):
            await agent.run()


async def test_run_raises_why_the_session_ended() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None:
        await asyncio.sleep(60)

    async def scene(scene: Scene) -> None:
        scene.offer()
        await scene.server.wait_for("activation.accept")
        scene.server.scripts["session.hello"] = refuse("unauthorized", "the token was revoked")
        scene.server.cut()
        with pytest.raises(BlackboardError, match="revoked"):
            await scene.run

    await play(handler, scene)


async def test_agent_says_how_it_is_used_wrongly() -> None:
    @knowledge_source
    async def act(ctx: Context, word: Entry[Word]) -> None: ...

    other = knowledge_source(name="act")(act.handler)
    async with serving() as server, connect(server.url, token="t", options=FAST) as agent:
        with pytest.raises(BlackboardError, match="no source; call"):
            await agent.run()
        agent.add(act, boards=["b"], replace=True)
        agent.add(act)
        with pytest.raises(BlackboardError, match="two sources are called 'act'"):
            agent.add(other)
        run = asyncio.create_task(agent.run())
        await server.wait_for("source.register")
        with pytest.raises(BlackboardError, match="before run"):
            agent.add(act)
        with pytest.raises(BlackboardError, match="runs already"):
            await agent.run()
        agent.stop()
        await run
        assert (await agent.open_board("b")).name == agent.board("b").name == "b"
        await agent.set_credits(2)
        assert (agent.credits, agent.active) == (2, 0)


async def test_accept_that_is_never_answered_does_not_hold_the_work_up() -> None:
    async def handler(ctx: Context, word: Entry[Word]) -> None: ...

    async def scene(scene: Scene) -> None:
        scene.server.scripts["activation.accept"] = lambda _: SILENCE
        scene.offer()
        await scene.report("decline")
        await scene.settle()

    await play(handler, scene)
