"""The premise of all reasoning: one aspect of one service, summarised at intake.

A signal holds the raw window and says how often normal history shows a shift of
the same kind: the shift is a weighted mean of the samples after the onset minus
the mean of the samples before it, and the very same weights are slid over the
history. Thus drift between history and window (weeks may lie between them)
cancels, and heteroscedastic series are judged against themselves.

Invariants: every number is finite or `None`; larger is always worse.
"""

from __future__ import annotations

from dataclasses import dataclass

from .robust import Spread

__all__ = ["Aspect", "Measure", "Signal", "SignalKey"]

Aspect = str
"""`central` (latency Average, p50), `tail` (p90, p95, p99), `errors`, `traffic`."""

SignalKey = tuple[str, Aspect]
"""Identity of a signal: service and aspect."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One statistic of one aspect.

    `window` is in raw units (seconds, percent, requests). `reference`, `shift`
    and `normal` are in units of badness: seconds, failed share or
    (negated) requests; `usual` is the spread of history's levels.
    """

    statistic: str
    window: tuple[float | None, ...]
    reference: float
    shift: float
    normal: Spread
    usual: Spread
    floor: float
    anchored: bool

    @property
    def ratio(self) -> float:
        """The shift in units of the shift that 1 normal window in 100 shows."""
        return self.normal.ratio_of(self.shift, floor=self.floor)


@dataclass(frozen=True, slots=True)
class Signal:
    """One aspect of one service: what the window shows and what is normal.

    `volume` is the mean number of requests per interval while the target was hurt.
    `coupling` (aspect `central` only) is the least-squares slope of the target's
    total time on this service's total time in normal history, with its standard
    error: near 1 when the target waits for this service, near 0 when it does not.
    """

    service: str
    aspect: Aspect
    measures: tuple[Measure, ...]
    volume: float
    coupling: tuple[float, float] | None = None

    @property
    def average(self) -> Measure | None:
        """The measure that may be multiplied by requests; `None` without an Average."""
        return next((m for m in self.measures if m.statistic == "Average"), None)

    @property
    def leading(self) -> Measure:
        """The measure that moved most unusually."""
        return max(self.measures, key=lambda m: (m.ratio, m.statistic))

    @property
    def key(self) -> SignalKey:
        """Identity of this signal."""
        return (self.service, self.aspect)
