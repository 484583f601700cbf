"""The one task that writes: it takes all commits that wait, writes them in one go, and answers everyone.

Theory of operation. Callers put commits into a queue and wait on futures; they never touch the medium, so
cancelling one of them can neither cancel a write nor lose its outcome. The task takes what is there,
without lingering, and while the medium is busy the next batch gathers in the queue: the slower the disk,
the larger the batch. (Measured: waiting 2 to 5 ms for a fuller batch halves the throughput.) When the queue
was quiet for `idle_ms`, the medium may tidy up at length; after each batch it may do so briefly.

A batch that fails with anything but `storage_failed` left no trace. Commits of the same boards that wait
behind it were chained to it, so they fail with the same answer rather than with a puzzling conflict. After
`storage_failed` everything that waits fails, and nothing more is taken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import msgspec

from blackboard.core.errors import BlackboardError
from blackboard.store.contract import StoreConflict, StoreState, StoreStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blackboard.core.record import Commit
    from blackboard.store.limits import StoreLimits

__all__ = ["GroupWriter", "Medium"]

_FAILED = "storage_failed"


class Medium(Protocol):
    """What a group writer writes to; its methods are never called concurrently."""

    async def write(self, batch: Sequence[Commit]) -> Sequence[StoreConflict | None]:
        """Write the commits that continue their logs in one transaction, and return what was refused.

        Raises:
            BlackboardError: `storage_failed` leaves the outcome unknown, any other code left no trace.
        """
        ...

    async def tidy(self, *, idle: bool) -> None:
        """Do what maintenance is due: briefly between batches, or at length when `idle`.

        Raises:
            BlackboardError: `storage_failed` ends the writing; other codes mean: try again later.
        """
        ...

    async def release(self) -> None:
        """Let go of everything; called if the event loop ends while the store is open."""
        ...


class _Pending(msgspec.Struct, frozen=True):
    """A commit, its size in bytes, and the future that its caller waits on."""

    commit: Commit
    size: int
    future: asyncio.Future[None]


class GroupWriter:
    """Writes commits in batches, in the order in which they came.

    Args:
        medium: Where they are written.
        limits: Bounds of queue and batch.
    """

    def __init__(self, medium: Medium, limits: StoreLimits) -> None:
        self._medium = medium
        self._limits = limits
        self._queue: deque[_Pending] = deque()
        self._queued_bytes = 0
        self._writing: list[_Pending] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._failure: BlackboardError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_batches = 0
        self._idle_due = False
        self._batches = self._commits = self._rows = self._conflicts = self._failures = self._largest = 0
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="store-writer")

    @property
    def state(self) -> StoreState:
        """Whether commits are taken."""
        if self._failure is not None:
            return "failed"
        return "closed" if self._stopping else "open"

    def statistics(self) -> StoreStatistics:
        """Return counts since the start, and the length of the queue."""
        return StoreStatistics(
            state=self.state,
            queued=len(self._queue),
            queued_bytes=self._queued_bytes,
            batches=self._batches,
            commits=self._commits,
            rows=self._rows,
            conflicts=self._conflicts,
            failures=self._failures,
            largest_batch=self._largest,
        )

    def submit(self, commit: Commit) -> asyncio.Future[None]:
        """Queue a commit; see `Store.submit`."""
        if self._failure is not None:
            raise _again(self._failure) from self._failure
        if self._stopping:
            raise BlackboardError("shutting_down", "the store is closing and takes no more commits")
        assert commit.rows, "a commit holds at least one row"
        assert commit.rows[0].revision == commit.first, "a commit's revision is that of its first row"
        size = _size(commit)
        self._check_room(size)
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.append(_Pending(commit, size, future))
        self._queued_bytes += size
        self._wake.set()
        return future

    def _check_room(self, size: int) -> None:
        limits = self._limits
        if len(self._queue) >= limits.queue_commits_max:
            raise BlackboardError(
                "too_busy", f"{len(self._queue)} commits wait for the disk; queue_commits_max is reached"
            )
        if self._queue and self._queued_bytes + size > limits.queue_bytes_max:
            raise BlackboardError(
                "too_busy", f"{self._queued_bytes} bytes wait for the disk; queue_bytes_max is reached"
            )

    async def stop(self) -> None:
        """Take no more commits, write those that wait, and end.

        Cancelled, it ends at once: what was being written is `storage_failed`, with an unknown outcome.
        """
        self._stopping = True
        self._wake.set()
        if self._timer is not None:
            self._timer.cancel()
        # A cancelled `stop` cancels the task with it, which then fails all that waits.
        await self._task

    async def _run(self) -> None:
        try:
            while await self._has_work():
                if self._queue:
                    await self._write_batch()
                    await self._tidy(idle=False)
                elif self._idle_due:
                    self._idle_due = False
                    await self._tidy(idle=True)
        except BaseException as error:
            # Only a bug or the end of the event loop leads here. Nobody may be left waiting, and an
            # unclosed database connection would keep the process from exiting.
            self._abandon(error)
            await self._medium.release()
            raise

    async def _has_work(self) -> bool:
        """Wait for a commit or for maintenance; `False` once stopping and drained."""
        while not self._queue and not self._idle_due:
            if self._stopping:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def _write_batch(self) -> None:
        self._writing = batch = self._take()
        try:
            outcomes = await self._medium.write([pending.commit for pending in batch])
        except BlackboardError as error:
            self._refuse(batch, error)
        else:
            self._answer(batch, outcomes)
        self._writing = []

    def _take(self) -> list[_Pending]:
        """Take the next batch off the queue: all of it, up to the bounds, but at least one commit."""
        queue, limits = self._queue, self._limits
        batch = [queue.popleft()]
        size = batch[0].size
        while queue and len(batch) < limits.batch_commits_max:
            if size + queue[0].size > limits.batch_bytes_max:
                break
            pending = queue.popleft()
            size += pending.size
            batch.append(pending)
        self._queued_bytes -= size
        return batch

    def _answer(self, batch: list[_Pending], outcomes: Sequence[StoreConflict | None]) -> None:
        self._batches += 1
        self._largest = max(self._largest, len(batch))
        self._arm_idle_timer()
        for pending, conflict in zip(batch, outcomes, strict=True):
            if conflict is not None:
                self._conflicts += 1
                _reject(pending, conflict)
                continue
            self._commits += 1
            self._rows += len(pending.commit.rows)
            if not pending.future.done():
                pending.future.set_result(None)

    def _refuse(self, batch: Sequence[_Pending], error: BlackboardError) -> None:
        """Fail a batch and what was chained to it; after `storage_failed`, everything for good."""
        boards = {pending.commit.board for pending in batch}
        followers: list[_Pending] = []
        others: deque[_Pending] = deque()
        if error.code == _FAILED:
            self._failure = error
        for pending in self._queue:
            chained = self._failure is not None or pending.commit.board in boards
            (followers if chained else others).append(pending)
        self._queue = others
        self._queued_bytes = sum(pending.size for pending in others)
        self._fail(chain(batch, followers), error)

    def _fail(self, victims: Iterable[_Pending], error: BlackboardError) -> None:
        for pending in victims:
            self._failures += 1
            refusal = _again(error)
            refusal.__cause__ = error
            _reject(pending, refusal)

    def _abandon(self, cause: BaseException) -> None:
        error = BlackboardError(
            _FAILED,
            f"the store's writer ended ({type(cause).__name__}); whether the commit was kept is unknown",
        )
        error.__cause__ = cause
        self._refuse(self._writing, error)

    async def _tidy(self, *, idle: bool) -> None:
        if self._failure is not None:
            return
        try:
            await self._medium.tidy(idle=idle)
        except BlackboardError as error:
            if error.code == _FAILED:
                self._refuse((), error)

    def _arm_idle_timer(self) -> None:
        if self._timer is None and not self._stopping:
            self._timer_batches = self._batches
            self._timer = self._loop.call_later(self._limits.idle_ms / 1000, self._on_idle_timer)

    def _on_idle_timer(self) -> None:
        self._timer = None
        if self._batches != self._timer_batches:
            self._arm_idle_timer()
            return
        self._idle_due = True
        self._wake.set()


def _size(commit: Commit) -> int:
    size = 0
    for row in commit.rows:
        size += len(row.body) + len(row.data or b"")
    return size


def _again(error: BlackboardError) -> BlackboardError:
    """Return a copy to raise: one exception object raised in many tasks would collect their tracebacks."""
    return BlackboardError(error.code, error.message)


def _reject(pending: _Pending, error: BlackboardError) -> None:
    if not pending.future.done():
        pending.future.set_exception(error)
