"""The store without a medium: for tests, simulation and `--ephemeral`.

It goes through the same queue, batches and checks as the durable ones, so that code which works on it works
on them. What was appended stays while the object lives, also over `close` and `open`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from blackboard.core.record import Commit
from blackboard.store.base import LogStore
from blackboard.store.chain import admit
from blackboard.store.contract import Head, StoreConflict
from blackboard.store.limits import DEFAULT_STORE_LIMITS, StoreLimits

__all__ = ["MemoryStore"]


class MemoryStore(LogStore):
    """Keeps every board's log in a list.

    Args:
        limits: Bounds of queue, batches and reads.
    """

    def __init__(self, *, limits: StoreLimits = DEFAULT_STORE_LIMITS) -> None:
        super().__init__(durability="memory", limits=limits)
        self._logs: dict[str, list[Commit]] = {}
        self._heads: dict[str, Head] = {}

    async def acquire(self) -> None:
        """Nothing is to be opened."""

    async def release(self) -> None:
        """Nothing is held."""

    async def write(self, batch: Sequence[Commit]) -> Sequence[StoreConflict | None]:
        """Append the commits that continue their logs."""
        outcomes, moved = admit(self._heads, batch)
        for commit, conflict in zip(batch, outcomes, strict=True):
            if conflict is None:
                self._logs.setdefault(commit.board, []).append(commit)
        self._heads.update(moved)
        return outcomes

    async def tidy(self, *, idle: bool) -> None:
        """Nothing is to be tidied."""

    async def boards(self) -> list[Head]:
        """Return the head of every board that has a commit, by name."""
        self._check_open()
        return [self._heads[board] for board in sorted(self._heads)]

    async def head(self, board: str) -> Head:
        """Return where the log of `board` ends."""
        self._check_open()
        return self._heads.get(board) or Head(board=board)

    async def read(self, board: str, *, after: int = 0, limit: int | None = None) -> list[Commit]:
        """Return a page of whole commits; see `contract.Store.read`."""
        self._check_open()
        log = self._logs.get(board, [])
        start = bisect_right(log, after, key=attrgetter("last"))
        return log[start : start + self.page_commits(limit)]

    async def resolve(self, board: str, commit_id: str) -> bool:
        """Tell whether the commit with this hash is in the log."""
        self._check_open()
        return any(commit.hash == commit_id for commit in reversed(self._logs.get(board, [])))

    def _check_open(self) -> None:
        if self._writer is None:
            raise self.not_open()
