"""The connection state machine, pure of I/O: bytes in, events and bytes out.

`ServerConnection` and `ClientConnection` share their life-cycle (`MOVES`) and everything about frames; how
it works stands in `base.py`.
"""

from __future__ import annotations

from blackboard.wire.connection.base import MOVES, Connection, ConnectionState, Move, next_state
from blackboard.wire.connection.client import ClientConnection
from blackboard.wire.connection.server import ServerConnection
from blackboard.wire.events import (
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

__all__ = [
    "MOVES",
    "ClientConnection",
    "Closed",
    "Connection",
    "ConnectionState",
    "Event",
    "HttpRequest",
    "Move",
    "Opened",
    "Pinged",
    "Ponged",
    "ProtocolFault",
    "Refused",
    "ServerConnection",
    "Text",
    "next_state",
]
