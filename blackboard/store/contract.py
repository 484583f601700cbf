"""The contract of a store: append these commits if the log's head is where they say, and read them back.

A store keeps one log per board. The contract is small on purpose, so that another engine fits behind it;
`conformance` holds every implementation to it. Invariants:

1. `append` returns only after the commit is as durable as `durability` promises. An error other than
   `storage_failed` means that it left no trace; after `storage_failed` the outcome is unknown, and
   `resolve` tells it once the store is open again.
2. The commits of a board are stored in the order in which they were submitted, each only if it continues
   the log exactly: next revision, hash of the head. One that does not is a `StoreConflict`, alone; commits
   that were chained to it fail with it, other boards notice nothing.
3. What a reader sees is durable.
4. After a failed write or sync nothing more is acknowledged until the store was closed and opened again.
   A full disk is no such failure: the commits fail with `storage_full`, and later ones are tried afresh.

Waits end when the disk answers: a caller that needs a deadline sets its own. Cancelling a caller never
cancels a write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias

from blackboard.core.errors import BlackboardError
from blackboard.core.fact import Fact
from blackboard.core.record import GENESIS, Commit

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

__all__ = ["Durability", "Head", "Store", "StoreConflict", "StoreState", "StoreStatistics"]

Durability: TypeAlias = Literal["memory", "full", "relaxed"]
"""What an acknowledged commit survives: nothing, a power loss, or kill -9 alone."""

StoreState: TypeAlias = Literal["closed", "open", "failed"]


class Head(Fact):
    """Where the log of a board ends; revision 0 and `GENESIS` for a board without a commit."""

    board: str
    revision: int = 0
    hash: str = GENESIS
    time_ms: int = 0


class StoreConflict(BlackboardError):
    """A commit that does not continue its board's log; nothing was written.

    Args:
        commit: The commit that was refused.
        head: Where the log ended when the commit's turn came.
    """

    def __init__(self, commit: Commit, head: Head) -> None:
        super().__init__(
            "log_conflict",
            f"board {commit.board!r}: a commit from revision {commit.first} on {commit.previous[:12]} "
            f"does not continue the log, which ends at revision {head.revision} with {head.hash[:12]}",
        )
        self.commit = commit
        self.head = head


class StoreStatistics(Fact):
    """What a store has done since it was opened, and what waits.

    Args:
        state: Whether it takes commits.
        queued: Commits that wait.
        queued_bytes: Their size.
        batches: Transactions written.
        commits: Commits acknowledged.
        rows: Rows in them.
        conflicts: Commits refused because they did not continue their log.
        failures: Commits that failed for another reason.
        largest_batch: Commits in the largest transaction.
        checkpoints: How often the write-ahead log was copied into the file.
        wal_bytes: Size of the write-ahead log after the last of these.
    """

    state: StoreState
    queued: int = 0
    queued_bytes: int = 0
    batches: int = 0
    commits: int = 0
    rows: int = 0
    conflicts: int = 0
    failures: int = 0
    largest_batch: int = 0
    checkpoints: int = 0
    wal_bytes: int = 0


class Store(Protocol):
    """A durable log per board, written by one server at a time."""

    @property
    def durability(self) -> Durability:
        """What an acknowledged commit survives."""
        ...

    async def open(self) -> None:
        """Take possession of the medium; a store that was closed, or failed and was closed, opens again.

        Cancelled or failing, it leaves the store closed and nothing held.

        Raises:
            BlackboardError: `store_locked`, `store_version`, `store_foreign`, `log_corrupt` or
                `storage_failed`, with what is in the way.
        """
        ...

    async def close(self) -> None:
        """Write what waits, then let go of the medium. Closing a closed store does nothing.

        Cancelled while it waits for the queue, it fails what still waits and lets go all the same.
        """
        ...

    async def __aenter__(self) -> Self:
        """Open the store."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store."""
        ...

    def statistics(self) -> StoreStatistics:
        """Return counts since `open`, and the length of the queue."""
        ...

    def submit(self, commit: Commit) -> asyncio.Future[None]:
        """Queue a commit and return at once; the future is done when `append` would return.

        Cancelling the future forgets the answer, not the write.

        Raises:
            BlackboardError: `too_busy` if the queue is full, `storage_failed` after a failure,
                `shutting_down` if the store is not open. Nothing was queued then.
        """
        ...

    async def append(self, commit: Commit) -> None:
        """Append a commit to its board's log, and return once it is durable.

        Many may wait at once; all that wait share a transaction. Cancelled, the write goes on, and
        `resolve` tells how it ended.

        Raises:
            StoreConflict: The commit does not continue the log.
            BlackboardError: `storage_full` (nothing was written, try again), `storage_failed` (unknown),
                or what `submit` raises.
        """
        ...

    async def boards(self) -> list[Head]:
        """Return the head of every board that has a commit, by name."""
        ...

    async def head(self, board: str) -> Head:
        """Return where the log of `board` ends."""
        ...

    async def read(self, board: str, *, after: int = 0, limit: int | None = None) -> list[Commit]:
        """Return whole commits in ascending order, beginning with the one that holds revision `after + 1`.

        A page ends after `limit` commits or at the store's own bounds, whichever comes first; an empty
        page says that there are no more. The chain is not verified here; see `log`.

        Raises:
            BlackboardError: `read_failed`, or `log_corrupt` if no commit can be made of what is there.
        """
        ...

    def log(self, board: str, *, after: int = 0) -> AsyncIterator[Commit]:
        """Yield the commits of `board` as `read` does, to the end of the log, and verify their chain.

        The hash of the commit before the first one yielded is taken from the log as it stands, and an end
        that was cut off has no successor to vouch for it: to prove such a loss, keep a head elsewhere. The
        data of rows is outside the chain; `decode_row` compares it with its commitment.

        Raises:
            BlackboardError: `log_corrupt`, naming board and revision, or `read_failed`.
        """
        ...

    async def resolve(self, board: str, commit_id: str) -> bool:
        """Tell whether the commit with this hash is in the log; searches from the newest commit back."""
        ...
