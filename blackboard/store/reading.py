"""Reading the tables: plain `sqlite3`, on any connection, in that connection's thread.

What is read is not trusted: rows that are missing, or that belong to nothing, are `log_corrupt` here; whether
the bytes are the right ones is for `chain.ChainCheck` to say. The casts in the statements let a value that
was edited by hand be judged by its bytes, whatever type the editor gave it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from blackboard.core.record import GENESIS, Commit, Row
from blackboard.store.address import address, revision_of, span
from blackboard.store.chain import corrupt
from blackboard.store.contract import Head

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["holds_commit", "in_snapshot", "read_head", "read_heads", "read_numbers", "read_page"]

T = TypeVar("T")

_Event: TypeAlias = tuple[int, int, bytes, bytes | None, bytes | None]
_Link: TypeAlias = tuple[int, int, int, bytes]

_SELECT_NUMBER: Final = "SELECT number FROM board WHERE name = ?"
_SELECT_BOARDS: Final = "SELECT name, number FROM board ORDER BY name"
_SELECT_CHAIN: Final = (
    "SELECT id, CAST(length AS INTEGER), CAST(time_ms AS INTEGER), CAST(hash AS BLOB) FROM chain "
    "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
)
_SELECT_LAST: Final = (
    "SELECT id, CAST(hash AS BLOB), CAST(time_ms AS INTEGER) FROM chain "
    "WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
)
_SELECT_HASH: Final = "SELECT CAST(hash AS BLOB) FROM chain WHERE id = ?"
_SELECT_BY_HASH: Final = "SELECT 1 FROM chain WHERE id BETWEEN ? AND ? AND hash = ? ORDER BY id DESC LIMIT 1"
_SELECT_EVENTS: Final = (
    "SELECT chain.id, event.id - chain.start, CAST(body AS BLOB), CAST(data AS BLOB), CAST(salt AS BLOB) "
    "FROM chain CROSS JOIN event ON event.id BETWEEN chain.start AND chain.start + chain.length - 1 "
    "WHERE chain.id BETWEEN ? AND ? ORDER BY chain.id, event.id"
)


def in_snapshot(connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], T]) -> T:
    """Run a reading job on one state of the file: between two statements the writer may commit."""
    connection.execute("BEGIN")
    try:
        return job(connection)
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


def read_numbers(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of every board, by name."""
    return dict(connection.execute(_SELECT_BOARDS))


def read_heads(connection: sqlite3.Connection) -> list[Head]:
    """Return the head of every board that has a commit, by name."""
    heads = (_last(connection, board, number) for board, number in read_numbers(connection).items())
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
    low, high = span(number)
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
    _, high = span(number)
    links: list[_Link] = connection.execute(
        _SELECT_CHAIN, (address(number, after + 1), high, commits_max)
    ).fetchall()
    if not links:
        return []
    first = revision_of(links[0][0]) - links[0][1] + 1
    previous = _hash_before(connection, board, number, first)
    events = connection.execute(_SELECT_EVENTS, (links[0][0], links[-1][0]))
    try:
        page = _Page(board, first, previous, events)
        for link in links:
            if page.commits and page.size >= bytes_max:
                break
            page.add(link)
    finally:
        # An unfinished SELECT would keep the write-ahead log from being reset.
        events.close()
    return page.commits


class _Page:
    """Joins chain rows and event rows, both in order, into commits."""

    def __init__(self, board: str, first: int, previous: str, events: Iterator[_Event]) -> None:
        self.commits: list[Commit] = []
        self.size = 0
        self._board = board
        self._first = first
        self._previous = previous
        self._events = events

    def add(self, link: _Link) -> None:
        """Add the commit of a chain row; it must begin where the one before ended."""
        row_id, length, time_ms, digest = link
        last = revision_of(row_id)
        first = last - length + 1
        if length < 1 or first != self._first:
            what = f"is in no commit; the next one is from {first} to {last}"
            raise corrupt(self._board, min(self._first, last), what)
        commit = Commit(
            board=self._board,
            first=first,
            time_ms=time_ms,
            previous=self._previous,
            hash=digest.hex(),
            rows=self._take_rows(row_id, first, length),
        )
        self.commits.append(commit)
        self._first = last + 1
        self._previous = commit.hash

    def _take_rows(self, link_id: int, first: int, length: int) -> tuple[Row, ...]:
        """Take the rows of the commit with this chain row off the events."""
        rows: list[Row] = []
        for owner_id, offset, body, data, salt in islice(self._events, length):
            if owner_id != link_id or offset != len(rows):
                raise corrupt(self._board, first + len(rows), "is missing from its commit")
            rows.append(Row(revision=first + offset, body=body, data=data, salt=salt))
            self.size += len(body) + len(data or b"")
        if len(rows) != length:
            raise corrupt(self._board, first + len(rows), "is missing; the log breaks off inside a commit")
        return tuple(rows)


def _hash_before(connection: sqlite3.Connection, board: str, number: int, first: int) -> str:
    """Return the hash of the commit that ends just before revision `first`."""
    if first == 1:
        return GENESIS
    found = connection.execute(_SELECT_HASH, (address(number, first - 1),)).fetchone()
    if found is None:
        raise corrupt(board, first - 1, "is in no commit; the one after it has no predecessor")
    digest: bytes = found[0]
    return digest.hex()


def _number(connection: sqlite3.Connection, board: str) -> int | None:
    found = connection.execute(_SELECT_NUMBER, (board,)).fetchone()
    return None if found is None else int(found[0])


def _last(connection: sqlite3.Connection, board: str, number: int) -> Head:
    found = connection.execute(_SELECT_LAST, span(number)).fetchone()
    if found is None:
        return Head(board=board)
    row_id, digest, time_ms = found
    return Head(board=board, revision=revision_of(row_id), hash=digest.hex(), time_ms=time_ms)
