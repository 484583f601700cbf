"""What is done with the tables: plain `sqlite3`, run in the threads of the two connections.

`LogTables` belongs to the write connection and keeps the heads of all logs, so that a batch is judged
without reading; the functions below it read, on any connection. `0001_log.sql` explains the tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from blackboard.core.record import GENESIS, Commit, Row
from blackboard.store.chain import admit, corrupt
from blackboard.store.contract import Head, StoreConflict

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LogTables", "holds_commit", "read_head", "read_heads", "read_page"]

_SHIFT: Final = 40
_REVISION_MASK: Final = (1 << _SHIFT) - 1

_INSERT_BOARD: Final = "INSERT INTO board (name) VALUES (?) RETURNING number"
_INSERT_CHAIN: Final = "INSERT INTO chain (id, length, time_ms, hash) VALUES (?, ?, ?, ?)"
_INSERT_EVENT: Final = "INSERT INTO event (id, body, data, salt) VALUES (?, ?, ?, ?)"
_SELECT_NUMBER: Final = "SELECT number FROM board WHERE name = ?"
_SELECT_BOARDS: Final = "SELECT name, number FROM board ORDER BY name"
_SELECT_LAST: Final = "SELECT id, hash, time_ms FROM chain WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
_SELECT_CHAIN: Final = (
    "SELECT id, length, time_ms, hash FROM chain WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
)
_SELECT_EVENTS: Final = "SELECT id, body, data, salt FROM event WHERE id BETWEEN ? AND ? ORDER BY id"
_SELECT_LAST_EVENT: Final = "SELECT max(id) FROM event WHERE id BETWEEN ? AND ?"
_SELECT_BY_HASH: Final = "SELECT 1 FROM chain WHERE id BETWEEN ? AND ? AND hash = ? ORDER BY id DESC LIMIT 1"


class LogTables:
    """The tables as the write connection sees them.

    Args:
        connection: The write connection, in whose thread every method runs.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._heads: dict[str, Head] = {}
        self._numbers: dict[str, int] = {}
        self._data_version = -1
        self._load()

    def append(self, batch: Sequence[Commit]) -> list[StoreConflict | None]:
        """Write the commits that continue their logs in one transaction.

        Raises:
            sqlite3.Error: Nothing was written, unless COMMIT itself failed.
        """
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._reload_if_changed()
            outcomes, moved = admit(self._heads, batch)
            admitted = [commit for commit, conflict in zip(batch, outcomes, strict=True) if conflict is None]
            numbers = self._number_boards(moved)
            self._insert(admitted, numbers)
            connection.execute("COMMIT")
        except sqlite3.Error:
            # Some errors make SQLite roll back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._heads.update(moved)
        self._numbers.update(numbers)
        return outcomes

    def _insert(self, commits: Sequence[Commit], numbers: dict[str, int]) -> None:
        based = [((numbers[commit.board]) << _SHIFT, commit) for commit in commits]
        self._connection.executemany(
            _INSERT_CHAIN,
            [
                (base | commit.last, len(commit.rows), commit.time_ms, bytes.fromhex(commit.hash))
                for base, commit in based
            ],
        )
        self._connection.executemany(
            _INSERT_EVENT,
            [
                (base | row.revision, row.body, row.data, row.salt)
                for base, commit in based
                for row in commit.rows
            ],
        )

    def _number_boards(self, boards: Iterable[str]) -> dict[str, int]:
        """Return the numbers of `boards`; new ones get theirs now, and lose it if the batch fails."""
        numbers: dict[str, int] = {}
        for board in boards:
            known = self._numbers.get(board)
            if known is None:
                known = self._connection.execute(_INSERT_BOARD, (board,)).fetchall()[0][0]
            numbers[board] = known
        return numbers

    def _reload_if_changed(self) -> None:
        """Read the heads afresh if another program wrote to the file in spite of the lock."""
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:
            self._load()

    def _load(self) -> None:
        self._data_version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        self._numbers = dict(self._connection.execute(_SELECT_BOARDS))
        self._heads = {head.board: head for head in read_heads(self._connection)}


def read_heads(connection: sqlite3.Connection) -> list[Head]:
    """Return the head of every board that has a commit, by name."""
    boards: list[tuple[str, int]] = connection.execute(_SELECT_BOARDS).fetchall()
    heads = (_last(connection, name, number) for name, number in boards)
    return [head for head in heads if head.revision > 0]


def read_head(connection: sqlite3.Connection, board: str) -> Head:
    """Return where the log of `board` ends."""
    number = _number(connection, board)
    return Head(board=board) if number is None else _last(connection, board, number)


def holds_commit(connection: sqlite3.Connection, board: str, commit_id: str) -> bool:
    """Tell whether a commit is in the log, searching from the newest back."""
    number = _number(connection, board)
    if number is None:
        return False
    low, high = _span(number)
    return connection.execute(_SELECT_BY_HASH, (low, high, bytes.fromhex(commit_id))).fetchone() is not None


def read_page(
    connection: sqlite3.Connection, board: str, after: int, *, commits_max: int, bytes_max: int
) -> list[Commit]:
    """Return whole commits from the one that holds revision `after + 1`, up to the bounds.

    Raises:
        BlackboardError: `log_corrupt` if rows are missing or belong to no commit.
    """
    number = _number(connection, board)
    if number is None:
        return []
    _, high = _span(number)
    base = number << _SHIFT
    chain = connection.execute(_SELECT_CHAIN, (base | (after + 1), high, commits_max)).fetchall()
    if not chain:
        _check_end(connection, board, number)
        return []
    first = (chain[0][0] & _REVISION_MASK) - chain[0][1] + 1
    previous = _hash_before(connection, board, base, first)
    events = connection.execute(_SELECT_EVENTS, (base | first, chain[-1][0]))
    page: list[Commit] = []
    size = 0
    try:
        for commit_id, length, time_ms, digest in chain:
            last = commit_id & _REVISION_MASK
            rows, row_bytes = _take_rows(events, board, last - length + 1, length)
            size += row_bytes
            if page and size > bytes_max:
                break
            commit = Commit(
                board=board,
                first=last - length + 1,
                time_ms=time_ms,
                previous=previous,
                hash=digest.hex(),
                rows=rows,
            )
            page.append(commit)
            previous = commit.hash
    finally:
        # An unfinished SELECT would keep the write-ahead log from being reset.
        events.close()
    return page


def _take_rows(
    events: Iterator[tuple[int, bytes, bytes | None, bytes | None]], board: str, first: int, length: int
) -> tuple[tuple[Row, ...], int]:
    """Return the next `length` rows, which must start at revision `first`, and their size."""
    rows: list[Row] = []
    size = 0
    for offset, (event_id, body, data, salt) in enumerate(islice(events, length)):
        revision = event_id & _REVISION_MASK
        if revision != first + offset:
            raise corrupt(board, first + offset, f"is missing; revision {revision} follows")
        rows.append(Row(revision=revision, body=body, data=data, salt=salt))
        size += len(body) + len(data or b"")
    if len(rows) != length:
        raise corrupt(board, first + len(rows), "is missing; the log breaks off inside a commit")
    return tuple(rows), size


def _hash_before(connection: sqlite3.Connection, board: str, base: int, first: int) -> str:
    """Return the hash of the commit that ends just before revision `first`."""
    if first == 1:
        return GENESIS
    found = connection.execute("SELECT hash FROM chain WHERE id = ?", (base | (first - 1),)).fetchone()
    if found is None:
        raise corrupt(board, first - 1, "is missing; the commit after it has no predecessor")
    return bytes(found[0]).hex()


def _check_end(connection: sqlite3.Connection, board: str, number: int) -> None:
    """Make sure that no rows lie beyond the last commit, as if that had been removed."""
    head = _last(connection, board, number)
    last_event = connection.execute(_SELECT_LAST_EVENT, _span(number)).fetchone()[0]
    if last_event is not None and last_event & _REVISION_MASK > head.revision:
        raise corrupt(board, head.revision + 1, "belongs to no commit; a commit was removed")


def _number(connection: sqlite3.Connection, board: str) -> int | None:
    found = connection.execute(_SELECT_NUMBER, (board,)).fetchone()
    return None if found is None else int(found[0])


def _span(number: int) -> tuple[int, int]:
    return number << _SHIFT, number << _SHIFT | _REVISION_MASK


def _last(connection: sqlite3.Connection, board: str, number: int) -> Head:
    found = connection.execute(_SELECT_LAST, _span(number)).fetchone()
    if found is None:
        return Head(board=board)
    last, digest, time_ms = found
    return Head(board=board, revision=last & _REVISION_MASK, hash=digest.hex(), time_ms=time_ms)
