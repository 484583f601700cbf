"""Turns telemetry into signals, once per incident.

Theory of operation. A window is short (about five samples) and the history may be
weeks away, so levels cannot be compared. What can be compared is the *shift*: the
weighted mean of the samples after the onset minus the mean of those before it.
The same functional, slid over the history, tells how often that shift is there
without any incident (an empirical null, Efron 2004, "Large-Scale Simultaneous
Hypothesis Testing"). A series without samples before the onset is judged against
the median of its history instead, in history and window alike.

Invariants: only services with data get a signal; output is in (service, aspect)
order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .robust import mean, quantile, spread_of
from .signal import Measure, Signal
from .ticket import Ticket, badness

__all__ = ["Series", "Table", "signals_of"]

Series = Sequence[float | None]
Table = Mapping[tuple[str, str, str], Series]

_ASPECTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("central", "latency", ("Average", "p50")),
    ("errors", "availability", ("Average", "p50")),
    ("tail", "latency", ("p90", "p95", "p99")),
    ("traffic", "requests", ("Sum",)),
)
_PAIRS_MIN = 50
_FLOOR_SHARE = 0.03
"""Latency moves below 3 % of the level are never called unusual."""


@dataclass(frozen=True, slots=True)
class _Lens:
    """The shift functional of one ticket."""

    before: tuple[int, ...]
    weights: tuple[float, ...]

    def shift(self, values: Series, start: int, anchor: float | None) -> tuple[float, float] | None:
        """Reference and shift of one stretch of a series; `None` without samples."""
        level = anchor
        if level is None:
            early = [v for i in self.before if (v := values[start + i]) is not None]
            if not early:
                return None
            level = sum(early) / len(early)
        total = weight = 0.0
        for i, w in enumerate(self.weights):
            v = values[start + i]
            if w > 0.0 and v is not None:
                total += w * v
                weight += w
        if weight <= 0.0:
            return None
        return level, total / weight - level


def signals_of(history: Table, window: Table, ticket: Ticket) -> tuple[Signal, ...]:
    """Summarise every service that has data in the window.

    Args:
        history: Normal operation by (service, metric, statistic), raw units.
        window: The incident window, same keys; either side may lack some.
        ticket: The ticket of the incident.
    """
    lens = _Lens(ticket.before, ticket.weights)
    found: list[Signal] = []
    for service in sorted({key[0] for key in (*window, *history)}):
        for row in _ASPECTS:
            signal = _signal(history, window, ticket, lens, service=service, row=row)
            if signal is not None:
                found.append(signal)
    return tuple(found)


def _signal(
    history: Table,
    window: Table,
    ticket: Ticket,
    lens: _Lens,
    *,
    service: str,
    row: tuple[str, str, tuple[str, ...]],
) -> Signal | None:
    aspect, metric, statistics = row
    key = (service, "requests", "Sum")
    volume = _volume(window.get(key, ()), history.get(key, ()), lens)
    floor = _floor(metric, volume)
    measures: list[Measure] = []
    for name in statistics:
        now = window.get((service, metric, name), (None,) * len(lens.weights))
        past = history.get((service, metric, name))
        if past is None:
            continue
        if metric == "requests":
            now = _with_silence(now, window.get((service, "latency", "Average"), ()), lens)
        measure = _measure(name, _bad(metric, past), now, lens, metric=metric, floor=floor)
        if measure is not None:
            measures.append(measure)
    if not measures:
        return None
    return Signal(
        service=service,
        aspect=aspect,
        measures=tuple(measures),
        volume=volume,
        coupling=_coupling(history, ticket.service, service) if aspect == "central" else None,
    )


def _with_silence(requests: Series, latency: Series, lens: _Lens) -> list[float | None]:
    """A request count that is missing together with the latency means that none came.

    A service that is missing from the whole window gets no samples before the onset
    either, so that it is compared with its history.
    """
    silent = [True] * len(requests) if not latency else [v is None for v in latency]
    gone = all(v is None for v in requests) and all(silent)
    return [
        (None if gone and i in lens.before else 0.0) if v is None and s else v
        for i, (v, s) in enumerate(zip(requests, silent, strict=True))
    ]


def _volume(requests: Series, past: Series, lens: _Lens) -> float:
    """Mean requests per interval while the target was hurt; else usually; else 1."""
    pairs = [(w, v) for w, v in zip(lens.weights, requests, strict=False) if v is not None]
    total = sum(w for w, _ in pairs)
    if total > 0.0:
        return sum(w * v for w, v in pairs) / total
    usual = [v for v in past if v is not None]
    return mean(usual) if usual else 1.0


def _bad(metric: str, values: Series) -> list[float | None]:
    """Larger is worse."""
    return [None if v is None else badness(metric, v) for v in values]


def _floor(metric: str, volume: float) -> tuple[float, float]:
    """Absolute floor, and floor as a share of the level, of one unit of shift."""
    if metric == "availability":
        return (1.0 / max(volume, 1.0), 0.0)
    if metric == "requests":
        return (1.0, 0.05)
    return (1e-6, _FLOOR_SHARE)


def _measure(
    name: str,
    past: Series,
    raw: Series,
    lens: _Lens,
    *,
    metric: str,
    floor: tuple[float, float],
) -> Measure | None:
    """Compare one series with the badness of its own history."""
    now = _bad(metric, raw)
    levels = sorted(v for v in past if v is not None)
    usual = spread_of(levels)
    if usual is None:
        return None
    anchored = any(now[i] is not None for i in lens.before)
    anchor = None if anchored else quantile(levels, 0.5)
    here = lens.shift(now, 0, anchor)
    shifts = [
        found[1]
        for start in range(len(past) - len(now) + 1)
        if (found := lens.shift(past, start, anchor)) is not None
    ]
    normal = spread_of(shifts)
    if here is None or normal is None:
        return None
    return Measure(
        statistic=name,
        window=tuple(raw),
        reference=here[0],
        shift=here[1],
        normal=normal,
        usual=usual,
        floor=max(floor[0], floor[1] * abs(here[0])),
        anchored=anchored,
    )


def _coupling(history: Table, target: str, service: str) -> tuple[float, float] | None:
    """Slope of the target's total time on the service's, over successive differences."""
    ys = _steady_time(history, target)
    xs = _steady_time(history, service)
    if service == target or ys is None or xs is None:
        return None
    pairs = [
        (x1 - x0, y1 - y0)
        for x0, x1, y0, y1 in zip(xs, xs[1:], ys, ys[1:], strict=False)
        if x0 is not None and x1 is not None and y0 is not None and y1 is not None
    ]
    if len(pairs) < _PAIRS_MIN:
        return None
    power = sum(x * x for x, _ in pairs)
    if power <= 0.0:
        return None
    slope = sum(x * y for x, y in pairs) / power
    left = sum((y - slope * x) ** 2 for x, y in pairs)
    return slope, math.sqrt(left / (len(pairs) - 1) / power)


def _steady_time(history: Table, service: str) -> list[float | None] | None:
    """Average latency times mean requests: the time axis without the traffic's own noise."""
    latency = history.get((service, "latency", "Average"))
    requests = history.get((service, "requests", "Sum"))
    if latency is None:
        return None
    counts = [v for v in requests or () if v is not None]
    volume = mean(counts) if counts else 1.0
    return [None if v is None else v * volume for v in latency]
