"""Makes a seeded incident: a layered call graph, its normal history and a bad window.

Theory of operation. Every service has a time of its own, a call ratio on each edge
and a base rate of errors. A tick works from the leaves up: latency is own time plus
call ratio times the callee's latency, failures add up alike, requests flow down.
The fault changes one service's own behaviour only; everything else follows. The
incident is reported at the front service, when that was hurt clearly.

All chance comes from the `random.Random` passed in, so one seed is one incident.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from .analysis.topology import Topology
from .telemetry import Incident, Metrics, SeriesKey, Target

__all__ = ["FAULTS", "Simulated", "simulate"]

FAULTS = ("slow", "slow tail", "failing", "silent")

_FRONTS = ("gateway", "storefront", "portal")
_MIDDLES = ("basket", "billing", "catalog", "delivery", "ledger", "orders", "profile", "search")
_BACKS = ("archive", "cache", "index", "mailer", "queue", "store", "vault", "warehouse")
_INTERVAL_S = 300
_START_S = 1_600_000_000
_HISTORY = 240
_WINDOW = 6
_ONSET = 2
"""First sample of the window that the fault touches."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A generated incident with the truth, which no source may see."""

    incident: Incident
    root_cause: str
    fault: str


@dataclass(frozen=True, slots=True)
class _World:
    """What stays the same from tick to tick."""

    front: str
    order: tuple[str, ...]
    topology: Topology
    ratios: Mapping[tuple[str, str], float]
    own_s: Mapping[str, float]
    noise: Mapping[str, float]
    load: float


@dataclass(frozen=True, slots=True)
class _Fault:
    """What the fault does to its service, at strength 1."""

    service: str
    kind: str
    extra_s: float
    failed: float


@dataclass(frozen=True, slots=True)
class _Reading:
    """One service in one interval."""

    requests: float
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    failed: float


def simulate(chance: random.Random) -> Simulated:
    """Generate one incident.

    Args:
        chance: The only source of randomness; seed it for a repeatable incident.

    Returns:
        An incident of the same form as one read from a folder, and its truth.
    """
    world = _world(chance)
    history = [_tick(world, chance, None, 0.0) for _ in range(_HISTORY)]
    fault = _choose_fault(world, chance)
    strengths = [0.0] * _ONSET + [chance.uniform(0.6, 1.0), 1.0, 1.0, chance.uniform(0.2, 1.0)]
    window = [_tick(world, chance, fault, strength) for strength in strengths]
    start_s = _START_S + (_HISTORY + 12) * _INTERVAL_S
    target = Target(
        service=world.front,
        metric="availability" if fault.kind in ("failing", "silent") else "latency",
        statistic="Average",
        at_s=start_s + _ONSET * _INTERVAL_S + 30,
    )
    incident = Incident(
        name="simulated",
        topology=world.topology,
        history=_metrics(history, _START_S),
        window=_metrics(window, start_s),
        target=target,
    )
    return Simulated(incident=incident, root_cause=fault.service, fault=fault.kind)


def _world(chance: random.Random) -> _World:
    """Draw 8 to 14 services in three layers; every service is called by somebody."""
    front = chance.choice(_FRONTS)
    middles = chance.sample(_MIDDLES, chance.randint(3, 7))
    backs = chance.sample(_BACKS, chance.randint(4, 6))
    calls = {(front, name) for name in middles[:3]}
    for place, name in enumerate(middles[3:], start=3):
        calls.add((chance.choice([front, *middles[:place]]), name))
    for name in backs:
        for caller in chance.sample(middles, chance.choice((1, 1, 2))):
            calls.add((caller, name))
    topology = Topology.of([front, *middles, *backs], calls)
    return _World(
        front=front,
        order=(front, *middles, *sorted(backs)),
        topology=topology,
        ratios={edge: chance.uniform(0.5, 1.6) for edge in sorted(calls)},
        own_s={name: chance.lognormvariate(math.log(0.03), 0.6) for name in topology.services},
        noise={name: chance.uniform(0.03, 0.10) for name in topology.services},
        load=chance.uniform(200.0, 900.0),
    )


def _choose_fault(world: _World, chance: random.Random) -> _Fault:
    """Draw a fault that the front service is bound to feel."""
    kind = chance.choice(FAULTS)
    reach = {name: _per_front_request(world, name) for name in world.order}
    services = [n for n in world.order if n != world.front or kind != "silent"]
    service = chance.choice(services)
    felt = chance.uniform(0.3, 1.2) * _front_s(world)
    extra_s = felt / reach[service] if kind in ("slow", "slow tail") else 0.0
    failed = min(0.9, chance.uniform(0.04, 0.25) / reach[service])
    return _Fault(service, kind, extra_s, failed if kind == "failing" else 0.0)


def _per_front_request(world: _World, service: str) -> float:
    """How many calls to a service one request to the front causes."""
    if service == world.front:
        return 1.0
    return sum(
        world.ratios[caller, service] * _per_front_request(world, caller)
        for caller in world.topology.callers_of(service)
    )


def _front_s(world: _World) -> float:
    """Usual latency of the front service."""
    return sum(_per_front_request(world, name) * world.own_s[name] for name in world.order)


def _tick(world: _World, chance: random.Random, fault: _Fault | None, strength: float) -> dict[str, _Reading]:
    """Play one interval: requests flow down, then latency and failures flow up."""
    requests = _flow_down(world, chance, fault, strength)
    readings: dict[str, _Reading] = {}
    for name in reversed(world.order):
        hurt = fault if fault is not None and fault.service == name else None
        readings[name] = _read(world, chance, (name, requests[name]), readings, (hurt, strength, fault))
    return readings


def _flow_down(
    world: _World, chance: random.Random, fault: _Fault | None, strength: float
) -> dict[str, float]:
    requests = {world.front: world.load * chance.gauss(1.0, 0.04)}
    for name in world.order[1:]:
        sent = sum(
            requests[caller] * world.ratios[caller, name] for caller in world.topology.callers_of(name)
        )
        if fault is not None and fault.kind == "silent" and fault.service == name:
            sent *= 1.0 - strength
        requests[name] = float(round(max(0.0, sent * chance.gauss(1.0, 0.03))))
    return requests


def _read(
    world: _World,
    chance: random.Random,
    asked: tuple[str, float],
    below: Mapping[str, _Reading],
    state: tuple[_Fault | None, float, _Fault | None],
) -> _Reading:
    """Compose what one service shows from its own time and its callees' readings."""
    (name, requests), (hurt, strength, fault) = asked, state
    own = world.own_s[name] * chance.lognormvariate(0.0, world.noise[name])
    failed = max(0.0, chance.gauss(0.0005, 0.0005)) + _lost(world, name, fault, strength)
    mean = median = own
    tail = 2.5 * own * chance.lognormvariate(0.0, 0.10)
    for callee in world.topology.callees_of(name):
        ratio, reading = world.ratios[name, callee], below[callee]
        mean += ratio * reading.mean_s
        median += ratio * reading.p50_s
        tail = max(tail, mean, min(1.0, ratio) * reading.p95_s)
        failed += ratio * reading.failed
    extreme = 1.5 * tail * chance.lognormvariate(0.0, 0.15)
    if hurt is not None and hurt.kind == "slow":
        rise = hurt.extra_s * strength
        mean, median, tail, extreme = mean + rise, median + rise, tail + rise, extreme + rise
    if hurt is not None and hurt.kind == "slow tail":
        rise = hurt.extra_s * strength
        mean, tail, extreme = mean + rise, tail + 10.0 * rise, extreme + 12.0 * rise
    failed += hurt.failed * strength if hurt is not None else 0.0
    return _Reading(requests, mean, 0.9 * median, tail, extreme, min(1.0, failed))


def _lost(world: _World, name: str, fault: _Fault | None, strength: float) -> float:
    """Failures of a caller whose callee no longer answers."""
    if fault is None or fault.kind != "silent":
        return 0.0
    return 0.9 * min(1.0, world.ratios.get((name, fault.service), 0.0)) * strength


def _metrics(ticks: list[dict[str, _Reading]], start_s: int) -> Metrics:
    """Lay the readings out as a table; a service without requests shows no latency."""
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
                value if reading.requests > 0.0 else None
                for value, reading in zip(values, column, strict=True)
            )
    return Metrics(times_s=tuple(start_s + i * _INTERVAL_S for i in range(len(ticks))), series=series)
