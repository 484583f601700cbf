"""What every store does alike: open and close, queue and answer, verify while reading.

An engine fills in how its medium is opened, written, read and released.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Self

from blackboard.core.errors import BlackboardError
from blackboard.store.chain import verified
from blackboard.store.contract import Durability, Head, StoreConflict, StoreStatistics
from blackboard.store.limits import DEFAULT_STORE_LIMITS, StoreLimits
from blackboard.store.writer import GroupWriter

if TYPE_CHECKING:
    from types import TracebackType

    from blackboard.core.record import Commit

__all__ = ["LogStore"]


class LogStore(ABC):
    """Base of the stores; see `contract.Store` for what each method promises.

    Args:
        durability: What an acknowledged commit survives.
        limits: Bounds of queue, batches and reads.
    """

    def __init__(self, *, durability: Durability, limits: StoreLimits = DEFAULT_STORE_LIMITS) -> None:
        self._durability: Durability = durability
        self._limits = limits
        self._writer: GroupWriter | None = None

    @property
    def durability(self) -> Durability:
        """What an acknowledged commit survives."""
        return self._durability

    async def open(self) -> None:
        """Take possession of the medium; see `contract.Store.open`."""
        assert self._writer is None, "the store is open already"
        try:
            await self.acquire()
            self._writer = GroupWriter(self, self._limits)
        except BaseException:
            await self.release()
            raise

    async def close(self) -> None:
        """Write what waits and let go of the medium; see `contract.Store.close`."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            await writer.stop()
        finally:
            await self.release()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def statistics(self) -> StoreStatistics:
        """Return counts since `open`, and the length of the queue."""
        return StoreStatistics(state="closed") if self._writer is None else self._writer.statistics()

    def submit(self, commit: Commit) -> asyncio.Future[None]:
        """Queue a commit and return at once; see `contract.Store.submit`."""
        if self._writer is None:
            raise self.not_open()
        return self._writer.submit(commit)

    async def append(self, commit: Commit) -> None:
        """Append a commit and return once it is durable; see `contract.Store.append`."""
        # Not shielded, for there is nothing to protect: cancelling the future forgets the answer only.
        await self.submit(commit)

    def log(self, board: str, *, after: int = 0) -> AsyncIterator[Commit]:
        """Yield the commits of `board` and verify their chain; see `contract.Store.log`."""
        return verified(lambda start: self.read(board, after=start), board, after)

    def page_commits(self, limit: int | None) -> int:
        """Return how many commits a page may hold, given what the caller wants."""
        assert limit is None or limit > 0, "a page holds at least one commit"
        bound = self._limits.read_commits_max
        return bound if limit is None else min(limit, bound)

    @staticmethod
    def not_open() -> BlackboardError:
        """Return the error for using a store that is not open."""
        return BlackboardError("shutting_down", "the store is not open; open it first")

    @abstractmethod
    async def acquire(self) -> None:
        """Open the medium. If it fails, `release` is called."""

    @abstractmethod
    async def release(self) -> None:
        """Let go of whatever is held; it may be called at any time, and more than once."""

    @abstractmethod
    async def write(self, batch: Sequence[Commit]) -> Sequence[StoreConflict | None]:
        """Write a batch in one transaction; see `writer.Medium.write`."""

    @abstractmethod
    async def tidy(self, *, idle: bool) -> None:
        """Do what maintenance is due; see `writer.Medium.tidy`."""

    @abstractmethod
    async def boards(self) -> list[Head]:
        """Return the head of every board that has a commit, by name."""

    @abstractmethod
    async def head(self, board: str) -> Head:
        """Return where the log of `board` ends."""

    @abstractmethod
    async def read(self, board: str, *, after: int = 0, limit: int | None = None) -> list[Commit]:
        """Return a page of whole commits; see `contract.Store.read`."""

    @abstractmethod
    async def resolve(self, board: str, commit_id: str) -> bool:
        """Tell whether the commit with this hash is in the log."""
