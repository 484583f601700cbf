"""Four detectors: each looks at one aspect of one service and nothing else.

Each compares the shift of the window with the shifts that normal history shows
in windows of the same shape, and claims an anomaly of that aspect. They post
low-confidence claims freely; it is for the sceptic and the accountants to object.
"""

from __future__ import annotations

from collections.abc import Sequence

from .claim import Claim
from .robust import CONFIDENCE_MAX, confidence_of
from .signal import Measure, Signal

__all__ = [
    "CLAIM_MIN",
    "detect_central",
    "detect_errors",
    "detect_tail",
    "detect_traffic",
    "lost_share",
]

CLAIM_MIN = 0.10
"""Weaker claims are not worth an entry."""

_UNANCHORED = 0.5
"""A service missing from the whole window may have been removed long before."""

_QUIET_MIN = 3.0
"""Where even the quietest normal interval has fewer requests, zero says nothing."""


def detect_central(signal: Signal) -> Claim | None:
    """Claim that the typical latency (Average or p50) rose, from a `central` signal."""
    return _detect(signal, "central", unit="s", half=1.2)


def detect_tail(signal: Signal) -> Claim | None:
    """Claim that the slowest requests (p90, p95, p99) became slower, from a `tail` signal.

    Two of three percentiles must agree in part: the judgement is the mean of the
    two largest ratios, since one percentile of few requests is easily wild.
    """
    return _detect(signal, "tail", unit="s", half=1.5, best=2)


def detect_errors(signal: Signal) -> Claim | None:
    """Claim that more requests failed, from an `errors` signal."""
    return _detect(signal, "errors", unit="%", half=1.2)


def detect_traffic(signal: Signal) -> Claim | None:
    """Claim that requests went missing, from a `traffic` signal.

    Two tests, the surer counts: the shift is unusual; or fewer requests came than in
    the quietest hundredth of the history, scaled to the load before the onset.
    """
    if signal.aspect != "traffic":
        return None
    measure = signal.measures[0]
    lost = lost_share(signal)
    if lost <= 0.0:
        return None
    surety = 1.0 if measure.anchored else _UNANCHORED
    confidence = surety * max(
        confidence_of(measure.ratio, half=1.2) * lost,
        CONFIDENCE_MAX * _below_quietest(measure) ** 2,
    )
    return _claim(signal, measure, confidence, unit="requests")


def lost_share(signal: Signal) -> float:
    """Share of the requests before the onset that is missing in the two worst samples, 0..1."""
    measure = signal.measures[0]
    if measure.reference >= 0.0:
        return 0.0
    return min(1.0, max(0.0, 1.0 - _lowest(measure) / -measure.reference))


def _lowest(measure: Measure) -> float:
    """Mean requests of the two worst samples: one alone may be a gap in the record."""
    worst = sorted(v for v in measure.window if v is not None)[:2]
    return sum(worst) / len(worst)


def _below_quietest(measure: Measure) -> float:
    """How far the worst sample lies below all of normal operation: 0 not, 1 nothing came."""
    load = measure.reference / measure.usual.median if measure.usual.median < 0.0 else 0.0
    quietest = -measure.usual.q99 * min(load, 1.0)
    return max(0.0, 1.0 - _lowest(measure) / quietest) if quietest >= _QUIET_MIN else 0.0


def _detect(signal: Signal, aspect: str, *, unit: str, half: float, best: int = 1) -> Claim | None:
    if signal.aspect != aspect:
        return None
    ranked = sorted(signal.measures, key=lambda m: (-m.ratio, m.statistic))
    ratio = _mean_ratio(ranked[:best])
    return _claim(signal, ranked[0], confidence_of(ratio, half=half), unit=unit)


def _mean_ratio(measures: Sequence[Measure]) -> float:
    return sum(measure.ratio for measure in measures) / len(measures)


def _claim(signal: Signal, measure: Measure, confidence: float, *, unit: str) -> Claim | None:
    if confidence < CLAIM_MIN:
        return None
    return Claim(
        service=signal.service,
        about=signal.aspect,
        confidence=confidence,
        reason=_reason(measure, unit),
        rests_on=(signal.key,),
    )


def _reason(measure: Measure, unit: str) -> str:
    """Say what moved, from where to where, and how often normal operation does so."""
    before, after = measure.reference, measure.reference + measure.shift
    if unit == "%":
        before, after = 100.0 * (1.0 - before), 100.0 * (1.0 - after)
    if unit == "requests":
        before, after = -before, -after
    return (
        f"{measure.statistic} {before:.3g} {unit} -> {after:.3g} {unit}, "
        f"{measure.ratio:.1f} times the shift of 1 normal window in 100"
    )
