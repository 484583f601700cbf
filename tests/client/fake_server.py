"""A scripted server: the wire's own server side over a real loopback socket, with answers by method."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from blackboard.core.errors import BlackboardError
from blackboard.wire.codec import decode_message, encode_error, encode_notice, encode_result
from blackboard.wire.connection import HttpRequest, ServerConnection, Text
from blackboard.wire.envelope import Request
from blackboard.wire.requests import COMMANDS, read_change, read_params

Params = dict[str, Any]
SILENCE = object()
"""What a script returns to leave a request unanswered."""
DROP = object()
"""What a script returns to cut the connection instead of answering."""


class Peer(asyncio.Protocol):
    """One connection of the fake server."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.connection = ServerConnection()
        self.agent = ""
        self.reads = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.peers.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.peers.remove(self)

    def data_received(self, data: bytes) -> None:
        self.reads += 1
        events = deque(self.connection.receive(data))
        while events:
            event = events.popleft()
            match event:
                case HttpRequest() if self.server.http_status:
                    self.connection.reject(self.server.http_status, "not now")
                case HttpRequest():
                    events.extend(self.connection.accept())
                case Text(payload=payload):
                    self.take(payload)
                case _:
                    pass
        self.flush()

    def take(self, payload: bytes) -> None:
        message = decode_message(payload)
        assert isinstance(message, Request)
        params = dict(message.params)
        check(message.method, params)
        self.server.requests.append((message.method, params))
        self.server.arrived.set()
        script = self.server.scripts.get(message.method)
        try:
            result = (
                script(params) if script is not None else self.server.answer(message.method, params, self)
            )
        except BlackboardError as error:
            self.connection.send_text(encode_error(message.id, error))
            return
        if result is DROP:
            self.transport.abort()
        elif result is not SILENCE:
            self.connection.send_text(encode_result(message.id, result))

    def notify(self, method: str, params: Params) -> None:
        self.connection.send_text(encode_notice(method, params))
        self.flush()

    def flush(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(self.connection.data_to_send())
        if self.connection.is_finished:
            self.transport.close()


def check(method: str, params: Params) -> None:
    """Hold the client to the protocol: its parameters must be what the documented models accept."""
    read_params(method, params)
    if method in COMMANDS:
        read_change(method, dict(params))


class FakeServer:
    """Answers by `scripts`, else plausibly; records all requests."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.requests: list[tuple[str, Params]] = []
        self.arrived = asyncio.Event()
        self.scripts: dict[str, Callable[[Params], Any]] = {}
        self.http_status = 0
        self.revision = 10
        self.subscriptions = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1"

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut all connections."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        for peer in list(self.peers):
            peer.transport.abort()

    def answer(self, method: str, params: Params, peer: Peer) -> Any:
        match method:
            case "session.hello":
                peer.connection.hello_done()
                peer.agent = params.get("agent", "made-up")
                return {"agent": peer.agent, "principal": "tester", "limits": {}}
            case "board.watch":
                self.subscriptions += 1
                return {"subscription": self.subscriptions, "revision": self.revision}
            case "source.register":
                return {"source": params["source"]["name"], "trigger_hash": "x"}
            case _ if "command_id" in params:
                self.revision += 1
                return {"revision": self.revision, "entries": [self.revision], "repeated": False}
            case _:
                return {}

    def said(self, method: str) -> list[Params]:
        """Return the params of all requests of `method`, in order of arrival."""
        return [params for name, params in self.requests if name == method]

    async def wait_for(self, method: str, count: int = 1) -> list[Params]:
        """Wait until `count` requests of `method` have arrived."""
        async with asyncio.timeout(10):
            while len(self.said(method)) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.said(method)

    def notify(self, method: str, params: Params) -> None:
        for peer in list(self.peers):
            peer.notify(method, params)

    def change(
        self, first: int, last: int | None = None, *, subscription: int | None = None, **more: Any
    ) -> None:
        """Send a change of board `b` under the latest subscription."""
        params = {
            "subscription": subscription or self.subscriptions,
            "board": "b",
            "first": first,
            "last": last or first,
            "time_ms": 5,
            "records": [],
            **more,
        }
        self.notify("board.changed", params)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[FakeServer]:
    server = FakeServer()
    await server.listen()
    try:
        yield server
    finally:
        await server.stop()


def refuse(code: str, message: str = "no") -> Callable[[Params], Any]:
    """Return a script that refuses."""

    def script(params: Params) -> Any:
        raise BlackboardError(code, message)

    return script


def in_turn(*scripts: Callable[[Params], Any] | object) -> Callable[[Params], Any]:
    """Return a script that answers differently each time; a value stands for itself, the last one stays."""
    left = deque(scripts)

    def script(params: Params) -> Any:
        now = left.popleft() if len(left) > 1 else left[0]
        return now(params) if callable(now) else now

    return script
