"""The corroborator: callers that suffer from a service speak for it as the cause.

A fault in a callee shows in its callers, at the same time and by the same amount.
So the anomaly of a direct caller supports the callee as root cause as far as the
callee's own burden accounts for the caller's. It rests on the caller's signal,
hence is independent of everything measured at the callee itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .attribution import accounts
from .claim import Claim
from .hanging import hangs
from .signal import Signal, SignalKey
from .silence import own_silence
from .ticket import Ticket
from .topology import Topology

__all__ = ["Support", "corroborate"]

_WEIGHT = 0.45
_PART_MIN = 0.15


@dataclass(frozen=True, slots=True)
class Support:
    """A link: anomaly `by` supports `service` as root cause with `weight`."""

    service: str
    by: SignalKey
    weight: float
    reason: str


def corroborate(
    signals: Iterable[Signal],
    anomalies: Iterable[Claim],
    topology: Topology,
    ticket: Ticket,
) -> tuple[Support, ...]:
    """List which callers' anomalies speak for which service, and how much."""
    known = {(claim.service, claim.about): claim.confidence for claim in anomalies}
    table = {signal.key: signal for signal in signals}
    return tuple(
        support
        for found in (
            _burdened(table, known, topology, ticket, "central"),
            _burdened(table, known, topology, ticket, "errors"),
            _bereft(table, known, topology, ticket),
            _waiting(table, known, topology),
        )
        for support in found
    )


def _burdened(
    table: Mapping[SignalKey, Signal],
    known: Mapping[SignalKey, float],
    topology: Topology,
    ticket: Ticket,
    aspect: str,
) -> list[Support]:
    """Callers that became slower, or fail, as much as the callee's own burden says."""
    books = accounts(table.values(), topology, ticket, aspect=aspect)
    volumes = {name: table[(name, aspect)].volume for name in books}
    found: list[Support] = []
    for name, book in sorted(books.items()):
        for caller in topology.callers_of(name):
            above = books.get(caller)
            if above is None or (caller, aspect) not in known or above.total <= 0.0:
                continue
            share = topology.share_of(caller, name, volumes)
            part = min(1.0, book.own * share / above.total)
            if aspect == "errors":
                part *= 1.0 - _starved(table, known, topology, name)
            if part >= _PART_MIN:
                why = f"accounts for {part:.0%} of what {caller} suffers"
                found.append(Support(name, (caller, aspect), _WEIGHT * part, why))
    return found


def _starved(
    table: Mapping[SignalKey, Signal],
    known: Mapping[SignalKey, float],
    topology: Topology,
    service: str,
) -> float:
    """How likely the failures of a service stem from a callee that fell silent, 0..1."""
    return max(
        (
            known[(callee, "traffic")] * own_silence(table, topology, service, callee)
            for callee in topology.callees_of(service)
            if (callee, "traffic") in known
        ),
        default=0.0,
    )


def _bereft(
    table: Mapping[SignalKey, Signal],
    known: Mapping[SignalKey, float],
    topology: Topology,
    ticket: Ticket,
) -> list[Support]:
    """Callers that fail of their own while this callee alone fell silent."""
    books = accounts(table.values(), topology, ticket, aspect="errors")
    found: list[Support] = []
    for name, aspect in sorted(known):
        if aspect != "traffic":
            continue
        for caller in topology.callers_of(name):
            book = books.get(caller)
            if book is None or book.total <= 0.0 or (caller, "errors") not in known:
                continue
            own = book.own / (book.total * max(book.trust, _PART_MIN))
            part = own_silence(table, topology, caller, name) * min(1.0, own)
            if part >= _PART_MIN:
                why = f"{caller} fails while it hears nothing from here"
                found.append(Support(name, (caller, "errors"), _WEIGHT * part, why))
    return found


def _waiting(
    table: Mapping[SignalKey, Signal], known: Mapping[SignalKey, float], topology: Topology
) -> list[Support]:
    """Callers that fail while this callee, which does not, hangs for seconds."""
    return [
        Support(name, (caller, "errors"), _WEIGHT, f"{caller} fails while it waits for seconds")
        for name, aspect in sorted(known)
        if aspect == "tail" and (name, "errors") not in known and hangs(table[name, aspect])
        for caller in topology.callers_of(name)
        if (caller, "errors") in known
    ]
