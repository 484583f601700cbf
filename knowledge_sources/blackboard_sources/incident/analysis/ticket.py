"""The incident ticket: which service level broke, and when the window was hurt.

Owns the split of the incident window into "before" and "during", and the weight
of each sample. Background for every source: it never counts as evidence.
Invariant: `weights` has one entry per sample, is 0 exactly on the samples before
the onset, and adds up to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .robust import mean

__all__ = ["Metric", "Ticket", "badness", "open_ticket"]

Metric = str
"""`latency` (seconds), `availability` (percent) or `requests` (per interval)."""

_CLEAN_SHARE = 0.25
"""A sample counts as before the onset if less than this share of it lies after it."""

_EVEN_SHARE = 0.25
"""Weight that every sample after the onset gets, however the target looked in it."""

_ONSET_SAMPLES_MIN = 4
_CALM = 0.2
_HURT = 0.6
"""Shares of the target's range in the window: below the one it is calm, above the other it is hurt."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The violated service level and the shape of its violation."""

    service: str
    metric: Metric
    statistic: str
    at_s: int
    times_s: tuple[int, ...]
    before: tuple[int, ...]
    weights: tuple[float, ...]


def badness(metric: Metric, value: float) -> float:
    """Express a sample so that larger is worse: seconds, failed share, or lost requests."""
    if metric == "availability":
        return 1.0 - value / 100.0
    return -value if metric == "requests" else value


def open_ticket(
    *,
    service: str,
    metric: Metric,
    statistic: str,
    at_s: int,
    times_s: Sequence[int],
    target: Sequence[float | None],
) -> Ticket:
    """Open the ticket for one incident window.

    Args:
        service: The node whose service level was violated.
        metric: Its metric.
        statistic: Its statistic, for example `Average` or `p99`.
        at_s: Unix time of the violation, seconds.
        times_s: Start of each sample of the window, seconds, ascending.
        target: The violated series in the window, raw units; `None` where missing.
    """
    before = _onset(metric, target, _before(times_s, at_s))
    return Ticket(
        service=service,
        metric=metric,
        statistic=statistic,
        at_s=at_s,
        times_s=tuple(times_s),
        before=before,
        weights=_weights(metric, target, before, len(times_s)),
    )


def _before(times_s: Sequence[int], at_s: int) -> tuple[int, ...]:
    """Indices of the samples that ended before the onset; never all of them."""
    steps = sorted(b - a for a, b in pairwise(times_s))
    interval_s = steps[len(steps) // 2] if steps else 300
    limit_s = at_s - (1.0 - _CLEAN_SHARE) * interval_s
    clean = tuple(i for i, time_s in enumerate(times_s) if time_s <= limit_s)
    if len(clean) == len(times_s):
        return clean[: max(0, len(clean) // 2)]
    return clean


def _onset(metric: Metric, target: Sequence[float | None], before: tuple[int, ...]) -> tuple[int, ...]:
    """Correct the ticket's time by what the target itself shows.

    A ticket that comes late has hurt samples before it, perhaps all of them: the onset is at the first of
    them. One that comes early has calm samples after it: they are before the onset, too.
    """
    known = {i: badness(metric, v) for i, v in enumerate(target) if v is not None}
    if len(known) < _ONSET_SAMPLES_MIN:
        return before
    low, high = min(known.values()), max(known.values())
    if high <= low:
        return before
    calm, hurt = low + _CALM * (high - low), low + _HURT * (high - low)
    split = len(before)
    peak = max(known, key=lambda i: (known[i], -i))
    if known.get(0, high) <= calm:
        if 0 < peak < split and all(known.get(i, low) < hurt for i in range(split, len(target))):
            split = peak
        while split > 1 and known.get(split - 1, low) >= hurt:
            split -= 1
    while split < peak and known.get(split, high) <= calm:
        split += 1
    return tuple(range(split))


def _weights(
    metric: Metric, target: Sequence[float | None], before: tuple[int, ...], size: int
) -> tuple[float, ...]:
    """Weigh the samples after the onset by how much the target was hurt in each."""
    after = [i for i in range(size) if i not in before]
    level = [badness(metric, v) for i in before if (v := target[i]) is not None]
    present = [badness(metric, v) for i in after if (v := target[i]) is not None]
    if not present:
        return tuple(1.0 / len(after) if i in after else 0.0 for i in range(size))
    base = mean(level) if level else min(present)
    rises = {i: max(0.0, badness(metric, v) - base) if (v := target[i]) is not None else 0.0 for i in after}
    top = max(rises.values())
    raw = {
        i: _EVEN_SHARE + (1.0 - _EVEN_SHARE) * (rise / top if top > 0.0 else 1.0) for i, rise in rises.items()
    }
    total = sum(raw.values())
    return tuple(raw[i] / total if i in raw else 0.0 for i in range(size))
