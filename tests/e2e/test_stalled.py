"""Readers that stall: they are cut, nobody else notices, and they do not keep the server from stopping."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from tests.e2e.processes import Served, poll, server
from tests.server.talk import Talk, talking

TEXT = {
    "name": "Text",
    "level": "text",
    "schema": {"type": "object", "properties": {"n": {"type": "integer"}, "text": {"type": "string"}}},
}
STALLED = 4
DEADLINE_MS = 1_500
PADDING = "x" * 20_000


def stalled_watcher(served: Served) -> socket.socket:
    """Connect, say hello, watch the board, and read never again."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.settimeout(10)
    raw.connect(("127.0.0.1", served.port))
    protocol = ClientProtocol(parse_uri(served.url))
    protocol.send_request(protocol.connect())

    def flush() -> None:
        for data in protocol.data_to_send():
            raw.sendall(data)

    flush()
    while protocol.handshake_exc is None and not protocol.events_received():
        protocol.receive_data(raw.recv(4_096))
    for number, (method, params) in enumerate(
        (
            ("session.hello", {"protocol": 1, "client": "stalled", "token": served.token}),
            ("board.watch", {"board": "b", "after": 0}),
        )
    ):
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        protocol.send_text(json.dumps(message).encode())
        flush()
    return raw


@contextlib.asynccontextmanager
async def busy_board(folder: Path, **limits: Any) -> AsyncIterator[tuple[Served, Talk, list[socket.socket]]]:
    """A server with a board `b`, a poster, and readers that stall."""
    async with server(folder, **limits) as served, talking(served.url, token=served.token) as poster:
        await poster.call("board.open", board="b", types=[TEXT])
        with contextlib.ExitStack() as stack:
            stalled = [
                stack.enter_context(await asyncio.to_thread(stalled_watcher, served)) for _ in range(STALLED)
            ]
            yield served, poster, stalled


async def post(talk: Talk, number: int) -> dict[str, Any]:
    return await talk.call("entry.post", board="b", type="Text", data={"n": number, "text": PADDING})


async def metric(served: Served, name: str) -> float:
    """Return one value of the server's metrics."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(f"GET /metrics?t={served.token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    text = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


async def test_stalled_readers_are_cut_in_time_and_nobody_else_notices(tmp_path: Path) -> None:
    """A reader beside them gets every revision, posts are answered, and memory for the stalled is bounded."""
    async with (
        busy_board(tmp_path, write_deadline_ms=DEADLINE_MS) as (served, poster, _),
        talking(served.url, token=served.token) as reader,
    ):
        await reader.call("board.watch", board="b", after=0)
        began = time.monotonic()
        slowest, count = 0.0, 0
        while await metric(served, "blackboard_connections_cut_total") < STALLED:
            assert time.monotonic() - began < 20, "the stalled readers are not cut"
            for _ in range(20):
                start = time.monotonic()
                await post(poster, count)
                slowest = max(slowest, time.monotonic() - start)
                count += 1
            assert await metric(served, "blackboard_outgoing_bytes") < STALLED * 8_388_608
        assert slowest < DEADLINE_MS / 1_000, "a post waited for a stalled reader"
        last = (await poster.call("board.hash", board="b"))["revision"]
        await reader.until(lambda: reader.revisions[-1:] == [last])
        assert reader.revisions == list(range(1, last + 1))
        assert served.child.complained == ""


async def test_server_stops_in_time_with_stalled_readers_and_loses_nothing(tmp_path: Path) -> None:
    """SIGTERM: within ten seconds, exit code 0, and every acknowledged post is there afterwards."""
    async with busy_board(tmp_path) as (served, poster, stalled):
        acknowledged: list[int] = []
        for number in range(0, 300, 50):
            receipts = await asyncio.gather(*(post(poster, number + each) for each in range(50)))
            acknowledged += [receipt["entries"][0] for receipt in receipts]

        async def is_full() -> bool:
            return await metric(served, "blackboard_outgoing_bytes") > 0

        await poll(is_full)
        before = await poster.call("board.hash", board="b")
        began = time.monotonic()
        assert await served.child.stop(15) == 0
        assert time.monotonic() - began < 10
        assert all(each.fileno() > 0 for each in stalled), "they were attached to the end"
    async with server(tmp_path) as served, talking(served.url, token=served.token) as talk:
        assert await talk.call("board.hash", board="b") == before
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            page = await talk.call("entry.list", board="b", after=after)
            found += [each["id"] for each in page["entries"]]
            after = page.get("next")
        assert found == sorted(acknowledged)
