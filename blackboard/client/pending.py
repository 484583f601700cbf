"""Unanswered requests: who waits for what, until when, and what becomes of them when the connection is lost.

Invariant: every request leaves the table exactly once: answered, failed, timed out or abandoned by its
caller. A request is repeated on the next connection unless it only makes sense on the one it was made for;
repeating is safe because changes carry a `command_id` and everything else changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blackboard.core.errors import BlackboardError

__all__ = ["Pending", "PendingTable"]


@dataclass(slots=True, eq=False)
class Pending:
    """One unanswered request.

    Args:
        id: JSON-RPC id, unique in the session.
        method: Its method, for messages.
        payload: The encoded request.
        future: Gets the result or the error.
        timer: Ends the wait.
        repeat: Whether it is sent again on the next connection.
        on_result: Called with the result at once, before anything else of the same read is looked at.
    """

    id: int
    method: str
    payload: bytes
    future: asyncio.Future[Any]
    timer: asyncio.TimerHandle
    repeat: bool
    on_result: Callable[[Any], None] | None


class PendingTable:
    """All unanswered requests of a session, in the order of sending."""

    def __init__(self) -> None:
        self._pending: dict[int, Pending] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._pending)

    def next_id(self) -> int:
        """Return a fresh id."""
        self._last_id += 1
        return self._last_id

    def add(self, pending: Pending) -> None:
        """Take in a request that is about to be sent."""
        self._pending[pending.id] = pending

    def discard(self, id_: int) -> None:
        """Forget a request whose caller no longer waits; a late answer is dropped."""
        pending = self._pending.pop(id_, None)
        if pending is not None:
            pending.timer.cancel()

    def resolve(self, id_: int, result: Any) -> None:
        """Give a request its result."""
        pending = self._pending.pop(id_, None)
        if pending is None:
            return
        pending.timer.cancel()
        if pending.future.done():
            return
        if pending.on_result is not None:
            pending.on_result(result)
        pending.future.set_result(result)

    def reject(self, id_: int, error: BlackboardError) -> None:
        """Give a request its error."""
        pending = self._pending.pop(id_, None)
        if pending is None:
            return
        pending.timer.cancel()
        if not pending.future.done():
            pending.future.set_exception(error)

    def reject_all(self, error: BlackboardError) -> None:
        """Give every request the same error."""
        for id_ in list(self._pending):
            self.reject(id_, BlackboardError(error.code, error.message))

    def connection_lost(self) -> None:
        """Fail what is not to be repeated."""
        for pending in list(self._pending.values()):
            if not pending.repeat:
                error = BlackboardError("connection_lost", f"the connection was lost during {pending.method}")
                self.reject(pending.id, error)

    def payloads(self) -> list[bytes]:
        """Return what is to be sent again, in order."""
        return [each.payload for each in self._pending.values()]
