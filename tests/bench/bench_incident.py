"""How often the cause is found: faults injected into recorded normal operation, by kind and by source.

Run `python tests/bench/bench_incident.py --data DIR [--seeds FIRST COUNT] [--ablation]`; DIR is a folder of
scenarios with `graph.csv` and `noissue/metrics.csv` (without it, simulated normal operation serves). It
prints one JSON line per measurement. Sixty seeds of five kinds in two scenarios take about seven minutes on
one core, nearly all of it intake.

Beliefs are composed here in floating point, without an engine, by the rules of the board (`noisy_or` over
disjoint root premises), so that hundreds of incidents can be judged by many teams of sources. That this
composition and the engine agree is checked by `--check COUNT`, which runs so many incidents on the engine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "sources"))

from blackboard_sources.incident.analysis import (
    KINDS as FAULT_KINDS,
)
from blackboard_sources.incident.analysis import (
    Claim,
    Signal,
    Ticket,
    Topology,
    anomaly_weight,
    attribute_failures,
    attribute_latency,
    common_cause,
    corroborate,
    detect_central,
    detect_errors,
    detect_tail,
    detect_traffic,
    doubt,
    explain,
    fault_weight,
    object_reach,
    object_timing,
    rank_all,
)
from blackboard_sources.incident.analysis.verdict import BELIEF_MIN
from blackboard_sources.incident.case import case_of
from blackboard_sources.incident.simulate import simulate_normal
from blackboard_sources.incident.telemetry import Incident, Metrics, read_graph, read_metrics
from blackboard_sources.incident.vocabulary import Signal as SignalEntry
from blackboard_sources.incident.vocabulary import Ticket as TicketEntry
from incident_kit import diagnose as diagnose_on_board
from injector import KINDS, inject

HELD_OUT = 210
SIMULATED_SHOPS = 4

Node = tuple[str, ...]
Roots = frozenset[tuple[str, str]]

DETECTORS = {
    "central-detector": detect_central,
    "tail-detector": detect_tail,
    "error-detector": detect_errors,
    "traffic-detector": detect_traffic,
}
OTHERS = (
    "latency-accountant",
    "failure-accountant",
    "sceptic",
    "timing-witness",
    "reducer",
    "reach-witness",
    "corroborator",
    "common-cause-finder",
)
OPINIONS = (*DETECTORS, *OTHERS)


@dataclass
class Evidence:
    """Claims and links of one board, and the beliefs that follow."""

    claims: dict[Node, list[tuple[float, Roots]]] = field(default_factory=dict)
    supports: dict[Node, list[tuple[Node, float]]] = field(default_factory=dict)
    refutes: dict[Node, list[tuple[Node, float]]] = field(default_factory=dict)

    def claim(self, node: Node, confidence: float, roots: Iterable[tuple[str, str]]) -> None:
        self.claims.setdefault(node, []).append((confidence, frozenset(roots)))

    def roots(self, node: Node) -> Roots:
        own = frozenset[tuple[str, str]]().union(*(roots for _, roots in self.claims.get(node, ())))
        return own.union(*(self.roots(source) for source, _ in self.supports.get(node, ())))

    def belief(self, node: Node) -> float:
        positive = [*self.claims.get(node, ()), *self._links(self.supports.get(node, ()))]
        return (1.0 - _doubt(positive)) * _doubt(self._links(self.refutes.get(node, ())))

    def _links(self, links: Iterable[tuple[Node, float]]) -> list[tuple[float, Roots]]:
        return [(weight * self.belief(source), self.roots(source)) for source, weight in links]


def _doubt(items: Iterable[tuple[float, Roots]]) -> float:
    """What is left of doubt: authors who reasoned from the same root count once, the strongest."""
    left, used = 1.0, set[tuple[str, str]]()
    for strength, roots in sorted(items, key=lambda item: (-item[0], sorted(item[1]))):
        if not roots & used:
            used |= roots
            left *= 1.0 - strength
    return left


@dataclass(frozen=True)
class Prepared:
    """An incident after intake."""

    scenario: str
    kind: str
    truth: str
    incident: Incident
    signals: tuple[Signal, ...]
    ticket: Ticket

    @property
    def topology(self) -> Topology:
        return self.incident.topology


def compose(case: Prepared, team: Sequence[str] = OPINIONS) -> dict[str, float]:
    """Return the belief in every root cause that a team of sources names."""
    evidence, signals, topology, ticket = Evidence(), case.signals, case.topology, case.ticket
    table = {signal.key: signal for signal in signals}
    anomalies = [
        claim for name, detect in DETECTORS.items() if name in team for s in signals if (claim := detect(s))
    ]
    faults: dict[tuple[str, str, str], None] = {}
    for claim in anomalies:
        node = ("anomaly", claim.service, claim.about)
        fault = ("fault", claim.service, FAULT_KINDS[claim.about])
        evidence.claim(node, claim.confidence, claim.rests_on)
        evidence.supports.setdefault(fault, []).append((node, anomaly_weight(claim.about)))
        faults[fault] = None
        _object(evidence, node, table[claim.service, claim.about], ticket, team)
    accountants = {"latency-accountant": attribute_latency, "failure-accountant": attribute_failures}
    for name, attribute in accountants.items():
        for claim in attribute(signals, topology, ticket) if name in team else ():
            evidence.claim(("fault", claim.service, claim.about), claim.confidence, claim.rests_on)
            faults["fault", claim.service, claim.about] = None
    causes = {service: None for _, service, _ in faults}
    for fault in faults:
        link = (fault, fault_weight(fault[2], ticket))
        evidence.supports.setdefault(("cause", fault[1]), []).append(link)
    for service, by, weight in _speakers(case, anomalies, team):
        evidence.supports.setdefault(("cause", service), []).append((("anomaly", *by), weight))
        causes[service] = None
    for target, by, weight in _explainers(case, anomalies, team):
        evidence.refutes.setdefault(target, []).append((("anomaly", *by), weight))
    if "reach-witness" in team:
        _object_reach(evidence, case, table, causes)
    return {service: evidence.belief(("cause", service)) for service in causes}


def _object(evidence: Evidence, node: Node, signal: Signal, ticket: Ticket, team: Sequence[str]) -> None:
    found = {"sceptic": doubt(signal), "timing-witness": object_timing(signal, ticket)}
    for name, refutation in found.items():
        if name in team and refutation is not None:
            objection = ("objection", name, *node)
            evidence.claim(objection, refutation.confidence, refutation.rests_on)
            evidence.refutes.setdefault(node, []).append((objection, 1.0))


def _object_reach(
    evidence: Evidence, case: Prepared, table: dict[tuple[str, str], Signal], causes: Iterable[str]
) -> None:
    volumes = {signal.service: signal.volume for signal in case.signals}
    for service in causes:
        leading = next(s for a in ("central", "errors", "tail", "traffic") if (s := table.get((service, a))))
        refutation = object_reach(leading, case.topology, case.ticket, volumes)
        if refutation is not None:
            objection = ("objection", "reach", service)
            evidence.claim(objection, refutation.confidence, refutation.rests_on)
            target = ("cause", service) if refutation.about == "reach" else ("fault", service, "slow")
            evidence.refutes.setdefault(target, []).append((objection, 1.0))


def _speakers(
    case: Prepared, anomalies: list[Claim], team: Sequence[str]
) -> Iterator[tuple[str, tuple[str, str], float]]:
    if "corroborator" in team:
        for each in corroborate(case.signals, anomalies, case.topology, case.ticket):
            yield each.service, each.by, each.weight
    if "common-cause-finder" in team:
        for each in common_cause(case.signals, anomalies, case.topology)[0]:
            yield each.service, each.by, each.weight


def _explainers(
    case: Prepared, anomalies: list[Claim], team: Sequence[str]
) -> Iterator[tuple[Node, tuple[str, str], float]]:
    """The strongest refutation of each source per pair of anomaly and fault, as the sources link them."""
    found: dict[tuple[str, Node, tuple[str, str]], float] = {}
    sources = {
        "reducer": explain(case.signals, anomalies, case.topology, case.ticket),
        "common-cause-finder": common_cause(case.signals, anomalies, case.topology)[1],
    }
    for name, refutations in sources.items():
        for each in refutations if name in team else ():
            assert each.by is not None
            key = (name, ("fault", each.service, each.about), each.by)
            found[key] = max(found.get(key, 0.0), each.confidence)
    for (_, target, by), weight in found.items():
        yield target, by, weight


def prepare(scenario: str, kind: str, truth: str, incident: Incident) -> Prepared:
    """Do the intake of an incident."""
    entries = case_of(incident)
    ticket = next(each for each in entries if isinstance(each, TicketEntry))
    signals = tuple(each.facts() for each in entries if isinstance(each, SignalEntry))
    return Prepared(scenario, kind, truth, incident, signals, ticket.facts())


def worlds(data: Path | None) -> list[tuple[str, str, Topology, Metrics]]:
    """Name, front, graph and normal operation of every scenario.

    The front is whoever is called by nobody and can reach the most.
    """
    if data is None:
        shops = [simulate_normal(random.Random(seed), samples=590) for seed in range(SIMULATED_SHOPS)]
        return [(f"shop {i}", each.front, each.topology, each.metrics) for i, each in enumerate(shops)]
    found: list[tuple[str, str, Topology, Metrics]] = []
    for path in sorted(data.glob("*/graph.csv")):
        graph, metrics = read_graph(path), read_metrics(path.parent / "noissue" / "metrics.csv")
        measured = {key[0] for key in metrics.series}
        fronts = [name for name in graph.services if not graph.callers_of(name) and name in measured]
        front = max(fronts, key=lambda name: (len(graph.depths_from(name)), name))
        found.append((path.parent.name, front, graph, metrics))
    return found


def incidents(data: Path | None, first: int, count: int) -> list[Prepared]:
    """Inject `count` faults of every kind into every scenario, from seed `first` on."""
    found: list[Prepared] = []
    for name, front, graph, metrics in worlds(data):
        for kind in KINDS:
            for seed in range(first, first + count):
                chance = random.Random(f"{name} {kind} {seed}")
                made = inject(graph, metrics, chance, kind=kind, front=front, held_out=HELD_OUT)
                if made is not None:
                    found.append(prepare(name, kind, made.truth, made.incident))
    return found


def score(cases: Sequence[Prepared], team: Sequence[str] = OPINIONS) -> dict[str, object]:
    """Return recall and alarm figures of a team, over all and by kind."""
    places: dict[str, list[int]] = {}
    alarms = 0
    for case in cases:
        beliefs = compose(case, team)
        volumes = {signal.service: signal.volume for signal in case.signals}
        ranking = list(rank_all(beliefs, volumes, case.topology, case.ticket))
        alarms += max(beliefs.values(), default=0.0) >= BELIEF_MIN
        for group in ("all", case.kind, f"{case.scenario} {case.kind}"):
            places.setdefault(group, []).append(ranking.index(case.truth) + 1)
    return {
        "named": round(alarms / len(cases), 3),
        **{
            group: {
                "incidents": len(found),
                "top1": round(sum(place == 1 for place in found) / len(found), 3),
                "top3": round(sum(place <= 3 for place in found) / len(found), 3),
            }
            for group, found in sorted(places.items())
        },
    }


async def check(cases: Sequence[Prepared]) -> float:
    """Return the largest difference between a belief composed here and the same on the engine."""
    worst = 0.0
    for case in cases:
        ours, board = compose(case), (await diagnose_on_board(case.incident)).beliefs
        names = {*ours, *board}
        worst = max(worst, *(abs(ours.get(name, 0.0) - board.get(name, 0.0)) for name in names), 0.0)
    return worst


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 60), metavar=("FIRST", "COUNT"))
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--check", type=int, default=0, metavar="COUNT")
    options = parser.parse_args()
    started = time.monotonic()
    cases = incidents(options.data, *options.seeds)
    _print(measure="intake", incidents=len(cases), seconds=round(time.monotonic() - started, 1))
    if options.check:
        _print(
            measure="engine",
            worst_difference=asyncio.run(check(cases[:: max(1, len(cases) // options.check)])),
        )
    _print(measure="all sources", **score(cases))
    if options.ablation:
        for name in OPINIONS:
            _print(measure=f"without {name}", **score(cases, [each for each in OPINIONS if each != name]))
        for name in OPINIONS:
            _print(measure=f"only {name}", **score(cases, [name]))


def _print(**figures: object) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
