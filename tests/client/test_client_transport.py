"""The transport on its own: coalescing, backpressure, and the end of a connection."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from blackboard.client import SessionOptions, open_session
from blackboard.client.transport import Transport
from blackboard.core.errors import BlackboardError
from blackboard.wire.connection import ClientConnection
from tests.client.fake_server import SILENCE, serving


class Listener:
    """Takes down what a transport reports."""

    def __init__(self) -> None:
        self.ends: list[BlackboardError] = []

    def text_received(self, payload: bytes) -> None:
        raise AssertionError(f"nothing was to come: {payload!r}")

    def connection_ended(self, error: BlackboardError) -> None:
        self.ends.append(error)


class Wire:
    """Stands for a socket."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


def make(listener: Listener) -> tuple[Transport, Wire]:
    """Return a transport whose handshake has been sent over a stand-in for a socket."""
    connection = ClientConnection("ws://127.0.0.1:1/v1", random_bytes=bytes)
    transport = Transport(connection, listener, asyncio.get_running_loop())
    wire = Wire()
    transport.connection_made(cast(Any, wire))
    assert wire.writes[0].startswith(b"GET /v1 HTTP/1.1")
    return transport, wire


async def test_senders_wait_while_the_operating_system_takes_no_more() -> None:
    transport, _ = make(Listener())
    await transport.drain()
    transport.pause_writing()
    assert transport.is_paused
    waiting = asyncio.create_task(transport.drain())
    await asyncio.sleep(0)
    assert not waiting.done()
    transport.resume_writing()
    await asyncio.wait_for(waiting, 5)
    transport.abort()


async def test_lost_connection_releases_waiting_senders_and_is_told_once() -> None:
    listener = Listener()
    transport, _ = make(listener)
    transport.pause_writing()
    waiting = asyncio.create_task(transport.drain())
    await asyncio.sleep(0)
    transport.connection_lost(ConnectionResetError("reset by peer"))
    transport.connection_lost(None)
    await asyncio.wait_for(waiting, 5)
    assert [(each.code, each.message) for each in listener.ends] == [
        ("connection_lost", "the connection ended with code 1006: reset by peer")
    ]
    with pytest.raises(BlackboardError, match="reset by peer"):
        await transport.opened


async def test_server_that_never_answers_the_close_is_dropped() -> None:
    transport, wire = make(Listener())
    waiting = asyncio.create_task(transport.wait_ended(0.02))
    await asyncio.sleep(0.1)
    assert wire.is_closed
    transport.connection_lost(None)
    await asyncio.wait_for(waiting, 5)


async def test_answer_that_is_no_websocket_is_unreachable() -> None:
    listener = Listener()
    transport, _ = make(listener)
    transport.data_received(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    assert transport.is_ended
    with pytest.raises(BlackboardError, match="connection ended with code 1002"):
        await transport.opened
    transport.abort()
    assert len(listener.ends) == 1


async def test_requests_wait_for_a_server_that_does_not_read() -> None:
    """Nothing is buffered without bound: `request` waits, within its deadline."""
    options = SessionOptions(request_timeout=0.3)
    async with serving() as server, open_session(server.url, token="t", options=options) as session:
        server.scripts["entry.post"] = lambda _: SILENCE
        server.peers[0].transport.pause_reading()
        params = {"board": "b", "type": "Word", "data": {"text": "x" * 200_000}, "command_id": "c"}
        tasks = [asyncio.create_task(session.request("entry.post", params)) for _ in range(60)]
        await asyncio.sleep(0.05)
        late = asyncio.create_task(session.request("entry.post", params))
        results = await asyncio.gather(*tasks, late, return_exceptions=True)
        assert {type(each) for each in results} == {BlackboardError}
        assert {cast(BlackboardError, each).code for each in results} == {"timed_out"}
