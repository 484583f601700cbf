"""The group writer on its own, over a medium that does as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from blackboard.core.errors import BlackboardError
from blackboard.core.record import Commit
from blackboard.store import StoreConflict, StoreLimits
from blackboard.store.conformance import LogBuilder
from blackboard.store.writer import GroupWriter


class FakeMedium:
    """Accepts everything, in turns that last until `gate` is open, or raises `error`."""

    def __init__(self) -> None:
        self.batches: list[list[Commit]] = []
        self.tidied: list[bool] = []
        self.released = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, batch: Sequence[Commit]) -> Sequence[StoreConflict | None]:
        self.batches.append(list(batch))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [None] * len(batch)

    async def tidy(self, *, idle: bool) -> None:
        self.tidied.append(idle)

    async def release(self) -> None:
        self.released += 1


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_next_batch_gathers_while_the_last_is_written() -> None:
    """The first commit goes at once; what comes meanwhile goes together, after it."""
    medium = FakeMedium()
    medium.gate.clear()
    writer = GroupWriter(medium, StoreLimits())
    commits = LogBuilder("b").many(5)
    first = writer.submit(commits[0])
    await settle()
    others = [writer.submit(commit) for commit in commits[1:]]
    await settle()
    assert medium.batches == [commits[:1]]
    medium.gate.set()
    await asyncio.gather(first, *others)
    assert medium.batches == [commits[:1], commits[1:]]
    await writer.stop()
    assert medium.released == 0


async def test_brief_tidying_follows_each_batch_and_thorough_tidying_the_quiet() -> None:
    """After the last batch one long maintenance is made, and no more until something was written."""
    medium = FakeMedium()
    writer = GroupWriter(medium, StoreLimits(idle_ms=30))
    commits = LogBuilder("b").many(2)
    for count, commit in enumerate(commits, start=1):
        await writer.submit(commit)
        async with asyncio.timeout(10):
            while medium.tidied.count(True) < count:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    assert medium.tidied == [False, True, False, True]
    await writer.stop()


async def test_bug_in_the_medium_leaves_nobody_waiting() -> None:
    """An unforeseen error answers all callers with `storage_failed`, and surfaces where the writer ends."""
    medium = FakeMedium()
    medium.error = ZeroDivisionError("a bug")
    writer = GroupWriter(medium, StoreLimits(batch_commits_max=2))
    commits = LogBuilder("b").many(5)
    outcomes = await asyncio.gather(*map(writer.submit, commits), return_exceptions=True)
    assert [getattr(outcome, "code", None) for outcome in outcomes] == ["storage_failed"] * 5
    assert all("ZeroDivisionError" in str(outcome) for outcome in outcomes)
    with pytest.raises(BlackboardError, match="ZeroDivisionError"):
        writer.submit(commits[0])
    with pytest.raises(ZeroDivisionError):
        await writer.stop()
    assert (writer.state, medium.released, writer.statistics().failures) == ("failed", 1, 5)


async def test_stopping_writer_takes_no_more_but_finishes() -> None:
    """From the first moment of `stop` commits are refused; those that were queued are written."""
    medium = FakeMedium()
    medium.gate.clear()
    writer = GroupWriter(medium, StoreLimits(batch_commits_max=1))
    commits = LogBuilder("b").many(4)
    futures = [writer.submit(commit) for commit in commits[:3]]
    stopping = asyncio.create_task(writer.stop())
    await settle()
    with pytest.raises(BlackboardError) as caught:
        writer.submit(commits[3])
    assert caught.value.code == "shutting_down"
    medium.gate.set()
    await stopping
    assert [future.exception() for future in futures] == [None] * 3
    assert medium.batches == [[commit] for commit in commits[:3]]
    assert writer.state == "closed"


async def test_every_refusal_is_an_error_of_its_own() -> None:
    """Callers do not share an exception object, which would gather their tracebacks."""
    medium = FakeMedium()
    medium.error = BlackboardError("storage_full", "no room")
    writer = GroupWriter(medium, StoreLimits())
    outcomes = await asyncio.gather(*map(writer.submit, LogBuilder("b").many(3)), return_exceptions=True)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, BlackboardError)]
    assert [(refusal.code, refusal.__cause__) for refusal in refusals] == [("storage_full", medium.error)] * 3
    assert len({id(refusal) for refusal in refusals}) == 3
    assert writer.state == "open"
    await writer.stop()
