"""The reducer: "this fault is explained by another service's fault".

Three mechanisms, each a link from the anomaly that explains:

1. A callee is slower or fails: it explains the caller's rise as far as the
   callee's burden (seconds or failed requests) and tail account for it.
2. A caller lost its traffic: its callees fall silent for no fault of their own.
3. A callee fell silent altogether: the caller's failures stem from that; unless
   the caller failed first, and so stopped calling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .attribution import accounts
from .claim import Claim, Refutation
from .signal import Signal, SignalKey
from .ticket import Ticket
from .topology import Topology

__all__ = ["KINDS", "explain"]

KINDS: Mapping[str, str] = {
    "central": "slow",
    "tail": "slow",
    "errors": "failing",
    "traffic": "silent",
}
"""Which kind of service fault an anomaly of each aspect speaks for."""

_WEIGHT_MAX = 0.9
_WEIGHT_MIN = 0.05


def explain(
    signals: Iterable[Signal],
    anomalies: Iterable[Claim],
    topology: Topology,
    ticket: Ticket,
) -> tuple[Refutation, ...]:
    """List which anomaly explains which fault away, and how much of it.

    Args:
        signals: All signals.
        anomalies: The anomalies on the board.
        topology: The call graph.
        ticket: The ticket.

    Returns:
        Links from anomaly `by` to the fault (service, kind); `confidence` is the
        weight of the link, the anomaly's own belief still multiplies it.
    """
    table = {signal.key: signal for signal in signals}
    known = {(claim.service, claim.about) for claim in anomalies}
    links = [
        *_by_burden(table, known, topology, ticket, "central"),
        *_by_burden(table, known, topology, ticket, "errors"),
        *_by_tail(table, known, topology),
        *_by_silence(table, known, topology),
    ]
    return tuple(sorted(links, key=lambda r: (r.service, r.about, r.by or ("", ""))))


def _link(service: str, kind: str, weight: float, by: SignalKey, why: str) -> list[Refutation]:
    if weight < _WEIGHT_MIN:
        return []
    strength = min(weight, _WEIGHT_MAX)
    return [Refutation(service, kind, strength, f"{why} ({weight:.0%})", (by,), by)]


def _by_burden(
    table: Mapping[SignalKey, Signal],
    known: set[SignalKey],
    topology: Topology,
    ticket: Ticket,
    aspect: str,
) -> list[Refutation]:
    """Mechanism 1 for central latency and failures."""
    books = accounts(table.values(), topology, ticket, aspect=aspect)
    volumes = {name: table[(name, aspect)].volume for name in books}
    links: list[Refutation] = []
    for name, book in sorted(books.items()):
        for callee in topology.callees_of(name):
            if callee not in books or (callee, aspect) not in known or book.total <= 0.0:
                continue
            passed = books[callee].total * topology.share_of(name, callee, volumes)
            part = min(1.0, passed / book.total)
            links += _link(name, KINDS[aspect], part, (callee, aspect), f"{callee} explains it")
    return links


def _by_tail(
    table: Mapping[SignalKey, Signal], known: set[SignalKey], topology: Topology
) -> list[Refutation]:
    """Mechanism 1 for the slowest requests: like seconds explain like seconds."""
    links: list[Refutation] = []
    for service, aspect in sorted(known):
        if aspect != "tail":
            continue
        rise = _tail_rise(table[(service, aspect)])
        for callee in topology.callees_of(service):
            if (callee, "tail") in known and rise > 0.0:
                part = min(1.0, _tail_rise(table[(callee, "tail")]) / rise)
                links += _link(service, "slow", part, (callee, "tail"), f"tail of {callee}")
    return links


def _tail_rise(signal: Signal) -> float:
    """Rise of the percentile that moved most unusually, seconds."""
    best = max(signal.measures, key=lambda m: (m.ratio, m.statistic))
    return best.shift - best.normal.median


def _by_silence(
    table: Mapping[SignalKey, Signal], known: set[SignalKey], topology: Topology
) -> list[Refutation]:
    """Mechanisms 2 and 3."""
    links: list[Refutation] = []
    for service, aspect in sorted(known):
        if aspect != "traffic":
            continue
        lost = _lost(table, service)
        for caller in topology.callers_of(service):
            failed = _failed(table, caller)
            away = _lost(table, caller)
            if (caller, "traffic") in known:
                part = min(1.0, away / lost) if lost > 0.0 else 0.0
                links += _link(service, "silent", part, (caller, "traffic"), f"{caller} lost load")
            if (caller, "errors") in known:
                part = min(1.0, failed / lost) if lost > 0.0 else 0.0
                links += _link(service, "silent", part, (caller, "errors"), f"{caller} fails first")
                gap = max(0.0, lost - failed)
                links += _link(caller, "failing", gap, (service, aspect), f"{service} is silent")
    return links


def _lost(table: Mapping[SignalKey, Signal], service: str) -> float:
    """Share of the requests before the onset that no longer comes, 0..1."""
    signal = table.get((service, "traffic"))
    if signal is None or signal.measures[0].reference >= 0.0:
        return 0.0
    measure = signal.measures[0]
    return min(1.0, max(0.0, measure.shift / -measure.reference))


def _failed(table: Mapping[SignalKey, Signal], service: str) -> float:
    """Extra share of requests that fails, 0..1."""
    signal = table.get((service, "errors"))
    return 0.0 if signal is None else max(0.0, signal.measures[0].shift)
