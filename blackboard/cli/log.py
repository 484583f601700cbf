"""`blackboard export` and `blackboard replay`: a board's log as NDJSON, and back.

The first line is a header `{"blackboard_log": 1, "board": NAME}`; every further line is a stored row as
`board.log` gives it. The rows carry the chain, so a file that was changed is found out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
import orjson

from blackboard.cli.output import print_json
from blackboard.cli.remote import as_json, on_server, session
from blackboard.core.errors import BlackboardError
from blackboard.core.values import is_object

if TYPE_CHECKING:
    from blackboard.engine import Engine

__all__ = ["export_command", "read_commits", "replay_command", "replayed"]

FORMAT = 1
PAGE = 1_000


@click.command("export")
@click.argument("board", default="default")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File; default: stdout."
)
@on_server
async def export_command(*, board: str, output: Path | None, url: str | None, token: str | None) -> None:
    """Write the log of BOARD as NDJSON; `blackboard replay` reads it back."""
    async with session(url, token) as server:
        await server.request("board.get", {"board": board})  # refuses before anything is written
        lines = 0
        with _Replaced(output) if output is not None else _Standard() as file:
            file.write(orjson.dumps({"blackboard_log": FORMAT, "board": board}) + b"\n")
            after: int | None = 0
            while after is not None:
                page = await server.request("board.log", {"board": board, "after": after, "limit": PAGE})
                for row in page["rows"]:
                    file.write(orjson.dumps(row) + b"\n")
                    lines += 1
                after = page.get("next")
        if output is not None:
            click.echo(f"{lines} events of {board} in {output}", err=True)


class _Replaced:
    """A file that takes the place of `path` only once it is whole; a failed export leaves what was there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}")

    def __enter__(self) -> IO[bytes]:
        try:
            self._file = self._draft.open("wb")
        except OSError as error:
            message = f"{self._path} cannot be written: {error.strerror}; name another file"
            raise BlackboardError("invalid_params", message) from error
        return self._file

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        if kind is None:
            self._draft.replace(self._path)
        else:
            self._draft.unlink(missing_ok=True)


class _Standard:
    """Standard output as a binary file that is not closed."""

    def __enter__(self) -> IO[bytes]:
        return sys.stdout.buffer

    def __exit__(self, *_: object) -> None:
        sys.stdout.buffer.flush()


@click.command("replay")
@click.argument("file", type=click.File("rb"))
@as_json
def replay_command(*, file: IO[bytes], json_: bool) -> None:
    """Replay an exported FILE (`-` for standard input) and print the hash of its state.

    The same log always gives the same hash; a changed one is refused, naming the revision.
    """
    engine = replayed(file)
    result: dict[str, Any] = {
        "board": engine.board.id,
        "revision": engine.board.revision,
        "entries": engine.board.entry_count,
        "status": engine.board.status,
        "outcome": engine.board.outcome,
        "answer": list(engine.board.answer),
        "state": engine.state_hash(),
        "chain": engine.chain,
    }
    if json_:
        print_json(result)
        return
    for name, value in result.items():
        if value not in (None, []):
            click.echo(f"{name:<9} {value}")


def replayed(file: Iterable[bytes]) -> Engine:
    """Replay an export.

    Raises:
        BlackboardError: `log_corrupt`, naming the revision from which on it is not as it was written.
    """
    from blackboard.core.events import BoardOpened
    from blackboard.engine import Engine

    board, commits = read_commits(file)
    engine = Engine(board, salts=lambda: b"")
    for commit in commits:
        records = engine.replay(commit)
        event = records[0].event
        if isinstance(event, BoardOpened) and event.board != board:
            raise BlackboardError(
                "log_corrupt", f"line 1 says board {board!r}; revision 1 opened {event.board!r}"
            )
    return engine


def read_commits(file: Iterable[bytes]) -> tuple[str, Iterator[Any]]:
    """Read an export: the board's name, and its commits in order.

    Raises:
        BlackboardError: `log_corrupt` naming the line that is not one of ours.
    """
    lines = iter(file)
    header = _load(next(lines, b""), "line 1")
    board = header.get("board")
    if header.get("blackboard_log") != FORMAT or not isinstance(board, str):
        raise BlackboardError(
            "log_corrupt",
            'line 1: expected the header {"blackboard_log": 1, "board": …} of `blackboard export`',
        )
    return board, _commits(board, lines)


def _commits(board: str, lines: Iterator[bytes]) -> Iterator[Any]:
    from blackboard.core.record import GENESIS, Commit, Row

    previous, rows, times = GENESIS, list[Row](), set[int]()
    for number, line in enumerate(lines, 2):
        where = f"line {number}, revision {number - 1}"
        raw = _load(line, where)
        try:
            data, salt = raw.get("data"), raw.get("salt")
            rows.append(
                Row(
                    revision=raw["revision"],
                    body=raw["body"].encode(),
                    data=None if data is None else data.encode(),
                    salt=None if salt is None else bytes.fromhex(salt),
                )
            )
            times.add(raw["time_ms"])
            digest = raw.get("commit")
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise BlackboardError("log_corrupt", f"{where}: not a row of a log ({error!r})") from error
        if len(times) > 1:
            raise BlackboardError("log_corrupt", f"{where}: its time is not that of its commit")
        if digest is not None:
            yield Commit(
                board=board,
                first=rows[0].revision,
                time_ms=times.pop(),
                previous=previous,
                hash=digest,
                rows=tuple(rows),
            )
            previous, rows = digest, []
    if rows:
        raise BlackboardError(
            "log_corrupt",
            f"revision {rows[0].revision}: the file ends in the midst of a commit; export it again",
        )


def _load(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BlackboardError("log_corrupt", f"{where}: {error}") from error
    if not is_object(value):
        raise BlackboardError("log_corrupt", f"{where}: expected an object")
    return value
