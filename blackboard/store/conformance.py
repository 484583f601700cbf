"""The suite that every store passes: what the contract promises, as cases that run on any of them.

A case takes a `make` function and is awaited; it fails by `AssertionError` or by an error of the store. All
stores that one `make` returns share a medium, of which one at a time is open. Nothing here depends on a test
framework, so that a store kept elsewhere can be judged by it as well.

    for case in CASES:
        await case(make)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from blackboard.core.errors import BlackboardError
from blackboard.core.record import GENESIS, Commit, Row, make_commit
from blackboard.store.contract import Head, Store, StoreConflict
from blackboard.store.limits import DEFAULT_STORE_LIMITS, StoreLimits

__all__ = ["CASES", "Case", "LogBuilder", "Make"]

Make: TypeAlias = Callable[[StoreLimits], Store]
Case: TypeAlias = Callable[[Make], Awaitable[None]]

_DEADLINE_S = 20.0


class LogBuilder:
    """Makes commits that continue each other, as a board's writer does.

    Args:
        board: The board.
    """

    def __init__(self, board: str) -> None:
        self.head = Head(board=board)

    def next(self, *bodies: bytes, time_ms: int | None = None) -> Commit:
        """Return the next commit, with a row for each body; every second row has data."""
        head = self.head
        rows = tuple(
            _row(head.revision + offset, body) for offset, body in enumerate(bodies or (b"{}",), start=1)
        )
        commit = make_commit(
            head.board,
            previous=head.hash,
            time_ms=head.time_ms + 1 if time_ms is None else time_ms,
            rows=rows,
        )
        self.head = Head(board=head.board, revision=commit.last, hash=commit.hash, time_ms=commit.time_ms)
        return commit

    def many(self, count: int) -> list[Commit]:
        """Return the next `count` commits, of one to three rows each."""
        return [self.next(*(b'{"n":%d}' % number for _ in range(1 + number % 3))) for number in range(count)]


def _row(revision: int, body: bytes) -> Row:
    if revision % 2:
        return Row(revision=revision, body=body)
    return Row(revision=revision, body=body, data=b'{"revision":%d}' % revision, salt=bytes(16))


async def _read_all(store: Store, board: str, after: int = 0) -> list[Commit]:
    return [commit async for commit in store.log(board, after=after)]


async def _expect(code: str, waiting: Awaitable[object]) -> BlackboardError:
    """Return the error that `waiting` ends with, which must have this code."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            await waiting
    except BlackboardError as error:
        found = error
    else:
        raise AssertionError(f"expected {code}, but it went well")
    assert found.code == code, f"expected {code}, got {found.code}: {found.message}"
    return found


async def new_store_is_empty(make: Make) -> None:
    """A fresh store has no boards; an unknown board has no log and ends at revision 0."""
    async with make(DEFAULT_STORE_LIMITS) as store:
        assert await store.boards() == []
        assert await store.head("nobody") == Head(board="nobody", revision=0, hash=GENESIS, time_ms=0)
        assert await store.read("nobody") == []
        assert await _read_all(store, "nobody") == []
        assert not await store.resolve("nobody", "0" * 64)


async def appended_commits_read_back_equal(make: Make) -> None:
    """What was appended is read back whole, byte for byte, in order."""
    commits = LogBuilder("kitchen").many(20)
    async with make(DEFAULT_STORE_LIMITS) as store:
        for commit in commits:
            await store.append(commit)
        assert await store.read("kitchen") == commits
        assert await _read_all(store, "kitchen") == commits


async def empty_and_binary_parts_keep_their_form(make: Make) -> None:
    """Empty data differs from none, and no byte is special."""
    rows = (
        Row(revision=1, body=b"", data=b"", salt=b""),
        Row(revision=2, body=bytes(range(256)), data=None, salt=None),
        Row(revision=3, body=b"\xff\x00", data=bytes(range(255, -1, -1)), salt=b"\x00" * 16),
    )
    board = "a board'; \N{SNOWMAN} \U0001f600"
    commit = make_commit(board, previous=GENESIS, time_ms=2**52, rows=rows)
    async with make(DEFAULT_STORE_LIMITS) as store:
        await store.append(commit)
        assert await store.read(board) == [commit]


async def heads_follow_the_logs(make: Make) -> None:
    """`head` and `boards` tell revision, hash and time of the last commit, boards by name."""
    builders = [LogBuilder(name) for name in ("b", "a", "c")]
    async with make(DEFAULT_STORE_LIMITS) as store:
        for round_number in range(3):
            for builder in builders[: 3 - round_number]:
                await store.append(builder.next(b"1", b"2", time_ms=100 + round_number))
        expected = sorted((builder.head for builder in builders), key=lambda head: head.board)
        assert await store.boards() == expected
        assert [await store.head(head.board) for head in expected] == expected


async def pages_hold_whole_commits(make: Make) -> None:
    """A page begins with the commit that holds `after + 1` and has at most `limit` commits."""
    builder = LogBuilder("b")
    commits = [builder.next(b"1", b"2", b"3"), builder.next(b"4"), builder.next(b"5", b"6")]
    async with make(DEFAULT_STORE_LIMITS) as store:
        for commit in commits:
            await store.append(commit)
        assert await store.read("b", after=0, limit=1) == commits[:1]
        assert await store.read("b", after=2, limit=2) == commits[:2]
        assert await store.read("b", after=3) == commits[1:]
        assert await store.read("b", after=5) == commits[2:]
        assert await store.read("b", after=6) == []
        assert await store.read("b", after=1_000) == []


async def log_reads_over_page_bounds(make: Make) -> None:
    """The log comes whole although pages are small, from any revision on."""
    commits = LogBuilder("b").many(50)
    limits = StoreLimits(read_commits_max=7, read_bytes_max=64)
    async with make(limits) as store:
        for commit in commits:
            await store.append(commit)
        assert len(await store.read("b", limit=1_000)) <= limits.read_commits_max
        assert await _read_all(store, "b") == commits
        assert await _read_all(store, "b", after=commits[29].last) == commits[30:]


async def commit_that_leaves_a_gap_is_a_conflict(make: Make) -> None:
    """A commit beyond the head is refused, and the log is as it was."""
    builder = LogBuilder("b")
    first, skipped, third = builder.next(), builder.next(), builder.next()
    async with make(DEFAULT_STORE_LIMITS) as store:
        await store.append(first)
        error = await _expect("log_conflict", store.append(third))
        assert isinstance(error, StoreConflict)
        assert (error.commit, error.head.revision, error.head.hash) == (third, 1, first.hash)
        assert await store.read("b") == [first]
        await store.append(skipped)
        await store.append(third)
        assert await store.read("b") == [first, skipped, third]


async def commit_on_another_predecessor_is_a_conflict(make: Make) -> None:
    """The right revision on the wrong hash is refused, also for a board's first commit."""
    builder = LogBuilder("b")
    first = builder.next()
    fork = make_commit("b", previous="f" * 64, time_ms=1, rows=(Row(revision=2, body=b"x"),))
    rootless = make_commit("c", previous="f" * 64, time_ms=1, rows=(Row(revision=1, body=b"x"),))
    async with make(DEFAULT_STORE_LIMITS) as store:
        await store.append(first)
        await _expect("log_conflict", store.append(fork))
        await _expect("log_conflict", store.append(rootless))
        assert await store.boards() == [builder.head]


async def same_commit_twice_is_a_conflict(make: Make) -> None:
    """An append is never applied twice, not even within one batch."""
    commit = LogBuilder("b").next()
    async with make(DEFAULT_STORE_LIMITS) as store:
        once, twice = store.submit(commit), store.submit(commit)
        await once
        await _expect("log_conflict", twice)
        await _expect("log_conflict", store.append(commit))
        assert await store.read("b") == [commit]


async def conflict_fails_its_followers_alone(make: Make) -> None:
    """Commits chained to a refused one are refused with it; other boards and earlier commits are not."""
    good, bad = LogBuilder("good"), LogBuilder("bad")
    kept = bad.next()
    bad.next()
    refused = bad.many(3)
    others = good.many(4)
    async with make(DEFAULT_STORE_LIMITS) as store:
        queue = [kept, others[0], refused[0], others[1], refused[1], others[2], refused[2], others[3]]
        outcomes = await asyncio.gather(*map(store.submit, queue), return_exceptions=True)
        conflicts = [outcome for outcome in outcomes if isinstance(outcome, StoreConflict)]
        assert [conflict.commit for conflict in conflicts] == refused
        assert await store.read("bad") == [kept]
        assert await store.read("good") == others
        assert store.statistics().conflicts == len(refused)


async def one_of_two_rivals_wins(make: Make) -> None:
    """Of two commits for the same place exactly one is kept, the first that was submitted."""
    left = make_commit("b", previous=GENESIS, time_ms=1, rows=(Row(revision=1, body=b"left"),))
    right = make_commit("b", previous=GENESIS, time_ms=1, rows=(Row(revision=1, body=b"right"),))
    async with make(DEFAULT_STORE_LIMITS) as store:
        won, lost = store.submit(left), store.submit(right)
        await won
        await _expect("log_conflict", lost)
        assert await store.resolve("b", left.hash)
        assert not await store.resolve("b", right.hash)


async def waiting_commits_share_transactions(make: Make) -> None:
    """What waits is written together, in the order of submission."""
    logs = [LogBuilder(f"board-{number}").many(25) for number in range(4)]
    count = sum(map(len, logs))
    async with make(DEFAULT_STORE_LIMITS) as store:
        futures = [store.submit(commit) for turn in zip(*logs, strict=True) for commit in turn]
        assert store.statistics().queued == count
        await asyncio.gather(*futures)
        statistics = store.statistics()
        assert (statistics.batches, statistics.commits, statistics.largest_batch) == (1, count, count)
        assert (statistics.queued, statistics.queued_bytes) == (0, 0)
        assert statistics.rows == sum(len(commit.rows) for log in logs for commit in log)
        for log in logs:
            assert await _read_all(store, log[0].board) == log


async def batches_stay_within_their_bounds(make: Make) -> None:
    """A long queue is written in several batches; the order holds over their seams."""
    commits = LogBuilder("b").many(40)
    limits = StoreLimits(batch_commits_max=8, batch_bytes_max=100)
    async with make(limits) as store:
        await asyncio.gather(*map(store.submit, commits))
        statistics = store.statistics()
        assert statistics.largest_batch <= limits.batch_commits_max
        assert statistics.batches * limits.batch_commits_max >= len(commits)
        assert await _read_all(store, "b") == commits


async def full_queue_is_too_busy(make: Make) -> None:
    """One commit more than the queue takes is refused at once; the queued ones are written."""
    builder = LogBuilder("b")
    commits = builder.many(3)
    async with make(StoreLimits(queue_commits_max=3)) as store:
        futures = [store.submit(commit) for commit in commits]
        late = builder.next()
        await _expect("too_busy", store.append(late))
        await asyncio.gather(*futures)
        await store.append(late)
        assert await store.read("b") == [*commits, late]


async def queue_is_bounded_in_bytes(make: Make) -> None:
    """A commit that is larger than the queue is taken alone; beside another it is refused."""
    builder = LogBuilder("b")
    large, small = builder.next(b"x" * 1_000), builder.next(b"y")
    async with make(StoreLimits(queue_bytes_max=500, batch_bytes_max=500)) as store:
        future = store.submit(large)
        await _expect("too_busy", store.append(small))
        await future
        await store.append(small)
        assert await store.read("b") == [large, small]


async def cancelled_append_is_written_all_the_same(make: Make) -> None:
    """Cancelling a caller, before or after its batch began, cancels no write and disturbs no other."""
    commits = LogBuilder("b").many(6)
    async with make(DEFAULT_STORE_LIMITS) as store:
        tasks = [asyncio.create_task(store.append(commit)) for commit in commits]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes[1::2] == [None, None, None]
        assert await _read_all(store, "b") == commits
        assert [await store.resolve("b", commit.hash) for commit in commits] == [True] * 6


async def cancelled_future_is_written_all_the_same(make: Make) -> None:
    """Cancelling the future of `submit` forgets the answer only."""
    commits = LogBuilder("b").many(2)
    async with make(DEFAULT_STORE_LIMITS) as store:
        forgotten, awaited = map(store.submit, commits)
        assert forgotten.cancel()
        await awaited
        assert await store.read("b") == commits


async def close_writes_what_waits(make: Make) -> None:
    """Closing drains the queue; the commits are there when the medium is opened again."""
    commits = LogBuilder("b").many(30)
    store = make(DEFAULT_STORE_LIMITS)
    await store.open()
    futures = [store.submit(commit) for commit in commits]
    await asyncio.wait_for(store.close(), _DEADLINE_S)
    assert all(future.done() and future.exception() is None for future in futures)
    assert store.statistics().state == "closed"
    async with make(DEFAULT_STORE_LIMITS) as again:
        assert await _read_all(again, "b") == commits


async def closed_store_takes_and_gives_nothing(make: Make) -> None:
    """Before `open` and after `close` everything is refused; closing twice is harmless."""
    store = make(DEFAULT_STORE_LIMITS)
    commit = LogBuilder("b").next()
    for _ in range(2):
        await _expect("shutting_down", store.append(commit))
        await _expect("shutting_down", store.read("b"))
        await _expect("shutting_down", store.boards())
        await _expect("shutting_down", store.head("b"))
        await _expect("shutting_down", store.resolve("b", commit.hash))
        await store.open()
        await store.close()
        await store.close()


async def reopened_store_continues_the_logs(make: Make) -> None:
    """Heads, logs and conflicts are the same after `close` and `open`."""
    builder = LogBuilder("b")
    first = builder.many(5)
    async with make(DEFAULT_STORE_LIMITS) as store:
        await asyncio.gather(*map(store.submit, first))
    async with make(DEFAULT_STORE_LIMITS) as store:
        assert await store.boards() == [builder.head]
        await _expect("log_conflict", store.append(first[-1]))
        second = builder.many(5)
        await asyncio.gather(*map(store.submit, second))
        assert await _read_all(store, "b") == [*first, *second]


async def reads_go_on_while_writing(make: Make) -> None:
    """A reader beside a busy writer sees a growing, verified prefix of the log."""
    commits = LogBuilder("b").many(300)
    async with make(StoreLimits(batch_commits_max=16, read_commits_max=32)) as store:
        futures = [store.submit(commit) for commit in commits]
        seen = 0
        while not futures[-1].done():
            log = await _read_all(store, "b")
            assert log == commits[: len(log)]
            assert len(log) >= seen
            seen = len(log)
            await asyncio.sleep(0)
        await asyncio.gather(*futures)
        assert await _read_all(store, "b") == commits


async def acknowledged_commits_are_visible(make: Make) -> None:
    """Whoever got an acknowledgement finds the commit in every read that follows."""
    builders = [LogBuilder(f"board-{number}") for number in range(8)]

    async def write(store: Store, builder: LogBuilder) -> None:
        for _ in range(10):
            commit = builder.next()
            await store.append(commit)
            assert (await store.head(commit.board)).revision >= commit.last
            assert await store.resolve(commit.board, commit.hash)

    async with make(DEFAULT_STORE_LIMITS) as store:
        await asyncio.gather(*(write(store, builder) for builder in builders))
        assert await store.boards() == [builder.head for builder in builders]


CASES: tuple[Case, ...] = (
    new_store_is_empty,
    appended_commits_read_back_equal,
    empty_and_binary_parts_keep_their_form,
    heads_follow_the_logs,
    pages_hold_whole_commits,
    log_reads_over_page_bounds,
    commit_that_leaves_a_gap_is_a_conflict,
    commit_on_another_predecessor_is_a_conflict,
    same_commit_twice_is_a_conflict,
    conflict_fails_its_followers_alone,
    one_of_two_rivals_wins,
    waiting_commits_share_transactions,
    batches_stay_within_their_bounds,
    full_queue_is_too_busy,
    queue_is_bounded_in_bytes,
    cancelled_append_is_written_all_the_same,
    cancelled_future_is_written_all_the_same,
    close_writes_what_waits,
    closed_store_takes_and_gives_nothing,
    reopened_store_continues_the_logs,
    reads_go_on_while_writing,
    acknowledged_commits_are_visible,
)
"""Every case, in the order of the contract."""
