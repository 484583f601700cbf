"""The client: a session over one websocket that survives the loss of its connection.

Layers, inner to outer: `transport` (one connection, coalesced writes), `link` (hello and messages),
`pending` (unanswered requests), `keeper` (reconnect), `session` (requests), `watch` and `board` (what
users type).
"""

from __future__ import annotations

from blackboard.client.board import Board
from blackboard.client.options import SessionOptions
from blackboard.client.session import Session, open_session
from blackboard.client.token import find_token
from blackboard.client.views import BoardInfo, Change, Why, WhyEdge
from blackboard.client.watch import Watch

__all__ = [
    "Board",
    "BoardInfo",
    "Change",
    "Session",
    "SessionOptions",
    "Watch",
    "Why",
    "WhyEdge",
    "find_token",
    "open_session",
]
