"""One connection: an `asyncio.Protocol` over the sans-IO `ClientConnection`, with coalesced writes.

Everything sent within one turn of the loop goes out in one write: a send system call per message is what
limits a client (docs/performance.md). What is read is handed on within the read callback, so that answers
and notifications keep their order and no task is needed per message.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

from blackboard.core.errors import BlackboardError
from blackboard.core.limits import SERVER_LIMITS
from blackboard.wire.connection import (
    ClientConnection,
    Closed,
    Event,
    HttpRequest,
    Opened,
    Pinged,
    Ponged,
    ProtocolFault,
    Refused,
    Text,
)

__all__ = ["Receiver", "Transport", "dial"]

_SERVER_FAULT: Final = 500
_PORTS: Final = {"ws": 80, "wss": 443}


class Receiver(Protocol):
    """Who is told what comes over a transport."""

    def text_received(self, payload: bytes) -> None:
        """A message came."""
        ...

    def connection_ended(self, error: BlackboardError) -> None:
        """Nothing more will come; told once."""
        ...


class Transport(asyncio.Protocol):
    """One connection to a server.

    Args:
        connection: The state machine.
        receiver: Who is told what comes.
        loop: The running loop.
    """

    def __init__(
        self, connection: ClientConnection, receiver: Receiver, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._connection = connection
        self._receiver = receiver
        self._loop = loop
        self._socket: asyncio.WriteTransport | None = None
        self._is_flush_due = False
        self.is_ended = False
        self._cause: Exception | None = None
        self._refusal: BlackboardError | None = None
        self._paused: asyncio.Future[None] | None = None
        self.opened: asyncio.Future[None] = loop.create_future()
        self._gone = asyncio.Event()
        self.last_read = loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        # uvloop's transports are no subclasses of asyncio's, so this cannot be asserted.
        self._socket = cast("asyncio.WriteTransport", transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        self.last_read = self._loop.time()
        for event in self._connection.receive(data):
            self._take(event)
        self._schedule_flush()

    def eof_received(self) -> bool:
        """Note the end of the stream; the transport closes itself."""
        self._lose()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end of the connection, for whatever reason."""
        self._cause = exc
        self._lose()
        self.resume_writing()
        self._gone.set()

    def pause_writing(self) -> None:
        """Make senders wait in `drain`."""
        self._paused = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let senders go on."""
        if self._paused is not None and not self._paused.done():
            self._paused.set_result(None)
        self._paused = None

    @property
    def is_paused(self) -> bool:
        """Whether the operating system takes no more for now."""
        return self._paused is not None

    async def wait_ended(self, seconds: float) -> None:
        """Wait until the closing handshake is over, and drop the connection after `seconds`."""
        try:
            await asyncio.wait_for(self._gone.wait(), seconds)
        except TimeoutError:
            self.abort()
            await self._gone.wait()

    async def drain(self) -> None:
        """Wait until the operating system takes more; at once, normally."""
        if self._paused is not None:
            await asyncio.shield(self._paused)

    def send(self, payload: bytes) -> None:
        """Send one message with all others of this turn; dropped if the connection is ending."""
        self._connection.send_text(payload)
        self._schedule_flush()

    def ping(self) -> None:
        """Ask for a sign of life; `last_read` tells whether one came."""
        self._connection.send_ping()
        self._schedule_flush()

    def hello_done(self) -> None:
        """Note that the server accepted the hello."""
        self._connection.hello_done()

    def close(self) -> None:
        """Start the closing handshake."""
        if self._socket is None:
            self._gone.set()
        self._connection.close()
        self._flush()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._socket is not None:
            self._socket.abort()
        self._lose()

    def _take(self, event: Event) -> None:
        match event:
            case Text():
                self._receiver.text_received(event.payload)
            case Opened():
                if not self.opened.done():
                    self.opened.set_result(None)
            case Refused():
                self._refusal = _refusal(event)
            case Closed():
                self._end(event)
            case ProtocolFault() | Pinged() | Ponged() | HttpRequest():
                pass

    def _schedule_flush(self) -> None:
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        socket = self._socket
        if socket is None or socket.is_closing():
            return
        data = self._connection.data_to_send()
        if data:
            socket.write(data)
        if self._connection.is_finished:
            socket.close()

    def _lose(self) -> None:
        for event in self._connection.receive_eof():
            self._take(event)
        self._flush()

    def _end(self, closed: Closed) -> None:
        if self.is_ended:
            return
        self.is_ended = True
        reason = closed.reason or str(self._cause or "the byte stream ended")
        error = self._refusal or BlackboardError(
            "connection_lost", f"the connection ended with code {closed.code}: {reason}"
        )
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()  # whoever dials sees it; nobody else has to
        self._receiver.connection_ended(error)


def _refusal(event: Refused) -> BlackboardError:
    body = event.body.partition("\n")[0]
    message = f"the server answered the handshake with HTTP {event.status}: {body}"
    return BlackboardError("unreachable" if event.status >= _SERVER_FAULT else "forbidden", message)


async def dial(
    url: str,
    make: Callable[[ClientConnection], Transport],
    *,
    random_bytes: Callable[[int], bytes],
    timeout: float,  # noqa: ASYNC109 - one bound for the several waits inside
) -> Transport:
    """Connect to `url` and finish the websocket handshake.

    Raises:
        BlackboardError: `unreachable` if there is no server or it does not answer in `timeout` seconds,
            `forbidden` if it refuses the handshake, `invalid_params` if the address is wrong.
    """
    host, port, context = _address(url)
    connection = ClientConnection(
        url, random_bytes=random_bytes, message_bytes_max=SERVER_LIMITS.message_bytes_max
    )
    loop = asyncio.get_running_loop()
    transport: Transport | None = None
    try:
        async with asyncio.timeout(timeout):
            _, transport = await loop.create_connection(lambda: make(connection), host, port, ssl=context)
            await transport.opened
    except (OSError, TimeoutError) as error:
        if transport is not None:
            transport.abort()
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        raise BlackboardError("unreachable", f"cannot reach {url}: {why}") from error
    except asyncio.CancelledError:
        if transport is not None:
            transport.abort()
        raise
    return transport


def _address(url: str) -> tuple[str, int, ssl.SSLContext | None]:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise BlackboardError("invalid_params", f"url {url!r}: expected ws://HOST:PORT/v1 or wss://HOST/v1")
    context = ssl.create_default_context() if parts.scheme == "wss" else None
    return parts.hostname, parts.port or _PORTS[parts.scheme], context
