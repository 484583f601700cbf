"""Order statistics that a few wild samples cannot move.

Owns: quantiles of short and long lists, and the map from "how unusual" to a
confidence. Relies on nothing. Every function is total on non-empty input,
deterministic, and independent of the order of its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CONFIDENCE_MAX", "Spread", "confidence_of", "mean", "quantile", "spread_of"]

CONFIDENCE_MAX = 0.95
"""No single source is ever surer than this, so that beliefs keep room to differ."""

_SAMPLES_MIN = 8


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is distributed while all is well; same unit as the number."""

    median: float
    q90: float
    q99: float
    samples: int

    def ratio_of(self, value: float, *, floor: float) -> float:
        """Measure `value` in units of the rise that one normal window in a hundred shows.

        Args:
            value: The number to judge.
            floor: The smallest unit allowed, so that a constant history does not
                make every change look infinite.

        Returns:
            0 at the usual value, 1 at the 99 % quantile of normal, unbounded above.
        """
        # Three times the q50-q90 distance is what q99 would be for tails somewhat
        # heavier than exponential; it only serves when q99 itself is too small.
        unit = max(self.q99 - self.median, 1.2 * (self.q90 - self.median), floor)
        return (value - self.median) / unit


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean of a non-empty sequence."""
    return sum(values) / len(values)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of an ascending, non-empty sequence, linearly interpolated.

    Source: Hyndman & Fan (1996), "Sample Quantiles in Statistical Packages", type 7.

    >>> quantile([1.0, 2.0, 3.0], 0.75)
    2.5
    """
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread_of(values: Sequence[float]) -> Spread | None:
    """Summarise a history; `None` when there are fewer than eight values."""
    if len(values) < _SAMPLES_MIN:
        return None
    ordered = sorted(values)
    return Spread(
        median=quantile(ordered, 0.5),
        q90=quantile(ordered, 0.9),
        q99=quantile(ordered, 0.99),
        samples=len(ordered),
    )


def confidence_of(ratio: float, *, half: float = 1.0, limit: float = CONFIDENCE_MAX) -> float:
    """Turn "how unusual" into a confidence.

    Args:
        ratio: Result of `Spread.ratio_of`; anything at or below 0 gives 0.
        half: The ratio that earns half of `limit`.
        limit: The largest confidence given, at most `CONFIDENCE_MAX`.

    Returns:
        A smooth, strictly rising value in [0, limit).
    """
    if ratio <= 0.0:
        return 0.0
    squared = ratio * ratio
    return limit * squared / (squared + half * half)
