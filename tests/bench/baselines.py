"""What our figures are measured against: four small servers, run in the same minute on the same core.

`naive` is what one writes first: websockets' asyncio server, pydantic, a commit by aiosqlite for every post.
`minimal` is the fastest that does the same work at all: websockets' sans-IO protocol, writes coalesced per
turn of the loop, pydantic and a JSON Schema for every post, a look-up of who waits for it, and one
transaction for all that arrived during the last one. It has no bounds, identity, repeats, control or chain.
`echo` answers with what came, `synced` does so after one write and one sync of a file.

All SQLite files are in write-ahead mode with `synchronous=FULL`. Run one as `python -m tests.bench.baselines
NAME FOLDER`; it says its port on the first line and stops at the end of its input.
"""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import sqlite3
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import aiosqlite
import jsonschema_rs
import uvloop
from pydantic import BaseModel, ConfigDict, Field
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

DATABASE: Final = "posts.db"
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "service": {"type": "string"},
        "severity": {"type": "integer", "minimum": 0, "maximum": 99},
        "summary": {"type": "string"},
    },
    "required": ["service", "severity"],
}
"""Of the data of every post, here and on our board."""

TRIGGERS: Final = 1_000
"""Registered on every server but the echoes; each names its own service and a severity of 99."""

_CREATE: Final = (
    "CREATE TABLE post (seq INTEGER PRIMARY KEY, board TEXT NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL)"
)
_INSERT: Final = "INSERT INTO post (seq, board, type, body) VALUES (?, ?, ?, ?)"

Start: TypeAlias = Callable[[Path], Coroutine[Any, Any, int]]
"""Starts a server that keeps what it keeps in a folder; returns its port."""


class Post(BaseModel):
    """One post; 300 bytes of it."""

    model_config = ConfigDict(extra="forbid")

    op: str
    id: str
    board: str
    type: str
    level: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    source: str
    refs: list[str]
    data: dict[str, Any]


class Posts:
    """What both post servers do with a message but keep it."""

    def __init__(self) -> None:
        self.seq = 0
        self.entries: dict[int, Post] = {}
        self._is_valid = jsonschema_rs.validator_for(SCHEMA).is_valid
        self._waiting = {
            ("bench", "symptom", f"service-{number:04d}"): ("severity", 99) for number in range(TRIGGERS)
        }

    def take(self, message: bytes) -> tuple[int, str, str, bytes]:
        """Validate a post, apply and match it; return its row."""
        post = Post.model_validate_json(message)
        assert self._is_valid(post.data), "the load generator sends valid posts"
        self.seq += 1
        self.entries[self.seq] = post
        waits = self._waiting.get((post.board, post.type, post.data["service"]))
        if waits is not None and post.data[waits[0]] >= waits[1]:
            self.entries[self.seq].refs.append("triggered")
        return self.seq, post.board, post.type, message


async def naive(folder: Path) -> int:
    """Start the naive stack; return its port."""
    posts = Posts()
    database = await aiosqlite.connect(_prepare(folder), isolation_level=None)  # each statement commits
    await database.execute("PRAGMA synchronous = FULL")

    async def handle(connection: ServerConnection) -> None:
        async for message in connection:
            row = posts.take(message.encode() if isinstance(message, str) else message)
            await database.execute(_INSERT, row)
            await connection.send(f'{{"op":"ack","seq":{row[0]}}}')

    server = await serve(handle, "127.0.0.1", 0, compression=None)
    _KEPT.append(server)
    return _port_of(server.sockets)


class Peer(asyncio.Protocol):
    """One connection over websockets' sans-IO protocol; `flush` writes what a turn has gathered.

    Args:
        take: Gets each message.
        dirty: Peers that have something to write.
    """

    def __init__(self, take: Callable[[Peer, bytes], None], dirty: dict[Peer, None]) -> None:
        self._take = take
        self._dirty = dirty
        self._protocol = ServerProtocol()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
                self.mark()
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._take(self, bytes(event.data))
            else:
                self._transport.close()

    def send(self, message: bytes) -> None:
        self._protocol.send_text(message)
        self.mark()

    def mark(self) -> None:
        if not self._dirty:
            self._loop.call_soon(_flush, self._dirty)
        self._dirty[self] = None

    def flush(self) -> None:
        self._transport.write(b"".join(self._protocol.data_to_send()))


def _flush(dirty: dict[Peer, None]) -> None:
    for peer in dirty:
        peer.flush()
    dirty.clear()


async def _listen(take: Callable[[Peer, bytes], None]) -> int:
    dirty: dict[Peer, None] = {}
    server = await asyncio.get_running_loop().create_server(lambda: Peer(take, dirty), "127.0.0.1", 0)
    _KEPT.append(server)
    return _port_of(server.sockets)


def _port_of(sockets: Iterable[Any]) -> int:
    port: int = next(iter(sockets)).getsockname()[1]
    return port


class GroupCommit:
    """A thread that writes in one transaction all that was taken while it wrote the last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Peer, tuple[int, str, str, bytes]]] = []
        self._is_busy = False
        self._jobs: queue.SimpleQueue[list[tuple[Peer, tuple[int, str, str, bytes]]]] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    def add(self, peer: Peer, row: tuple[int, str, str, bytes]) -> None:
        if not self._waiting and not self._is_busy:
            self._loop.call_soon(self._next)
        self._waiting.append((peer, row))

    def _next(self) -> None:
        if self._waiting and not self._is_busy:
            self._is_busy = True
            self._jobs.put(self._waiting)
            self._waiting = []

    def _write(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        while True:
            batch = self._jobs.get()
            connection.execute("BEGIN")
            connection.executemany(_INSERT, [row for _, row in batch])
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._written, batch)

    def _written(self, batch: list[tuple[Peer, tuple[int, str, str, bytes]]]) -> None:
        self._is_busy = False
        self._next()
        for peer, row in batch:
            peer.send(b'{"op":"ack","seq":%d}' % row[0])


async def minimal(folder: Path) -> int:
    """Start the minimal pipeline; return its port."""
    posts = Posts()
    commits = GroupCommit(_prepare(folder))
    return await _listen(lambda peer, message: commits.add(peer, posts.take(message)))


async def echo(folder: Path) -> int:
    """Start a server that answers with what came; return its port."""
    del folder
    return await _listen(Peer.send)


async def synced(folder: Path) -> int:
    """Start a server that writes what came, syncs it and answers with it; return its port."""
    file = os.open(folder / "synced", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def take(peer: Peer, message: bytes) -> None:
        os.write(file, message)
        os.fdatasync(file)
        peer.send(message)

    return await _listen(take)


def _prepare(folder: Path) -> Path:
    path = folder / DATABASE
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(_CREATE)
    connection.close()
    return path


_KEPT: Final[list[object]] = []
"""Servers that nobody else refers to."""

BASELINES: Final[dict[str, Start]] = {"naive": naive, "minimal": minimal, "echo": echo, "synced": synced}


async def main(name: str, folder: Path) -> None:
    port = await BASELINES[name](folder)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # threads and connections are left as they are: a baseline has nothing to lose


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))
