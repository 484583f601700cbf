"""A connection to SQLite in its own thread, which runs whole jobs rather than statements.

aiosqlite hands one statement at a time to its thread; a batch would take five hops there and back, and at
two to three of them the loop, not the disk, becomes the limit. `JobConnection.run` hands over a function
instead: one hop, and the job is a straight line of plain `sqlite3`. No public method of aiosqlite does that,
so this subclass uses the protected `_execute`, which every public method of it goes through and which
has kept its form since its first release.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import aiosqlite

from blackboard.core.errors import BlackboardError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

__all__ = ["Connect", "JobConnection", "open_connection", "storage_error"]

T = TypeVar("T")

_ITER_CHUNK = 64
"""What aiosqlite fetches at a time where it iterates; jobs do not use it."""


class Connect(Protocol):
    """Anything like `sqlite3.connect`; tests pass one whose connections fail on demand."""

    def __call__(
        self, database: str, *, uri: bool, isolation_level: None, timeout: float
    ) -> sqlite3.Connection:
        """Open a connection; called in the connection's own thread."""
        ...


class JobConnection(aiosqlite.Connection):
    """A connection that runs functions in its thread, one after the other."""

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run `job` in the connection's thread and return its result.

        Cancelled, the job runs all the same and its result is lost.

        Raises:
            sqlite3.Error: What the job raised.
        """
        execute = cast("Callable[..., Awaitable[T]]", self._execute)
        return await execute(job, self._conn)


async def open_connection(
    path: Path, *, mode: str, busy_ms: int, connect: Connect = sqlite3.connect
) -> JobConnection:
    """Open `path` with the URI mode `ro` or `rwc`, without implicit transactions.

    Failing or cancelled, it leaves no thread behind.

    Raises:
        sqlite3.Error: The file cannot be opened.
    """

    def connector() -> sqlite3.Connection:
        location = f"{path.as_uri()}?mode={mode}"
        return connect(location, uri=True, isolation_level=None, timeout=busy_ms / 1000)

    return cast("JobConnection", await JobConnection(connector, _ITER_CHUNK))


_WRITE_CODES = {sqlite3.SQLITE_FULL: "storage_full", sqlite3.SQLITE_BUSY: "too_busy"}
"""Failures of a write after which the transaction is known to have left nothing."""

_CORRUPT_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def storage_error(error: sqlite3.Error, path: Path, *, reading: bool) -> BlackboardError:
    """Return our error for one of SQLite's.

    Args:
        error: What SQLite raised.
        path: The database file.
        reading: Whether it happened while reading, which endangers nothing that was written.
    """
    # The Python module raises a few errors of its own, without a code; they count as failures.
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = extended & 0xFF
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if not reading:
        code = _WRITE_CODES.get(primary, "storage_failed")
    else:
        code = "log_corrupt" if primary in _CORRUPT_CODES else "read_failed"
    return BlackboardError(code, f"{path}: {error} ({name})")
