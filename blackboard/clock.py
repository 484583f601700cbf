"""Engine time: milliseconds that never go back, whatever the wall clock does.

Engine time is `max(last recorded, anchor + monotonic elapsed)`; the anchor is the larger of the last
recorded time and the wall clock at the start. So a wall clock that jumps changes nothing while the server
runs, and a restart after the wall clock went back goes on where the log ended. The clocks come in through
seams, so that tests and the simulation drive time themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Clock", "EngineClock", "SecondsSource"]

SecondsSource: TypeAlias = Callable[[], float]
"""A clock that returns seconds."""

Clock: TypeAlias = Callable[[], int]
"""Returns engine time in milliseconds."""


class EngineClock:
    """The one clock of a server.

    Args:
        recorded_ms: The latest engine time in any log that is served.
        monotonic: Seconds that only grow, from any origin.
        wall: Seconds since 1970.
    """

    def __init__(
        self,
        recorded_ms: int = 0,
        *,
        monotonic: SecondsSource = time.monotonic,
        wall: SecondsSource = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._origin = monotonic()
        self._anchor_ms = max(recorded_ms, int(wall() * 1_000))
        self._recorded_ms = recorded_ms

    def now_ms(self) -> int:
        """Return engine time in milliseconds."""
        elapsed_ms = int((self._monotonic() - self._origin) * 1_000)
        return max(self._recorded_ms, self._anchor_ms + elapsed_ms)

    def observe(self, recorded_ms: int) -> None:
        """Take note of a time found in a log, below which this clock never falls."""
        self._recorded_ms = max(self._recorded_ms, recorded_ms)

    def seconds_until(self, deadline_ms: int) -> float:
        """Return how long to wait for `deadline_ms`, 0 if it is past."""
        return max(0.0, (deadline_ms - self.now_ms()) / 1_000)
