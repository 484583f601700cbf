"""When and how the write-ahead log is copied into the database file.

SQLite says how long the log is only after a checkpoint, so its growth is estimated from what was written.
A log that was copied whole is overwritten from its start by the next batch, unless a reader still uses it;
its file keeps its size until it is truncated, which we do when it is quiet.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blackboard.core.record import Commit
    from blackboard.store.limits import StoreLimits

__all__ = ["CheckpointMode", "WalGauge", "checkpoint"]

CheckpointMode = Literal["PASSIVE", "TRUNCATE"]

_FRAME_HEADER_BYTES: Final = 24
_PAGE_BYTES: Final = 4_096
_PAGES_PER_BATCH: Final = 2
"""Pages that every transaction touches besides: the end of the event table, and the page above it."""


class WalGauge:
    """Estimates how many pages were written since the last checkpoint."""

    def __init__(self) -> None:
        self._pages = 0
        self._checkpoints = 0
        self._wal_bytes = 0

    @property
    def checkpoints(self) -> int:
        """How many checkpoints were made."""
        return self._checkpoints

    @property
    def wal_bytes(self) -> int:
        """Size of the log at the last checkpoint."""
        return self._wal_bytes

    def count(self, batch: Sequence[Commit]) -> None:
        """Note a transaction: its bytes fill pages, and each of its boards has a page of its own."""
        size = sum(len(row.body) + len(row.data or b"") for commit in batch for row in commit.rows)
        boards = {commit.board for commit in batch}
        self._pages += _PAGES_PER_BATCH + len(boards) + size // _PAGE_BYTES

    def is_due(self, limits: StoreLimits) -> bool:
        """Whether the next checkpoint should be made now, before it would take long."""
        return self._pages >= limits.checkpoint_pages

    def checkpointed(self, wal_bytes: int) -> None:
        """Note a checkpoint and the size of the log at that moment."""
        self._pages = 0
        self._checkpoints += 1
        self._wal_bytes = wal_bytes


def checkpoint(connection: sqlite3.Connection, *, mode: CheckpointMode) -> int:
    """Copy what no reader holds back, and return the size of the log in bytes.

    A log that another program is reading is left for the next time; that is no error.

    Raises:
        sqlite3.Error: The copy failed. The log itself is untouched, and nothing is lost.
    """
    frames: int = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[1]
    page_bytes: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return max(frames, 0) * (page_bytes + _FRAME_HEADER_BYTES)
