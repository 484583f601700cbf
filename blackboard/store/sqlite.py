"""The embedded store: one SQLite file, written by one connection, read by another.

Theory of operation. SQLite before 3.51.3 can corrupt a file when two connections write or checkpoint at
once, so a single connection does both, in its own thread, and a file lock keeps other servers away. A batch
is one job in that thread: BEGIN, judge, insert, COMMIT, with one sync of the write-ahead log when
`synchronous=FULL`. SQLite's own checkpoints are off, since they fall on whichever COMMIT fills the log; ours
run between batches, after the answers are out, and often enough to be short. When it is quiet the log is
emptied. Readers use the second connection, which cannot write; each page is one short read, so that none
keeps the log from being reset.

RETURNING wants SQLite 3.35 or newer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from blackboard.core.errors import BlackboardError
from blackboard.store.base import LogStore
from blackboard.store.checkpoint import CheckpointMode, WalGauge, checkpoint
from blackboard.store.connection import Connect, JobConnection, open_connection, storage_error
from blackboard.store.limits import DEFAULT_STORE_LIMITS, StoreLimits
from blackboard.store.lock import FileLock
from blackboard.store.reading import holds_commit, in_snapshot, read_head, read_heads, read_page
from blackboard.store.schema import Migration, check_header, load_migrations, migrate
from blackboard.store.tables import LogTables

if TYPE_CHECKING:
    from blackboard.core.record import Commit
    from blackboard.store.contract import Head, StoreConflict, StoreStatistics

__all__ = ["SqliteStore"]

T = TypeVar("T")

_SYNCHRONOUS = {"full": "FULL", "relaxed": "NORMAL"}


class SqliteStore(LogStore):
    """Keeps all boards' logs in one SQLite file.

    Args:
        path: The file; its directory must exist.
        durability: `full` survives power loss on an honest disk, `relaxed` only the end of the process.
        limits: Bounds of queue, batches, reads and write-ahead log.
        migrations: How an older file is brought up to date; those of this release by default.
        connect: Opens connections; a seam for tests that make the disk fail.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: Literal["full", "relaxed"] = "full",
        limits: StoreLimits = DEFAULT_STORE_LIMITS,
        migrations: Sequence[Migration] | None = None,
        connect: Connect = sqlite3.connect,
    ) -> None:
        super().__init__(durability=durability, limits=limits)
        self._path = path
        self._migrations = load_migrations() if migrations is None else tuple(migrations)
        self._connect = connect
        self._lock: FileLock | None = None
        self._write_connection: JobConnection | None = None
        self._read_connection: JobConnection | None = None
        self._tables: LogTables | None = None
        self._wal = WalGauge()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    def statistics(self) -> StoreStatistics:
        """Return counts since `open`, the length of the queue and the size of the write-ahead log."""
        wal = self._wal
        counts = super().statistics()
        return msgspec.structs.replace(counts, checkpoints=wal.checkpoints, wal_bytes=wal.wal_bytes)

    async def acquire(self) -> None:
        """Lock the file, bring it up to date and read the heads."""
        # Resolved, so that two names of one file share its lock and its write-ahead log.
        path = self._path = self._path.resolve()
        check_header(path)
        self._lock = FileLock(path)
        _make_private(path)
        self._wal = WalGauge()
        try:
            self._write_connection = await self._open_connection("rwc")
            self._tables = await self._write_connection.run(self._prepare)
            self._read_connection = await self._open_connection("ro")
            await self._read_connection.run(_prepare_reader)
        except sqlite3.Error as error:
            # Corruption shows on reading; otherwise the medium failed, and its name says how.
            found = storage_error(error, path, reading=True)
            code = found.code if found.code == "log_corrupt" else "storage_failed"
            raise BlackboardError(code, f"cannot open {found.message}") from error

    async def release(self) -> None:
        """Close both connections, the reader first, so that the writer empties the log; then unlock."""
        reader, self._read_connection = self._read_connection, None
        writer, self._write_connection = self._write_connection, None
        lock, self._lock = self._lock, None
        self._tables = None
        try:
            await _close(reader)
        finally:
            try:
                await _close(writer)
            finally:
                if lock is not None:
                    lock.release()

    async def write(self, batch: Sequence[Commit]) -> Sequence[StoreConflict | None]:
        """Write a batch in one transaction; see `writer.Medium.write`."""
        assert self._tables is not None, "the writer runs only while the store is open"
        tables = self._tables
        outcomes = await self._run_write(lambda _: tables.append(batch))
        self._wal.count(batch)
        return outcomes

    async def tidy(self, *, idle: bool) -> None:
        """Checkpoint if enough was written, or empty the write-ahead log when idle."""
        if idle or self._wal.is_due(self._limits):
            mode: CheckpointMode = "TRUNCATE" if idle else "PASSIVE"
            self._wal.checkpointed(await self._run_write(partial(checkpoint, mode=mode)))

    async def boards(self) -> list[Head]:
        """Return the head of every board that has a commit, by name."""
        return await self._run_read(read_heads)

    async def head(self, board: str) -> Head:
        """Return where the log of `board` ends."""
        return await self._run_read(partial(read_head, board=board))

    async def read(self, board: str, *, after: int = 0, limit: int | None = None) -> list[Commit]:
        """Return a page of whole commits; see `contract.Store.read`."""
        job = partial(
            read_page,
            board=board,
            after=after,
            commits_max=self.page_commits(limit),
            bytes_max=self._limits.read_bytes_max,
        )
        return await self._run_read(job)

    async def resolve(self, board: str, commit_id: str) -> bool:
        """Tell whether the commit with this hash is in the log."""
        return await self._run_read(partial(holds_commit, board=board, commit_id=commit_id))

    async def _open_connection(self, mode: str) -> JobConnection:
        busy_ms = self._limits.busy_ms
        return await open_connection(self._path, mode=mode, busy_ms=busy_ms, connect=self._connect)

    def _prepare(self, connection: sqlite3.Connection) -> LogTables:
        # 1. The form of the file, before write-ahead logging, so that the main file carries our id.
        migrate(connection, self._path, self._migrations)
        # 2. The write-ahead log, which we checkpoint ourselves.
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise BlackboardError(
                "storage_failed",
                f"{self._path}: the journal mode is {mode!r}, expected 'wal'; use a local file system",
            )
        connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[self._durability]}")
        # 3. The heads.
        return LogTables(connection)

    async def _run_write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        assert self._write_connection is not None, "the writer runs only while the store is open"
        try:
            return await self._write_connection.run(job)
        except sqlite3.Error as error:
            raise storage_error(error, self._path, reading=False) from error

    async def _run_read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if self._read_connection is None:
            raise self.not_open()
        try:
            return await self._read_connection.run(partial(in_snapshot, job=job))
        except sqlite3.Error as error:
            raise storage_error(error, self._path, reading=True) from error


def _make_private(path: Path) -> None:
    """Make a new file readable by its owner alone; SQLite gives the log beside it the same mode."""
    with contextlib.suppress(OSError):  # SQLite says better what is in the way.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _prepare_reader(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")


async def _close(connection: JobConnection | None) -> None:
    """Close a connection; a cancelled caller leaves the closing to go on by itself."""
    if connection is not None:
        await asyncio.shield(connection.close())
