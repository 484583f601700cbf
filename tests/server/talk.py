"""A client for tests: every result and notification is checked against its documented model."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect

from blackboard.config import Config
from blackboard.core.limits import Limits
from blackboard.server.app import Server
from blackboard.store import Store
from blackboard.wire.messages import METHODS, NOTIFICATIONS

WORD = {
    "name": "Word",
    "level": "word",
    "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
}


class Refusal(Exception):
    """An error answer."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: str = error["data"]["code"]


class Talk:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.notices: list[tuple[str, dict[str, Any]]] = []
        self.hello: dict[str, Any] = {}
        self._last = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._news = asyncio.Event()
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(Exception):
            async for frame in self.socket:
                self._take(orjson.loads(frame))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("closed"))
        self._news.set()

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message:
            NOTIFICATIONS[message["method"]].params.model_validate_json(orjson.dumps(message["params"]))
            self.notices.append((message["method"], message["params"]))
            self._news.set()
        elif message["id"] in self._waiting:
            self._waiting.pop(message["id"]).set_result(message)

    def send(self, method: str, **params: Any) -> asyncio.Future[Any]:
        """Send a request; the future gets the whole answer."""
        self._last += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._last] = future
        request = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}
        text = json.dumps(request)
        task = asyncio.ensure_future(self.socket.send(text))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a request, or raise `Refusal`."""
        async with asyncio.timeout(10):
            answer = await self.send(method, **params)
        if "error" in answer:
            raise Refusal(answer["error"])
        METHODS[method].result.model_validate_json(orjson.dumps(answer["result"]))
        return answer["result"]

    async def code(self, method: str, **params: Any) -> str:
        """Return the code with which a request is refused."""
        try:
            result = await self.call(method, **params)
        except Refusal as refusal:
            return refusal.code
        raise AssertionError(f"{method} was not refused: {result}")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was notified meets a condition."""
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def of(self, method: str) -> list[dict[str, Any]]:
        """Return the notifications of one kind."""
        return [params for name, params in self.notices if name == method]

    @property
    def revisions(self) -> list[int]:
        """Revisions of all records that were notified."""
        return [row["revision"] for params in self.of("board.changed") for row in params["records"]]

    async def close(self) -> None:
        """Leave."""
        await self.socket.close()
        await self._reader


@contextlib.asynccontextmanager
async def serving(
    folder: Path, *, store: Store | None = None, ephemeral: bool = False, **bounds: int
) -> AsyncIterator[Server]:
    """Run a server on a free port."""
    config = Config(
        port=0, data_dir=str(folder), sources_dir="", ephemeral=ephemeral, limits=Limits(**bounds)
    )
    async with Server(config, store=store) as server:
        yield server


@contextlib.asynccontextmanager
async def talking(
    server: Server | str, *, token: str | None = None, agent: str | None = None
) -> AsyncIterator[Talk]:
    """Open a session."""
    url = server if isinstance(server, str) else server.url
    secret = token or (server.token if isinstance(server, Server) else "")
    socket = await connect(url, max_size=None, ping_interval=None, compression=None, proxy=None)
    talk = Talk(socket)
    try:
        extra = {} if agent is None else {"agent": agent}
        talk.hello = await talk.call("session.hello", protocol=1, client="test", token=secret, **extra)
        yield talk
    finally:
        await talk.close()


def source(name: str = "reader", **fields: Any) -> dict[str, Any]:
    """Return the declaration of a source that acts on every `Word`."""
    return {"name": name, "trigger": {"patterns": [{"variable": "x", "type": "Word"}]}} | fields
