"""Writing the tables: plain `sqlite3`, in the thread of the write connection.

The heads of all logs are kept here, so that a batch is judged without reading; they follow the file, since
only we write it, and are read afresh should that turn out not to be so.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from blackboard.store.address import address
from blackboard.store.chain import admit
from blackboard.store.reading import read_heads, read_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blackboard.core.record import Commit
    from blackboard.store.contract import Head, StoreConflict

__all__ = ["LogTables"]

_INSERT_BOARD: Final = "INSERT INTO board (name) VALUES (?) RETURNING number"
_INSERT_CHAIN: Final = "INSERT INTO chain (id, start, length, time_ms, hash) VALUES (?, ?, ?, ?, ?)"
_INSERT_EVENT: Final = "INSERT INTO event (id, body, data, salt) VALUES (?, ?, ?, ?)"
_SELECT_LAST_EVENT: Final = "SELECT coalesce(max(id), 0) FROM event"


class LogTables:
    """The tables as the write connection sees them.

    Args:
        connection: The write connection, in whose thread every method runs.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._heads: dict[str, Head] = {}
        self._numbers: dict[str, int] = {}
        self._last_event = 0
        self._data_version = 0
        self._load()

    def append(self, batch: Sequence[Commit]) -> list[StoreConflict | None]:
        """Write the commits that continue their logs in one transaction.

        Raises:
            sqlite3.Error: Nothing was written, unless COMMIT itself failed.
        """
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            if self._read_data_version() != self._data_version:
                self._load()
            outcomes, moved = admit(self._heads, batch)
            admitted = [commit for commit, conflict in zip(batch, outcomes, strict=True) if conflict is None]
            numbers = self._number_boards(moved)
            last_event = self._insert(admitted, numbers)
            connection.execute("COMMIT")
        except sqlite3.Error:
            # Some errors make SQLite roll back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._heads.update(moved)
        self._numbers.update(numbers)
        self._last_event = last_event
        return outcomes

    def _insert(self, commits: Sequence[Commit], numbers: dict[str, int]) -> int:
        """Insert the rows of both tables, events in the order of the batch; return the last one's id."""
        links: list[tuple[int, int, int, int, bytes]] = []
        events: list[tuple[int, bytes, bytes | None, bytes | None]] = []
        last_event = self._last_event
        for commit in commits:
            link_id = address(numbers[commit.board], commit.last)
            digest = bytes.fromhex(commit.hash)
            links.append((link_id, last_event + 1, len(commit.rows), commit.time_ms, digest))
            for row in commit.rows:
                last_event += 1
                events.append((last_event, row.body, row.data, row.salt))
        self._connection.executemany(_INSERT_CHAIN, links)
        self._connection.executemany(_INSERT_EVENT, events)
        return last_event

    def _number_boards(self, boards: Iterable[str]) -> dict[str, int]:
        """Return the numbers of `boards`; new ones get theirs now, and lose it if the batch fails."""
        numbers: dict[str, int] = {}
        for board in boards:
            number = self._numbers.get(board)
            if number is None:
                number = self._connection.execute(_INSERT_BOARD, (board,)).fetchall()[0][0]
            numbers[board] = number
        return numbers

    def _load(self) -> None:
        """Read heads and numbers as the file has them now."""
        self._data_version = self._read_data_version()
        self._numbers = read_numbers(self._connection)
        self._last_event = self._connection.execute(_SELECT_LAST_EVENT).fetchone()[0]
        self._heads = {head.board: head for head in read_heads(self._connection)}

    def _read_data_version(self) -> int:
        """Return a number that changes when another connection has written to the file."""
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version
