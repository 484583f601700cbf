"""The store as writers see it."""

import asyncio

from blackboard.core.errors import BlackboardError
from blackboard.core.record import GENESIS, Commit, Row, make_commit
from blackboard.server.journal import StoreJournal
from blackboard.store import MemoryStore


def commit(first: int = 1, previous: str = GENESIS) -> Commit:
    return make_commit("b", previous=previous, time_ms=1, rows=(Row(revision=first, body=b"{}"),))


async def outcome(journal: StoreJournal, what: Commit) -> BlackboardError | None:
    told: asyncio.Future[BlackboardError | None] = asyncio.get_running_loop().create_future()
    journal.append(what, told.set_result)
    assert not told.done(), "the outcome is told later, on the loop"
    return await told


async def test_a_stored_commit_is_told_without_an_error():
    """The commit is in the log then."""
    async with MemoryStore() as store:
        assert await outcome(StoreJournal(store), commit()) is None
        assert len(await store.read("b")) == 1


async def test_a_conflict_is_told_as_an_error():
    """It does not continue the log."""
    async with MemoryStore() as store:
        error = await outcome(StoreJournal(store), commit(first=5))
        assert error is not None
        assert error.code == "log_conflict"


async def test_a_store_that_takes_nothing_is_told_later_too():
    """So that a writer is never called back while it hands over."""
    async with MemoryStore() as store:
        journal = StoreJournal(store)
    error = await outcome(journal, commit())
    assert error is not None
    assert error.code == "shutting_down"


async def test_an_unforeseen_failure_counts_as_failed_storage():
    """Nothing is acknowledged on a guess."""

    class Broken(MemoryStore):
        def submit(self, commit: Commit) -> asyncio.Future[None]:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.set_exception(OSError("odd"))
            return future

    error = await outcome(StoreJournal(Broken()), commit())
    assert error is not None
    assert error.code == "storage_failed"


async def test_a_forgotten_outcome_counts_as_failed_storage():
    """A future that was cancelled tells nothing."""

    class Closing(MemoryStore):
        def submit(self, commit: Commit) -> asyncio.Future[None]:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.cancel()
            return future

    error = await outcome(StoreJournal(Closing()), commit())
    assert error is not None
    assert error.code == "storage_failed"
