"""Makes a seeded incident: a layered call graph, its normal history and a bad window.

Theory of operation. `simulation` holds a made-up shop (`world`), what goes wrong in it (`trouble`) and what
its metrics show of that (`interval`). The fault changes one service's own behaviour only; everything else
follows, through noise, drift, shared back ends, callers that choke on slow callees, harmless spells
elsewhere, days that differ from the history's, and cells that are missing. The incident is reported at the
front service.

All chance comes from the `random.Random` passed in, so one seed is one incident. Nothing of the truth is in
the incident, which is all that sources are given.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .analysis.topology import Topology
from .simulation.interval import Reading, Weather, play
from .simulation.trouble import FAULTS, NO_TROUBLE, draw_trouble
from .simulation.world import draw_world
from .telemetry import Incident, Metrics, SeriesKey, Target

__all__ = ["FAULTS", "Normal", "Simulated", "simulate", "simulate_normal"]

_INTERVAL_S = 300
_START_S = 1_600_000_000
_GAP = 2 * 288
"""Intervals between history and window: two days, on which every service found another pace."""

_HISTORY = 240
_WINDOW = 6
_MISSING = 0.02


@dataclass(frozen=True, slots=True)
class Simulated:
    """A generated incident with the truth, which no source may see."""

    incident: Incident
    root_cause: str
    fault: str


@dataclass(frozen=True, slots=True)
class Normal:
    """Normal operation of a made-up shop."""

    front: str
    topology: Topology
    metrics: Metrics


def simulate(chance: random.Random) -> Simulated:
    """Generate one incident.

    Args:
        chance: The only source of randomness; seed it for a repeatable incident.

    Returns:
        An incident of the same form as one read from a folder, and its truth.
    """
    world = draw_world(chance)
    weather = Weather.start(world, chance)
    history = [play(weather, NO_TROUBLE) for _ in range(_HISTORY)]
    weather.pace = {name: chance.gauss(0.0, 1.5 * world.noise[name]) for name in world.order}
    onset = chance.choice((2, 2, 3))
    strengths = (*(0.0,) * onset, chance.uniform(0.5, 1.0), *(1.0,) * (_WINDOW - onset - 1))
    fault, troubles = draw_trouble(world, chance, strengths)
    window = [play(weather, trouble) for trouble in troubles]
    start_s = _START_S + (_HISTORY + _GAP) * _INTERVAL_S
    target = Target(
        service=world.front,
        metric="availability" if fault.kind in ("failing", "silent") else "latency",
        statistic="Average",
        at_s=start_s + onset * _INTERVAL_S + 30,
    )
    incident = Incident(
        name="simulated",
        topology=world.topology,
        history=_metrics(history, _START_S, chance),
        window=_metrics(window, start_s, chance),
        target=target,
    )
    return Simulated(incident=incident, root_cause=fault.service, fault=fault.kind)


def simulate_normal(chance: random.Random, *, samples: int = 300) -> Normal:
    """Generate normal operation without any incident, `samples` intervals long."""
    world = draw_world(chance)
    weather = Weather.start(world, chance)
    readings = [play(weather, NO_TROUBLE) for _ in range(samples)]
    return Normal(world.front, world.topology, _metrics(readings, _START_S, chance))


def _metrics(ticks: Sequence[dict[str, Reading]], start_s: int, chance: random.Random) -> Metrics:
    """Lay the readings out as a table; a service without requests has no latency, and cells get lost."""
    series: dict[SeriesKey, tuple[float | None, ...]] = {}
    for name in sorted(ticks[0]):
        column = [tick[name] for tick in ticks]
        series[name, "requests", "Sum"] = tuple(r.requests for r in column)
        for metric, statistic, values in (
            ("latency", "Average", [r.mean_s for r in column]),
            ("latency", "p50", [r.p50_s for r in column]),
            ("latency", "p95", [r.p95_s for r in column]),
            ("latency", "p99", [r.p99_s for r in column]),
            ("availability", "Average", [100.0 * (1.0 - r.failed) for r in column]),
        ):
            series[name, metric, statistic] = tuple(
                value if reading.requests > 0.0 and chance.random() >= _MISSING else None
                for value, reading in zip(values, column, strict=True)
            )
    return Metrics(times_s=tuple(start_s + i * _INTERVAL_S for i in range(len(ticks))), series=series)
