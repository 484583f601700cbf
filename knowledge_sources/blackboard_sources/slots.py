"""Slots: how many handlers of one agent run at the same time.

A board grants an agent as many leases as it has credits, and knows nothing of other boards. So an agent that
works on several boards may hold more leases than credits; each is accepted and renewed, and its handler
waits for a slot, in the order in which the offers came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

__all__ = ["Slots"]


class Slots:
    """A counter with a queue whose size can change while it is in use.

    Args:
        size: How many hold a slot at a time.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def size(self) -> int:
        """How many hold a slot at a time; those beyond a smaller size keep theirs to their end."""
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        self._size = size
        self._wake()

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Hold a slot; cancelling gives up the place in the queue."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._wake()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()
            raise
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self._held -= 1
        self._wake()

    def _wake(self) -> None:
        """Hand free slots to those who wait longest."""
        while self._waiting and self._held < self._size:
            turn = self._waiting.popleft()
            if not turn.done():
                self._held += 1
                turn.set_result(None)
