"""Four detectors: each looks at one aspect of one service and nothing else.

Each compares the shift of the window with the shifts that normal history shows
in windows of the same shape, and claims an anomaly of that aspect. They post
low-confidence claims freely; it is for the sceptic and the accountants to object.
"""

from __future__ import annotations

from collections.abc import Sequence

from .claim import Claim
from .robust import confidence_of
from .signal import Measure, Signal

__all__ = ["CLAIM_MIN", "detect_central", "detect_errors", "detect_tail", "detect_traffic"]

CLAIM_MIN = 0.10
"""Weaker claims are not worth an entry."""


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

    The share that is lost matters as much as how unusual that is.
    """
    if signal.aspect != "traffic":
        return None
    measure = signal.measures[0]
    if not measure.anchored or measure.reference >= 0.0 or measure.shift <= 0.0:
        return None
    lost = min(1.0, measure.shift / -measure.reference)
    confidence = confidence_of(measure.ratio, half=1.2) * lost
    return _claim(signal, measure, confidence, unit="requests")


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
