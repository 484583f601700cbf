"""The form of the database file: whose it is, its version, and how an older one is brought up to date.

`application_id` says that the file is ours, `user_version` how many migrations it has seen. Migrations are
numbered SQL files that only ever go forward; each runs in one transaction together with the new version.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from blackboard.core.errors import BlackboardError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["APPLICATION_ID", "Migration", "check_header", "load_migrations", "migrate"]

APPLICATION_ID: Final = int.from_bytes(b"BLKB", "big")

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_APPLICATION_ID_AT: Final = 68


@dataclass(frozen=True, slots=True)
class Migration:
    """One step forward: the version it leads to, and its statements."""

    version: int
    name: str
    sql: str


@cache
def load_migrations() -> tuple[Migration, ...]:
    """Read the migrations of this release, in order."""
    folder = resources.files("blackboard.store") / "sql"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    steps = tuple(Migration(int(file.name[:4]), file.name, file.read_text("utf-8")) for file in files)
    assert [step.version for step in steps] == list(range(1, len(steps) + 1)), "migrations have no gaps"
    return steps


def check_header(path: Path) -> None:
    """Make sure that `path` is ours, or new, before anything opens it for writing.

    The bytes are read directly: SQLite would create files beside a foreign database, or recover it. The id
    is in the main file from the start, because the first migration precedes write-ahead logging.

    Raises:
        BlackboardError: `store_foreign` if it is something else, `storage_failed` if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise BlackboardError("storage_failed", f"cannot read {path}: {error.strerror}") from error
    if not header:
        return
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        raise BlackboardError(
            "store_foreign", f"{path} is not an SQLite database; expected a blackboard file"
        )
    found = int.from_bytes(header[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4], "big")
    if found != APPLICATION_ID:
        raise BlackboardError(
            "store_foreign",
            f"{path} is an SQLite database with application id {found:#x}; "
            f"a blackboard file has {APPLICATION_ID:#x}",
        )


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Migration]) -> None:
    """Bring the file to the version of the last step.

    Raises:
        BlackboardError: `store_version` if a newer release wrote the file; it is left as it is.
        sqlite3.Error: A step failed; the file is at the version before it.
    """
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > len(steps):
        raise BlackboardError(
            "store_version", f"{path} has version {found}; this release reads up to version {len(steps)}"
        )
    for step in steps[found:]:
        _apply(connection, step)


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{step.sql}\n"
            f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {step.version};\nCOMMIT;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.rollback()
        raise
