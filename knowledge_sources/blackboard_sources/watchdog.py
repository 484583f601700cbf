"""The watchdog of a worker process: it ends a process whose handler blocks the event loop for good.

While a handler blocks the loop, no lease is renewed and no offer accepted. Once the longest lease of its
sources has passed there is nothing left to lose: the process says so and ends, its server starts another
one, and the activation has used up an attempt. A thread watches, since the loop cannot watch itself. It
counts its own ticks and asks no clock, so a process that was stopped and goes on is left alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from typing import Final

__all__ = ["EXIT_BLOCKED", "MARGIN_SECONDS", "watch_loop"]

LOG: Final = logging.getLogger("blackboard.worker")

EXIT_BLOCKED: Final = 4
MARGIN_SECONDS: Final = 1.0
"""How long beyond the lease is waited, so that the server sees the lease expire before the process ends."""
_TICKS: Final = 8


def watch_loop(seconds: float) -> None:
    """End the process when the running event loop has been blocked for `seconds`."""
    _Watchdog(asyncio.get_running_loop(), seconds).start()


class _Watchdog:
    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._beats = 0

    def start(self) -> None:
        self._beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _beat(self) -> None:
        self._beats += 1
        self._loop.call_later(self._seconds / _TICKS / 2, self._beat)

    def _watch(self) -> None:
        seen, missed = self._beats, 0
        while missed < _TICKS:
            time.sleep(self._seconds / _TICKS)
            missed = missed + 1 if self._beats == seen else 0
            seen = self._beats
        LOG.error(
            "a handler has blocked the event loop for %g s, longer than any lease; this process ends. "
            "Put what blocks into a plain `def` handler, or await it",
            self._seconds,
        )
        os._exit(EXIT_BLOCKED)
