"""The sceptic: "such a shift is there without any incident".

Independent of the detectors in what it looks at: not how large the shift is, but
whether the level after the onset is one at which the series usually lives, whether
the level before it was odd (regression to the mean), and whether there was enough
traffic to tell.
"""

from __future__ import annotations

from .claim import Refutation
from .signal import Measure, Signal

__all__ = ["doubt"]

_FEW_REQUESTS = 4.0
"""Fewer requests per interval than this make a percentile a matter of luck."""

_STRENGTH_MIN = 0.05
_MILD = 2.0
"""Ratios up to here are still seen now and then without an incident."""


def doubt(signal: Signal) -> Refutation | None:
    """Object to the anomaly of one signal; `None` when there is nothing to say.

    Returns:
        A refutation of the anomaly (service, aspect), strength at most 0.7.
    """
    grounds = sorted(_grounds(signal), reverse=True)
    if not grounds or grounds[0][0] < _STRENGTH_MIN:
        return None
    strength, reason = grounds[0]
    return Refutation(
        service=signal.service,
        about=signal.aspect,
        confidence=strength,
        reason=reason,
        rests_on=(signal.key,),
    )


def _grounds(signal: Signal) -> list[tuple[float, str]]:
    measure = signal.leading
    found = [_usual_level(measure)]
    if signal.aspect != "traffic":
        found.append(_mild(measure))
    if signal.aspect != "traffic" and signal.volume < _FEW_REQUESTS:
        lack = 1.0 - signal.volume / _FEW_REQUESTS
        found.append((0.5 * lack, f"only {signal.volume:.1f} requests per interval"))
    if not measure.anchored:
        found.append((0.4, "no sample before the onset to compare with"))
    return found


def _usual_level(measure: Measure) -> tuple[float, str]:
    """The series lived at this level in normal operation, and dipped before the onset."""
    after = measure.reference + measure.shift
    usual = measure.usual
    if after > usual.q90 or measure.reference >= usual.median:
        return 0.0, ""
    return 0.4, "after the onset it is where it usually is; before, it was unusually low"


def _mild(measure: Measure) -> tuple[float, str]:
    """Normal windows show such a shift now and then."""
    if measure.ratio >= _MILD:
        return 0.0, ""
    strength = 0.7 * (1.0 - max(0.0, measure.ratio) / _MILD)
    return strength, f"a shift of {measure.ratio:.1f} times the 1-in-100 shift is not rare enough"
