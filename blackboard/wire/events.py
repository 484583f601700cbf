"""What can happen on a connection, as `connection.py` reports it."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from blackboard.wire.handshake import Headers

__all__ = [
    "Closed",
    "Event",
    "HttpRequest",
    "Opened",
    "Pinged",
    "Ponged",
    "ProtocolFault",
    "Refused",
    "Text",
]


class _Event(msgspec.Struct, frozen=True, gc=False):
    """Base of all events; without garbage collector tracking, for they hold no cycles."""


class HttpRequest(_Event, frozen=True, gc=False):
    """A request has come; answer it with `accept` if `upgrade`, else with `respond`.

    Args:
        method: `GET`, or another one, which the caller refuses.
        target: Path and query as sent.
        headers: Header lines in order.
        upgrade: Whether a WebSocket is asked for.
    """

    method: str
    target: str
    headers: Headers
    upgrade: bool


class Opened(_Event, frozen=True, gc=False):
    """The WebSocket is open; the first message has to be `session.hello`."""


class Refused(_Event, frozen=True, gc=False):
    """The server answered the client's handshake with a plain HTTP response; `Closed` follows."""

    status: int
    body: str


class Text(_Event, frozen=True, gc=False):
    """A whole text message; fragments are joined. Whether it is UTF-8 is for the codec to check."""

    payload: bytes


class Pinged(_Event, frozen=True, gc=False):
    """A ping came; the pong is already on its way out."""

    payload: bytes


class Ponged(_Event, frozen=True, gc=False):
    """A pong came, perhaps for one of our pings."""

    payload: bytes


class ProtocolFault(_Event, frozen=True, gc=False):
    """The other side broke the protocol; the close with this code is on its way out, `Closed` follows."""

    code: int
    reason: str


class Closed(_Event, frozen=True, gc=False):
    """Nothing more will come. 1005: closed without a code; 1006: the byte stream ended without a close."""

    code: int
    reason: str


Event: TypeAlias = HttpRequest | Opened | Refused | Text | Pinged | Ponged | ProtocolFault | Closed
