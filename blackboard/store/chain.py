"""The chain of a board's log: which commit may follow, and whether what was read is what was written.

Pure: the same rules serve every store, before writing (`admit`) and after reading (`ChainCheck`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from blackboard.core.errors import BlackboardError
from blackboard.core.record import Commit, link_hash
from blackboard.store.contract import Head, StoreConflict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

__all__ = ["ChainCheck", "admit", "check_page", "corrupt", "head_after", "verified"]


def head_after(commit: Commit) -> Head:
    """Return the head that a log has once it ends with `commit`."""
    return Head(board=commit.board, revision=commit.last, hash=commit.hash, time_ms=commit.time_ms)


def admit(
    heads: Mapping[str, Head], batch: Iterable[Commit]
) -> tuple[list[StoreConflict | None], dict[str, Head]]:
    """Judge a batch against the heads of the logs, one commit after the other.

    Returns:
        For each commit `None` or its conflict, and the heads that the admitted ones move.
    """
    moved: dict[str, Head] = {}
    outcomes: list[StoreConflict | None] = []
    for commit in batch:
        head = moved.get(commit.board) or heads.get(commit.board) or Head(board=commit.board)
        if commit.first == head.revision + 1 and commit.previous == head.hash:
            moved[commit.board] = head_after(commit)
            outcomes.append(None)
        else:
            outcomes.append(StoreConflict(commit, head))
    return outcomes, moved


def corrupt(board: str, revision: int, what: str) -> BlackboardError:
    """Return the error for a log that is not as it was written."""
    return BlackboardError("log_corrupt", f"board {board!r}, revision {revision}: {what}")


class ChainCheck:
    """Verifies that commits, as they are read, follow each other without a gap or a change.

    Args:
        board: The board whose log is read.
    """

    def __init__(self, board: str) -> None:
        self._board = board
        self._previous: str | None = None
        self._revision = 0

    def check(self, commit: Commit) -> None:
        """Verify the next commit; of the first one the predecessor is taken on trust.

        Raises:
            BlackboardError: `log_corrupt`, naming the board and the first revision that is not right.
        """
        if self._previous is not None:
            if commit.first != self._revision + 1:
                raise self._corrupt(self._revision + 1, f"is missing; revision {commit.first} follows")
            if commit.previous != self._previous:
                raise self._corrupt(commit.first, "its commit names another predecessor")
        for offset, row in enumerate(commit.rows):
            if row.revision != commit.first + offset:
                raise self._corrupt(commit.first + offset, f"is missing; revision {row.revision} follows")
        if link_hash(commit.previous, commit.time_ms, commit.rows) != commit.hash:
            raise self._corrupt(commit.first, "its commit does not have the hash that was recorded for it")
        self._previous = commit.hash
        self._revision = commit.last

    def _corrupt(self, revision: int, what: str) -> BlackboardError:
        return corrupt(self._board, revision, what)


def check_page(check: ChainCheck, page: Sequence[Commit]) -> None:
    """Verify a page of commits."""
    for commit in page:
        check.check(commit)


async def verified(
    read: Callable[[int], Coroutine[None, None, list[Commit]]], board: str, after: int
) -> AsyncIterator[Commit]:
    """Yield what `read(after)` returns, page by page until an empty one, and verify the chain.

    Raises:
        BlackboardError: `log_corrupt`; commits of earlier pages were yielded by then.
    """
    check = ChainCheck(board)
    while page := await read(after):
        check_page(check, page)
        for commit in page:
            yield commit
        after = page[-1].last
