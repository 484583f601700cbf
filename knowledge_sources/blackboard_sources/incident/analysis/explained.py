"""The reducer: "this fault is explained by another service's fault".

Six mechanisms, each a link from the anomaly that explains:

1. A callee is slower or fails: it explains the caller's rise as far as the
   callee's burden (seconds or failed requests) and tail account for it.
2. A caller lost its traffic: its callees fall silent for no fault of their own.
3. A callee fell silent altogether: the caller's failures stem from that; unless
   the caller failed first, and so stopped calling.
4. A caller's failures are accounted for by a failing callee: then another callee
   that is silent (many are, now and then) is not needed to explain them.
5. A callee takes seconds longer: the caller's failures are its timeouts.
6. A back end that calls nobody suffers while a busier callee of the same caller
   accounts for as much: it may be a partial view of that callee (one client, one
   load balancer), so the busier one comes first.

A caller with one callee and the same traffic is a second view of one and the same
service: its callee still comes first, but refutes it less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .attribution import accounts
from .claim import Claim, Refutation
from .hanging import hangs, tail_rise
from .signal import Signal, SignalKey
from .silence import lost_of, own_silence
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
_BUSIER = 1.3
_PARTIAL = 0.5
_ALIKE = 0.25
_VIEW_WEIGHT = 0.75


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
        *_by_timeout(table, known, topology),
        *_by_busier(table, known, topology, ticket, "central"),
        *_by_busier(table, known, topology, ticket, "errors"),
        *_by_failing_sibling(table, known, topology, ticket),
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
            part = min(1.0, passed / book.total) * _distance(topology, volumes, name, callee)
            links += _link(name, KINDS[aspect], part, (callee, aspect), f"{callee} explains it")
    return links


def _distance(topology: Topology, volumes: Mapping[str, float], caller: str, callee: str) -> float:
    """1 for services apart; less for two views of one service (see the module's text)."""
    counted = [name for name in topology.callees_of(caller) if volumes.get(name, 0.0) > 0.0]
    ours, theirs = volumes.get(caller, 0.0), volumes.get(callee, 0.0)
    alike = abs(ours - theirs) <= _ALIKE * max(ours, theirs)
    return _VIEW_WEIGHT if counted == [callee] and alike else 1.0


def _by_tail(
    table: Mapping[SignalKey, Signal], known: set[SignalKey], topology: Topology
) -> list[Refutation]:
    """Mechanism 1 for the slowest requests: like seconds explain like seconds."""
    links: list[Refutation] = []
    volumes = {name: signal.volume for (name, aspect), signal in table.items() if aspect == "tail"}
    for service, aspect in sorted(known):
        if aspect != "tail":
            continue
        rise = tail_rise(table[(service, aspect)])
        for callee in topology.callees_of(service):
            if (callee, "tail") in known and rise > 0.0:
                part = min(1.0, tail_rise(table[(callee, "tail")]) / rise)
                part *= _distance(topology, volumes, service, callee)
                links += _link(service, "slow", part, (callee, "tail"), f"tail of {callee}")
    return links


def _by_silence(
    table: Mapping[SignalKey, Signal], known: set[SignalKey], topology: Topology
) -> list[Refutation]:
    """Mechanisms 2 and 3."""
    links: list[Refutation] = []
    for service, aspect in sorted(known):
        if aspect != "traffic":
            continue
        lost = lost_of(table, service)
        for caller in topology.callers_of(service):
            if (caller, "traffic") in known:
                part = lost_of(table, caller) / lost
                links += _link(service, "silent", part, (caller, aspect), f"{caller} lost load")
            if (caller, "errors") in known:
                alone = own_silence(table, topology, caller, service)
                part = 1.0 - alone / lost
                links += _link(service, "silent", part, (caller, "errors"), f"{caller} fails first")
                links += _link(caller, "failing", alone, (service, aspect), f"{service} is silent")
    return links


def _by_failing_sibling(
    table: Mapping[SignalKey, Signal],
    known: set[SignalKey],
    topology: Topology,
    ticket: Ticket,
) -> list[Refutation]:
    """Mechanism 4."""
    links: list[Refutation] = []
    blame = [r for r in _by_burden(table, known, topology, ticket, "errors") if r.by is not None]
    for service, aspect in sorted(known):
        if aspect != "traffic":
            continue
        for link in blame:
            if link.service in topology.callers_of(service) and link.by != (service, "errors"):
                by = link.by or (service, aspect)
                links += _link(service, "silent", 0.8 * link.confidence, by, f"{by[0]} fails")
    return links


def _by_timeout(
    table: Mapping[SignalKey, Signal], known: set[SignalKey], topology: Topology
) -> list[Refutation]:
    """Mechanism 5."""
    links: list[Refutation] = []
    for service, aspect in sorted(known):
        if aspect != "tail" or (service, "errors") in known or not hangs(table[service, aspect]):
            continue
        for caller in topology.callers_of(service):
            if (caller, "errors") in known:
                links += _link(caller, "failing", 0.7, (service, aspect), f"{service} hangs")
    return links


def _by_busier(
    table: Mapping[SignalKey, Signal],
    known: set[SignalKey],
    topology: Topology,
    ticket: Ticket,
    aspect: str,
) -> list[Refutation]:
    """Mechanism 6."""
    books = accounts(table.values(), topology, ticket, aspect=aspect)
    links: list[Refutation] = []
    for name, book in sorted(books.items()):
        callers = topology.callers_of(name)
        if topology.callees_of(name) or len(callers) != 1 or book.own <= 0.0:
            continue
        for other in topology.callees_of(callers[0]):
            rival = books.get(other)
            busier = table[name, aspect].volume * _BUSIER
            if rival is None or (other, aspect) not in known or table[other, aspect].volume < busier:
                continue
            part = _PARTIAL * min(1.0, rival.total * rival.trust / book.own)
            links += _link(name, KINDS[aspect], part, (other, aspect), f"partial view of {other}")
    return links
