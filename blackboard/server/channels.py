"""All connections of a server: one flush per turn of the loop, one sweep for all deadlines."""

from __future__ import annotations

import asyncio
from typing import Protocol

from blackboard.core.limits import Limits
from blackboard.server.metrics import Counters
from blackboard.server.transport import Channel
from blackboard.wire.connection import HttpRequest

__all__ = ["Channels", "Handler"]


class Handler(Protocol):
    """What is done with what came."""

    def http(self, channel: Channel, request: HttpRequest) -> None:
        """Answer a request by `channel.connection.accept` or `respond`; hand over what `accept` returns."""
        ...

    def texts(self, channel: Channel, payloads: list[bytes]) -> None:
        """Take the messages that one read brought."""
        ...

    def drained(self, channel: Channel) -> None:
        """The queue has fallen below its mark."""
        ...

    def closed(self, channel: Channel) -> None:
        """Nothing more will come, and nothing can be sent."""
        ...


class Channels:
    """All connections of a server, their flushes and their deadlines.

    Args:
        handler: What is done with what comes.
        limits: Bounds.
        counters: Counters of the server.
    """

    def __init__(self, handler: Handler, *, limits: Limits, counters: Counters) -> None:
        self.handler = handler
        self.limits = limits
        self.counters = counters
        self.loop = asyncio.get_running_loop()
        self._open: dict[Channel, None] = {}
        self._dirty: dict[Channel, None] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        deadlines = (limits.write_deadline_ms, limits.hello_deadline_ms, limits.ping_interval_ms)
        self._sweep_seconds = min(max(min(deadlines) / 4_000, 0.01), 5.0)
        self._timer = self.loop.call_later(self._sweep_seconds, self._sweep)

    def __len__(self) -> int:
        return len(self._open)

    def make(self) -> Channel:
        """Return the protocol of a new connection; the factory for `create_server`."""
        return Channel(self)

    def queued_bytes(self) -> int:
        """Return what is queued for all connections together."""
        return sum(channel.queued_bytes for channel in self._open)

    def join(self, channel: Channel) -> bool:
        """Count a connection; false if there are too many."""
        if len(self._open) >= self.limits.connections_max:
            return False
        self._open[channel] = None
        self._empty.clear()
        return True

    def leave(self, channel: Channel) -> None:
        """Forget a connection."""
        self._open.pop(channel, None)
        self._dirty.pop(channel, None)
        if not self._open:
            self._empty.set()

    def mark(self, channel: Channel) -> None:
        """Flush this channel at the end of the turn."""
        if not self._dirty:
            self.loop.call_soon(self._flush)
        self._dirty[channel] = None

    async def close(self, seconds: float) -> None:
        """Close all connections: politely, and after `seconds` without."""
        for channel in list(self._open):
            channel.close(1001, "the server is shutting down")
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            for channel in list(self._open):
                channel.abort()
            await asyncio.sleep(0)
        self._timer.cancel()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for channel in dirty:
            channel.flush()

    def _sweep(self) -> None:
        now = self.loop.time()
        for channel in list(self._open):
            channel.check(now)
        self._timer = self.loop.call_later(self._sweep_seconds, self._sweep)
