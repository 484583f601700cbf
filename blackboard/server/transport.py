"""One socket: bytes to events by the sans-IO connection, and out again, with every bound kept.

All that one read brought is parsed and handed over as one batch; all that is queued for a connection is
written once per turn of the loop. The queue is bounded in two steps: above its mark the channel is *paused*
(nothing new is sent to its watchers, nothing more is read from it), above `connection_queue_bytes_max` it
is cut. A reader that takes nothing for `write_deadline_ms` is cut as well. A peer with too many requests in
flight is not read from until some are answered, and of what one read brought at most `MESSAGES_PER_TURN` are
taken per turn; the rest waits in a backlog, during which nothing is read either. So a stalled or flooding
peer costs bounded memory, and nobody else notices.

`Channels` flushes the channels of a server, and watches over their deadlines: of hello, of pongs, of
writes, of closing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from blackboard.wire.connection import HttpRequest, ServerConnection, Text
from blackboard.wire.events import Event, ProtocolFault

if TYPE_CHECKING:
    from blackboard.server.channels import Channels

__all__ = ["Channel"]

_CLOSE_POLICY: Final = 1008
_BACKLOG_SECONDS: Final = 0.005
"""How often a backlog looks whether there is room again."""

_CLOSE_SECONDS: Final = 2.0
"""How long a peer may take to answer a close."""

MESSAGES_PER_TURN: Final = 128
"""Messages of one connection worked on at a stretch, so that none keeps the loop from the others."""

_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n"
    b"Connection: close\r\n\r\nThis server has all the connections that it takes.\n"
)


class Channel(asyncio.Protocol):
    """One connection.

    Args:
        channels: The set it belongs to.
    """

    __slots__ = (
        "_backlog",
        "_channels",
        "_closing_since",
        "_heard",
        "_inflight",
        "_inflight_bytes",
        "_is_cut",
        "_is_hello_due",
        "_is_reading",
        "_pinged",
        "_queued",
        "_started",
        "_taken",
        "_transport",
        "connection",
        "is_lost",
        "is_paused",
        "session",
    )

    _transport: asyncio.Transport

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self.connection = ServerConnection(message_bytes_max=channels.limits.message_bytes_max)
        self.session: object = None
        self.is_paused = False
        self._is_reading = True
        self.is_lost = False
        self._is_cut = False
        self._is_hello_due = True
        self._backlog: deque[bytes] = deque()
        self._inflight = 0
        self._inflight_bytes = 0
        self._queued = 0
        self._started = self._heard = channels.loop.time()
        self._pinged: float | None = None
        self._closing_since: float | None = None
        self._taken: tuple[int, float] = (0, self._started)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections already."""
        # A cast, because uvloop's transports do not descend from asyncio's.
        self._transport = transport = cast("asyncio.Transport", transport)
        channels = self._channels
        if not channels.join(self):
            channels.counters.connections_refused += 1
            self.is_lost = True
            transport.write(_FULL)
            transport.close()
            return
        channels.counters.connections += 1
        mark = channels.limits.connection_queue_bytes_max // 8
        transport.set_write_buffer_limits(high=mark, low=mark // 4)

    def data_received(self, data: bytes) -> None:
        """Parse all that one read brought and hand it over in one batch."""
        if self.is_lost:
            return
        channels = self._channels
        channels.counters.received_bytes += len(data)
        self._heard = channels.loop.time()
        self.handle(self.connection.receive(data))
        channels.mark(self)

    def eof_received(self) -> None:
        """The peer sends no more; there is no talking to half a connection."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio passes it
        """Tell the handler, once."""
        if not self.is_lost:
            self.is_lost = True
            self.connection.receive_eof()
            self._channels.leave(self)
            self._channels.handler.closed(self)

    def pause_writing(self) -> None:
        """The queue is above its mark: read no more until it has drained."""
        self.is_paused = True
        self._taken = (self.queued_bytes, self._channels.loop.time())
        self._adjust_reading()

    def resume_writing(self) -> None:
        """The queue has drained."""
        self.is_paused = False
        self._adjust_reading()
        if not self.is_lost:
            self._channels.handler.drained(self)

    # What the handler calls.

    def handle(self, events: list[Event]) -> None:
        """Pass events on, neighbouring messages as one batch."""
        texts: list[bytes] = []
        for event in events:
            if isinstance(event, Text):
                texts.append(event.payload)
            elif isinstance(event, HttpRequest):
                self._channels.handler.http(self, event)
            elif isinstance(event, ProtocolFault):
                self._channels.counters.connections_cut += 1
        if not texts:
            return
        if self._backlog or len(texts) > MESSAGES_PER_TURN or self._is_flooded:
            if not self._backlog:
                self._channels.loop.call_soon(self._work_off)
            self._backlog.extend(texts)
            self._adjust_reading()
        else:
            self._channels.handler.texts(self, texts)

    def _work_off(self) -> None:
        """Take some of the backlog in each turn, while there is room for requests in flight."""
        backlog = self._backlog
        if self.is_lost:
            backlog.clear()
            return
        if not self._is_flooded and not self.is_paused:
            count = min(len(backlog), MESSAGES_PER_TURN)
            self._channels.handler.texts(self, [backlog.popleft() for _ in range(count)])
        if backlog:
            self._channels.loop.call_later(
                _BACKLOG_SECONDS if self._is_flooded or self.is_paused else 0, self._work_off
            )
        else:
            self._adjust_reading()

    def hello_done(self) -> None:
        """The session has begun."""
        self._is_hello_due = False
        self.connection.hello_done()

    def send_frame(self, frame: bytes) -> None:
        """Queue a frame for the end of this turn; a queue beyond its bound cuts the connection."""
        if self._is_cut:
            return
        # One frame is always taken into an empty queue, however large: an offer may carry large entries.
        waiting = self.queued_bytes if self.is_paused else self._queued
        if waiting and waiting + len(frame) > self._channels.limits.connection_queue_bytes_max:
            self.cut()
        elif self.connection.send_frame(frame):
            self._queued += len(frame)
            self._channels.mark(self)

    def begin_request(self, size: int) -> None:
        """Count a request of `size` bytes that is being worked on."""
        self._inflight += 1
        self._inflight_bytes += size
        if self._is_flooded and self._is_reading:
            self._adjust_reading()

    def end_request(self, size: int) -> None:
        """Count it as answered."""
        self._inflight -= 1
        self._inflight_bytes -= size
        if not self._is_reading:
            self._adjust_reading()

    def close(self, code: int, reason: str) -> None:
        """Say good-bye; the peer has a moment to answer."""
        if self._closing_since is None:
            self._closing_since = self._channels.loop.time()
        if self.connection.state in {"connecting", "http"}:
            self._transport.close()
            return
        self.connection.close(code, reason)
        self._channels.mark(self)

    def cut(self) -> None:
        """Drop a peer that keeps no bounds."""
        if not self._is_cut:
            self._is_cut = True
            self._channels.counters.connections_cut += 1
            self.abort()

    def abort(self) -> None:
        """Drop the connection with whatever is queued."""
        self._transport.abort()

    # What the set of channels calls.

    @property
    def queued_bytes(self) -> int:
        """What waits to be taken by the peer."""
        return self._queued + self._transport.get_write_buffer_size()

    def flush(self) -> None:
        """Write everything that was queued in this turn at once."""
        data = self.connection.data_to_send()
        self._queued = 0
        if self.is_lost:
            return
        if data:
            self._channels.counters.sent_bytes += len(data)
            self._transport.write(data)
        if self.connection.is_finished:
            if self._closing_since is None:
                self._closing_since = self._channels.loop.time()
            self._transport.close()

    def check(self, now: float) -> None:
        """Keep the deadlines."""
        limits = self._channels.limits
        if self._closing_since is not None:
            if now - self._closing_since > _CLOSE_SECONDS:
                self.abort()
        elif self.is_paused:
            self._check_stall(now, limits.write_deadline_ms / 1_000)
        elif self._is_hello_due:
            if now - self._started > limits.hello_deadline_ms / 1_000:
                self._channels.counters.connections_cut += 1
                self.close(_CLOSE_POLICY, "session.hello did not come in time")
        elif self._is_reading:
            self._check_pulse(now, limits.ping_interval_ms / 1_000, limits.ping_deadline_ms / 1_000)

    def _check_stall(self, now: float, deadline: float) -> None:
        """Cut a reader of whose queue nothing was taken for too long."""
        size, since = self._taken
        queued = self.queued_bytes
        if queued < size:
            self._taken = (queued, now)
        elif now - since > deadline:
            self.cut()
        else:
            self._taken = (queued, since)

    def _check_pulse(self, now: float, interval: float, deadline: float) -> None:
        if self._pinged is not None and self._heard >= self._pinged:
            self._pinged = None
        if self._pinged is not None:
            if now - self._pinged > deadline:
                self.cut()
        elif now - self._heard > interval and self.connection.send_ping():
            self._pinged = now
            self._channels.mark(self)

    @property
    def _is_flooded(self) -> bool:
        limits = self._channels.limits
        return (
            self._inflight >= limits.connection_inflight_max
            or self._inflight_bytes >= limits.connection_queue_bytes_max
        )

    def _adjust_reading(self) -> None:
        wanted = not self.is_paused and not self._backlog and not self._is_flooded
        if wanted == self._is_reading or self.is_lost or self._transport.is_closing():
            return
        self._is_reading = wanted
        if wanted:
            self._heard = self._channels.loop.time()
            self._pinged = None
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()
