"""The virtual clock: time that moves only when a test says so."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["VirtualClock"]


class VirtualClock:
    """Milliseconds since the test began.

    Args:
        passing: Called with the time in milliseconds to which the clock is to be moved; it returns how far it
            may go in one step, so that nothing due in between is skipped.
    """

    def __init__(self, passing: Callable[[int], int]) -> None:
        self.now_ms: int = 0
        self._passing = passing

    @property
    def now(self) -> float:
        """Seconds since the test began."""
        return self.now_ms / 1000

    def advance(self, seconds: float) -> None:
        """Let time pass: every deadline, retry and expiry in between happens at its own moment.

        Handlers that become due are started; `await board.settle()` lets them run.
        """
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s; time never goes back")
        target_ms = self.now_ms + round(seconds * 1000)
        while self.now_ms < target_ms:
            self.now_ms = max(self.now_ms + 1, min(target_ms, self._passing(target_ms)))
            self._passing(self.now_ms)
