"""A disk that fails on demand: SQLite connections that raise what SQLite would raise."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any


class FaultyDisk:
    """Opens connections for a store, and makes the writing one of them fail when told to.

    `fail_at` maps the beginning of a statement to the SQLite error code that it raises; `pages_max`, a real
    limit of SQLite's, makes the file full; while `held` is not set, the writer's COMMIT waits.
    """

    def __init__(self) -> None:
        self.fail_at: dict[str, int] = {}
        self.lose_after_commit = False
        self.pages_max: int | None = None
        self.held = threading.Event()
        self.held.set()
        self.commits = 0

    def __call__(
        self, database: str, *, uri: bool, isolation_level: None, timeout: float
    ) -> sqlite3.Connection:
        disk = self
        is_reader = database.endswith("mode=ro")

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                disk.fail(sql)
                if is_reader:
                    return super().execute(sql, parameters)
                disk.before(super(), sql)
                cursor = super().execute(sql, parameters)
                disk.after(sql)
                return cursor

        return sqlite3.connect(
            database, uri=uri, isolation_level=isolation_level, timeout=timeout, factory=Connection
        )

    def fail(self, sql: str) -> None:
        for start, code in self.fail_at.items():
            if sql.startswith(start):
                raise sqlite_error(code)

    def before(self, connection: Any, sql: str) -> None:
        if sql == "BEGIN IMMEDIATE" and self.pages_max is not None:
            connection.execute(f"PRAGMA max_page_count = {self.pages_max}")
        if sql == "COMMIT":
            assert self.held.wait(20), "the test forgot to let the disk go on"

    def after(self, sql: str) -> None:
        if sql == "COMMIT":
            self.commits += 1
            if self.lose_after_commit:
                raise sqlite_error(sqlite3.SQLITE_IOERR_FSYNC)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "INJECTED"
    return error
