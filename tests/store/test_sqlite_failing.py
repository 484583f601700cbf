"""What the SQLite store does when the disk is full, fails, or answers late (SEMANTICS, Failing storage)."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from blackboard.core.errors import BlackboardError
from blackboard.store import SqliteStore, StoreConflict, StoreLimits
from blackboard.store.conformance import LogBuilder
from tests.store.faulty import FaultyDisk


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "board.db"


def code_of(outcome: object) -> str:
    return outcome.code if isinstance(outcome, BlackboardError) else repr(outcome)


async def test_full_disk_refuses_and_writing_resumes_by_itself(path: Path, disk: FaultyDisk) -> None:
    """`storage_full` leaves no trace; once there is room, the same commit goes through."""
    async with SqliteStore(path, connect=disk) as store:
        builder = LogBuilder("b")
        kept = builder.next(b"small")
        await store.append(kept)
        large = builder.next(b"x" * 500_000)
        disk.pages_max = 20
        for _ in range(2):
            with pytest.raises(BlackboardError) as caught:
                await store.append(large)
            assert (caught.value.code, caught.value.retryable) == ("storage_full", True)
        assert await store.read("b") == [kept]
        assert not await store.resolve("b", large.hash)
        assert store.statistics().state == "open"
        disk.pages_max = 100_000
        await store.append(large)
        assert [commit async for commit in store.log("b")] == [kept, large]


async def test_full_disk_fails_the_whole_batch_and_what_was_chained_to_it(
    path: Path, disk: FaultyDisk
) -> None:
    """Queued commits of the same boards fail with the same code; other boards are tried and go through."""
    async with SqliteStore(path, connect=disk, limits=StoreLimits(batch_commits_max=2)) as store:
        full, other = LogBuilder("full"), LogBuilder("other")
        await store.append(other.next())
        disk.pages_max = 20
        refused = [full.next(b"x" * 500_000), full.next(), full.next()]
        kept = other.next()
        outcomes = await asyncio.gather(
            *map(store.submit, [refused[0], refused[1], kept, refused[2]]), return_exceptions=True
        )
        assert [code_of(outcome) for outcome in outcomes] == [
            "storage_full",
            "storage_full",
            "None",
            "storage_full",
        ]
        assert [head.board for head in await store.boards()] == ["other"]
        disk.pages_max = 100_000
        await asyncio.gather(*map(store.submit, refused))
        assert await store.read("full") == refused


@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "COMMIT"])
async def test_busy_file_is_too_busy_and_leaves_no_trace(
    path: Path, disk: FaultyDisk, statement: str
) -> None:
    """A file that another program keeps locked refuses the batch; the next one is tried afresh."""
    async with SqliteStore(path, connect=disk) as store:
        commit = LogBuilder("b").next()
        disk.fail_at = {statement: sqlite3.SQLITE_BUSY}
        with pytest.raises(BlackboardError) as caught:
            await store.append(commit)
        assert caught.value.code == "too_busy"
        disk.fail_at = {}
        assert await store.read("b") == []
        await store.append(commit)


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_CORRUPT]
)
@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "COMMIT"])
async def test_failed_write_ends_all_acknowledgement_until_reopened(
    path: Path, disk: FaultyDisk, statement: str, code: int
) -> None:
    """Everything that waits fails, nothing more is taken, reads go on, and reopening resumes."""
    store = SqliteStore(path, connect=disk, limits=StoreLimits(batch_commits_max=2))
    builder, other = LogBuilder("b"), LogBuilder("other")
    await store.open()
    kept = builder.next()
    await store.append(kept)
    disk.fail_at = {statement: code}
    lost = builder.many(3)
    outcomes = await asyncio.gather(*map(store.submit, [*lost, other.next()]), return_exceptions=True)
    assert {code_of(outcome) for outcome in outcomes} == {"storage_failed"}
    disk.fail_at = {}
    with pytest.raises(BlackboardError, match="INJECTED") as caught:
        await store.append(other.next())
    assert caught.value.code == "storage_failed"
    assert store.statistics().state == "failed"
    assert await store.read("b") == [kept]
    await store.close()
    async with store:
        assert store.statistics().state == "open"
        assert await store.read("b") == [kept]
        await asyncio.gather(*map(store.submit, lost))
        assert await store.read("b") == [kept, *lost]


async def test_unknown_outcome_is_resolved_after_reopening(path: Path, disk: FaultyDisk) -> None:
    """A commit whose sync failed after it was written is found by its id, and is not applied twice."""
    builder = LogBuilder("b")
    commit, never = builder.next(), builder.next()
    store = SqliteStore(path, connect=disk)
    await store.open()
    disk.lose_after_commit = True
    with pytest.raises(BlackboardError) as caught:
        await store.append(commit)
    assert caught.value.code == "storage_failed"
    await store.close()
    disk.lose_after_commit = False
    async with SqliteStore(path) as again:
        assert await again.resolve("b", commit.hash)
        assert not await again.resolve("b", never.hash)
        with pytest.raises(StoreConflict):
            await again.append(commit)
        await again.append(never)


async def test_failed_checkpoint_ends_acknowledgement(path: Path, disk: FaultyDisk) -> None:
    """A checkpoint syncs the file; if that fails, the store fails although the batch before it did not."""
    builder = LogBuilder("b")
    async with SqliteStore(path, connect=disk, limits=StoreLimits(checkpoint_pages=1)) as store:
        disk.fail_at = {"PRAGMA wal_checkpoint": sqlite3.SQLITE_IOERR_FSYNC}
        await store.append(builder.next())
        with pytest.raises(BlackboardError) as caught:
            await store.append(builder.next())
        assert caught.value.code == "storage_failed"


async def test_checkpoint_without_room_is_tried_again(path: Path, disk: FaultyDisk) -> None:
    """A full disk during a checkpoint harms nothing: the log still holds everything."""
    builder = LogBuilder("b")
    commits = builder.many(4)
    async with SqliteStore(path, connect=disk, limits=StoreLimits(checkpoint_pages=1)) as store:
        disk.fail_at = {"PRAGMA wal_checkpoint": sqlite3.SQLITE_FULL}
        for commit in commits[:2]:
            await store.append(commit)
        assert store.statistics().checkpoints == 0
        disk.fail_at = {}
        for commit in commits[2:]:
            await store.append(commit)
        assert await store.read("b") == commits
    assert store.statistics().state == "closed"


async def test_failing_read_fails_the_read_alone(path: Path, disk: FaultyDisk) -> None:
    """Read errors are reported to the reader; writing goes on."""
    builder = LogBuilder("b")
    async with SqliteStore(path, connect=disk) as store:
        await store.append(builder.next())
        for code, expected in [
            (sqlite3.SQLITE_IOERR, "read_failed"),
            (sqlite3.SQLITE_CORRUPT, "log_corrupt"),
        ]:
            disk.fail_at = {"SELECT number": code}
            with pytest.raises(BlackboardError) as caught:
                await store.read("b")
            assert caught.value.code == expected
            disk.fail_at = {}
            await store.append(builder.next())
        assert (await store.head("b")).revision == 3


async def test_late_disk_delays_no_caller_beyond_its_own_deadline(path: Path, disk: FaultyDisk) -> None:
    """A caller may give up while the disk hangs; the write goes on, and others gather behind."""
    builder = LogBuilder("b")
    commits = builder.many(10)
    async with SqliteStore(path, connect=disk) as store:
        disk.held.clear()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.append(commits[0]), 0.05)
        waiting = [store.submit(commit) for commit in commits[1:]]
        assert await store.read("b") == []
        assert store.statistics().queued == 9
        disk.held.set()
        await asyncio.gather(*waiting)
        assert await store.read("b") == commits
        assert (store.statistics().batches, disk.commits) == (2, 2)


async def test_cancelled_close_answers_everyone_and_releases_the_file(path: Path, disk: FaultyDisk) -> None:
    """Giving up on a hanging disk leaves no caller waiting; the file is free once it answers."""
    commits = LogBuilder("b").many(3)
    store = SqliteStore(path, connect=disk)
    await store.open()
    disk.held.clear()
    writing = store.submit(commits[0])
    await asyncio.sleep(0.02)
    queued = [store.submit(commit) for commit in commits[1:]]
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0.02)
    closing.cancel()
    asyncio.get_running_loop().call_later(0.05, disk.held.set)
    with pytest.raises(asyncio.CancelledError):
        await closing
    outcomes = await asyncio.gather(writing, *queued, return_exceptions=True)
    assert [code_of(outcome) for outcome in outcomes] == ["storage_failed"] * 3
    async with SqliteStore(path) as again:
        assert [await again.resolve("b", commit.hash) for commit in commits] == [True, False, False]
