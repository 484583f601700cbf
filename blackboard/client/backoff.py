"""How long to wait between attempts to reconnect: doubling, capped, and spread at random.

The spread keeps the clients of a restarted server from coming back all at once. Randomness is injected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Backoff"]


@dataclass(slots=True)
class Backoff:
    """Waits between attempts, in seconds.

    Args:
        random: Gives numbers from 0 up to 1.
        first: Longest first wait.
        cap: Longest wait at all.
    """

    random: Callable[[], float]
    first: float = 0.1
    cap: float = 5.0
    attempts: int = 0

    def next_wait(self) -> float:
        """Return the next wait: between half and the whole of a bound that doubles each time."""
        bound = min(self.cap, self.first * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return bound * (0.5 + 0.5 * self.random())

    def reset(self) -> None:
        """Start over, after a connection that worked."""
        self.attempts = 0
