"""Semi-synthetic incidents: a window of normal telemetry into which a fault is injected.

The telemetry may be recorded or simulated; nothing here knows a service by name. The propagation is a model
of its own, apart from the simulator's and from what the sources assume: requests are split over callers by
noisy shares, a fault burdens every ancestor by its share, and percentiles move where enough requests are hit.
Days differ between history and window, load may step, cells are lost, and bystanders have harmless spells.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median

from blackboard_sources.incident.analysis import Topology
from blackboard_sources.incident.telemetry import Incident, Metrics, SeriesKey, Target

KINDS = ("latency", "errors", "silent", "starved", "timeout")

SAMPLES = 5
HEALTHY_PERCENT = 90.0
REQUESTS_MIN = 5.0
QUANTILES = (("p50", 0.5), ("p90", 0.1), ("p95", 0.05), ("p99", 0.01))


@dataclass(frozen=True)
class Injected:
    """A made-up incident and its truth."""

    incident: Incident
    truth: str
    kind: str


@dataclass
class Window:
    """The window while it is being spoilt."""

    chance: random.Random
    topology: Topology
    cells: dict[SeriesKey, list[float | None]]
    active: list[float]
    volumes: dict[str, float] = field(default_factory=dict)
    shares: dict[tuple[str, str], float] = field(default_factory=dict)

    def settle(self) -> None:
        """Fix the load of every service, and how it splits over the callers."""
        for name in self.topology.services:
            counts = [value or 0.0 for value in self.cells.get((name, "requests", "Sum"), [0.0])]
            self.volumes[name] = mean(counts)
        for name in self.topology.services:
            callers = self.topology.callers_of(name)
            weights = [self.volumes[each] * self.chance.lognormvariate(0.0, 0.4) for each in callers]
            total = sum(weights) or 1.0
            self.shares |= {(each, name): w / total for each, w in zip(callers, weights, strict=True)}

    def burdens(self, service: str) -> dict[str, float]:
        """The part of a burden at `service` that every service bears."""
        found: dict[str, float] = {}

        def climb(name: str, seen: frozenset[str]) -> float:
            if name == service:
                return 1.0
            if name in seen:
                return 0.0
            if name not in found:
                below = self.topology.callees_of(name)
                found[name] = sum(self.shares[name, each] * climb(each, seen | {name}) for each in below)
            return found[name]

        return {name: part for name in self.topology.services if (part := climb(name, frozenset())) > 0.0}

    def scale(self, service: str, metric: str, factors: Sequence[float]) -> None:
        """Multiply one metric of a service, sample by sample."""
        for (name, kind, _), values in self.cells.items():
            if (name, kind) == (service, metric):
                values[:] = [None if v is None else v * f for v, f in zip(values, factors, strict=True)]

    def slow(self, service: str, burden_s: float, delay_s: float) -> None:
        """Add seconds per interval, borne by requests that take `delay_s` longer."""
        volume = self.volumes[service]
        if volume <= 0.0 or burden_s <= 0.0:
            return
        share = min(1.0, burden_s / delay_s / volume)
        for i, strength in enumerate(self.active):
            if strength <= 0.0:
                continue
            self._add(
                service, "Average", i, burden_s / volume * strength * self.chance.lognormvariate(0.0, 0.15)
            )
            for statistic, beyond in QUANTILES:
                usual = self._cell(service, statistic, i)
                if usual is not None and share * strength > beyond * self.chance.lognormvariate(0.0, 0.2):
                    risen = max(usual, delay_s * self.chance.uniform(0.97, 1.05))
                    self.cells[service, "latency", statistic][i] = risen + (usual if share > 0.9 else 0.0)

    def fail(self, service: str, burden: float) -> None:
        """Let so many more requests per interval fail."""
        volume, key = self.volumes[service], (service, "availability", "Average")
        for i, strength in enumerate(self.active):
            usual = self.cells[key][i] if key in self.cells else None
            count = int((self.cells.get((service, "requests", "Sum")) or [0.0] * SAMPLES)[i] or 0.0)
            if usual is None or count == 0 or strength <= 0.0 or volume <= 0.0:
                continue
            rate = min(1.0, burden / volume) * strength
            failed = sum(self.chance.random() < rate for _ in range(count))
            self.cells[key][i] = max(0.0, usual - 100.0 * failed / count)

    def silence(self, gone: Mapping[str, float]) -> None:
        """Take away a share of the requests of some services."""
        for name, share in gone.items():
            for i, strength in enumerate(self.active):
                values = self.cells.get((name, "requests", "Sum"))
                if values is None or values[i] is None or strength <= 0.0:
                    continue
                left = float(int((values[i] or 0.0) * (1.0 - min(1.0, share) * strength) + 0.5))
                values[i] = left
                if left == 0.0:
                    self._blank(name, i)

    def _blank(self, service: str, sample: int) -> None:
        for (name, metric, _), values in self.cells.items():
            if name == service and metric != "requests":
                values[sample] = None

    def _cell(self, service: str, statistic: str, sample: int) -> float | None:
        values = self.cells.get((service, "latency", statistic))
        return None if values is None else values[sample]

    def _add(self, service: str, statistic: str, sample: int, seconds: float) -> None:
        value = self._cell(service, statistic, sample)
        if value is not None:
            self.cells[service, "latency", statistic][sample] = value + seconds


def inject(
    topology: Topology,
    normal: Metrics,
    chance: random.Random,
    *,
    kind: str,
    front: str,
    held_out: int,
) -> Injected | None:
    """Make one incident, or `None` if no service of this telemetry can have such a fault.

    Args:
        topology: The call graph.
        normal: Normal operation; its last `held_out` samples serve for windows, the others as history.
        chance: The only source of randomness.
        kind: One of `KINDS`.
        front: The service whose users complain.
        held_out: How many samples the history is not shown.
    """
    split = len(normal.times_s) - held_out
    candidates = _candidates(topology, normal, kind, front)
    if not candidates:
        return None
    service = chance.choice(candidates)
    start = split + chance.randrange(held_out - SAMPLES)
    before = chance.uniform(0.0, 290.0)
    offsets = [int((i - 2) * 300 + 300 - before) - 300 for i in range(SAMPLES)]
    begin = chance.uniform(20.0, 110.0)
    end = begin + chance.uniform(560.0, 800.0)
    window = Window(
        chance,
        topology,
        {key: list(values[start : start + SAMPLES]) for key, values in normal.series.items()},
        [max(0.0, min(o + 300.0, end) - max(o, begin)) / 300.0 for o in offsets],
    )
    _another_day(window)
    window.settle()
    target = _SPOILERS[kind](window, normal, service, front)
    _harmless(window, service, front)
    at_s = normal.times_s[-1] + 86_400
    times = tuple(at_s + offset for offset in offsets)
    history = Metrics(normal.times_s[:split], {key: values[:split] for key, values in normal.series.items()})
    cells = Metrics(times, {key: tuple(values) for key, values in window.cells.items()})
    metric, statistic = target
    incident = Incident(kind, topology, history, cells, Target(front, metric, statistic, at_s))
    return Injected(incident, service, kind)


def _candidates(topology: Topology, normal: Metrics, kind: str, front: str) -> list[str]:
    """Services with traffic that can hurt the front by such a fault."""
    reach = [
        name
        for name in sorted(topology.depths_from(front))
        if _usual(normal, name, "requests") >= REQUESTS_MIN
    ]
    budget = _time(normal, front)
    waited = [name for name in reach if _time(normal, name) * 0.5 <= budget]
    if kind == "starved":
        return [name for name in waited if len(_private(topology, normal, name)) >= 2]
    if kind == "latency":
        return waited
    healthy = [name for name in waited if _usual(normal, name, "availability") >= HEALTHY_PERCENT]
    if _usual(normal, front, "availability") < HEALTHY_PERCENT:
        return []
    return healthy if kind == "errors" else [name for name in healthy if name != front]


def _private(topology: Topology, normal: Metrics, caller: str) -> list[str]:
    return [
        name
        for name in topology.callees_of(caller)
        if not topology.callees_of(name)
        and topology.callers_of(name) == (caller,)
        and _usual(normal, name, "requests") >= REQUESTS_MIN
    ]


def _usual(normal: Metrics, service: str, metric: str) -> float:
    values = normal.series.get((service, metric, "Sum" if metric == "requests" else "Average"), ())
    known = [value for value in values if value is not None]
    return median(known) if known else 0.0


def _time(normal: Metrics, service: str) -> float:
    """Seconds per interval that a service usually takes."""
    return _usual(normal, service, "latency") * _usual(normal, service, "requests")


def _another_day(window: Window) -> None:
    """Latencies and load of the day of the incident; the load may step."""
    chance = window.chance
    load, step = chance.uniform(0.8, 1.25), chance.uniform(0.75, 1.3) if chance.random() < 0.3 else 1.0
    for name in window.topology.services:
        pace = math.exp(chance.gauss(0.0, 0.15))
        window.scale(name, "latency", [pace] * SAMPLES)
        window.scale(name, "requests", [load * (step if i >= 2 else 1.0) for i in range(SAMPLES)])


def _extra_s(window: Window, normal: Metrics, front: str, parts: Mapping[str, float]) -> float:
    """Draw a burden in seconds per interval that the front feels clearly."""
    felt = window.chance.choice((0.12, 0.2, 0.35, 0.7, 1.5)) * _usual(normal, front, "latency")
    return felt * window.volumes[front] / max(parts[front], 1e-9)


def _spoil_latency(window: Window, normal: Metrics, service: str, front: str) -> tuple[str, str]:
    chance, parts = window.chance, window.burdens(service)
    burden = _extra_s(window, normal, front, parts)
    hit = chance.choice((1.0, 1.0, 0.5, 0.1, 0.04))
    delay = burden / max(window.volumes[service] * hit, 1e-9)
    for name, part in parts.items():
        window.slow(name, burden * part * chance.lognormvariate(0.0, 0.08), delay)
    for view in _views(window, service):
        measured = window.volumes[view] / max(window.volumes[service], 1.0) * chance.uniform(0.7, 1.3)
        window.slow(view, burden * measured, delay)
    return "latency", chance.choice(
        ("p50", "p90", "p95", "p99")
    ) if chance.random() < 0.25 and hit == 1.0 else "Average"


def _spoil_starved(window: Window, normal: Metrics, service: str, front: str) -> tuple[str, str]:
    chance, parts = window.chance, window.burdens(service)
    burden = _extra_s(window, normal, front, parts)
    delay = burden / max(window.volumes[service], 1e-9)
    for name, part in parts.items():
        window.slow(name, burden * part * chance.lognormvariate(0.0, 0.08), delay)
    private = _private(window.topology, normal, service)
    for name in private:
        if chance.random() < 0.85:
            window.slow(name, burden * chance.uniform(0.1, 0.9) / len(private), delay)
    return "latency", "Average"


def _spoil_errors(window: Window, normal: Metrics, service: str, front: str) -> tuple[str, str]:
    chance, parts = window.chance, window.burdens(service)
    burden = _failures(window, service, front, parts)
    kept = chance.uniform(0.6, 1.0)
    for name, part in parts.items():
        window.fail(name, burden * part * (1.0 if name == service else kept))
    if chance.random() < 0.6:  # what fails also takes another time
        delay = chance.choice((0.1, 0.3, 1.0))
        for name, part in parts.items():
            window.slow(name, burden * part * 0.8 * delay, delay)
    return "availability", "Average"


def _spoil_timeout(window: Window, normal: Metrics, service: str, front: str) -> tuple[str, str]:
    chance, parts = window.chance, window.burdens(service)
    burden = min(_failures(window, service, front, parts), 0.3 * window.volumes[service])
    delay = chance.choice((3.0, 5.0, 10.0))
    for name, part in parts.items():
        window.slow(name, burden * part * delay, delay)
        if name != service:
            window.fail(name, burden * part)
    return "availability", "Average"


def _spoil_silent(window: Window, normal: Metrics, service: str, front: str) -> tuple[str, str]:
    chance, parts = window.chance, window.burdens(service)
    depths = window.topology.depths_from(service)
    gone = {service: 1.0}
    for name in sorted(depths, key=lambda each: (depths[each], each)):
        if name != service:
            callers = window.topology.callers_of(name)
            gone[name] = sum(window.shares[each, name] * gone.get(each, 0.0) for each in callers)
    drop = chance.uniform(0.9, 1.0)
    for name, part in parts.items():
        if name != service:
            window.fail(name, window.volumes[service] * part * chance.uniform(0.7, 1.0))
    window.silence({name: share * drop for name, share in gone.items()})
    return "availability", "Average"


def _failures(window: Window, service: str, front: str, parts: Mapping[str, float]) -> float:
    """Draw failed requests per interval at the service that the front feels clearly."""
    felt = window.chance.choice((0.015, 0.03, 0.06, 0.15)) * window.volumes[front]
    return min(felt / max(parts[front], 1e-9), 0.9 * window.volumes[service])


def _views(window: Window, service: str) -> list[str]:
    """A quieter sibling that calls nobody may be what a caller sees of some of the service's requests."""
    callers = window.topology.callers_of(service)
    siblings = [
        name
        for caller in callers
        for name in window.topology.callees_of(caller)
        if not window.topology.callees_of(name)
        and len(window.topology.callers_of(name)) == 1
        and 0.0 < window.volumes[name] < 0.7 * window.volumes[service]
        and name != service
    ]
    return window.chance.sample(sorted(siblings), 1) if siblings and window.chance.random() < 0.3 else []


def _harmless(window: Window, service: str, front: str) -> None:
    """Silence or slowness of bystanders, and cells that are lost."""
    chance, topology = window.chance, window.topology
    involved = {*window.burdens(service), *topology.depths_from(service), front}
    others = [n for n in topology.services if n not in involved and window.volumes[n] > 2.0]
    if others and chance.random() < 0.15:
        window.active, kept = [0.0, 0.0, 1.0, 1.0, 1.0], window.active
        window.silence(dict.fromkeys(chance.sample(others, 1), 1.0))
        window.active = kept
    if others and chance.random() < 0.4:
        factor, first = chance.uniform(1.2, 2.5), chance.choice((1, 2, 3))
        window.scale(
            chance.choice(others), "latency", [factor if i >= first else 1.0 for i in range(SAMPLES)]
        )
    if chance.random() < 0.5:
        for values in window.cells.values():
            values[:] = [None if chance.random() < 0.05 else value for value in values]


_SPOILERS: Mapping[str, Callable[[Window, Metrics, str, str], tuple[str, str]]] = {
    "latency": _spoil_latency,
    "errors": _spoil_errors,
    "silent": _spoil_silent,
    "starved": _spoil_starved,
    "timeout": _spoil_timeout,
}
