"""The corroborator: callers that suffer from a service speak for it as the cause.

A fault in a callee shows in its callers, at the same time and by the same amount.
So the anomaly of a direct caller supports the callee as root cause as far as the
callee's own burden accounts for the caller's. It rests on the caller's signal,
hence is independent of everything measured at the callee itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .attribution import accounts
from .claim import Claim
from .signal import Signal, SignalKey
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
    known = {(claim.service, claim.about) for claim in anomalies}
    table = tuple(signals)
    found: list[Support] = []
    for aspect in ("central", "errors"):
        books = accounts(table, topology, ticket, aspect=aspect)
        volumes = {s.service: s.volume for s in table if s.aspect == aspect}
        for name, book in sorted(books.items()):
            for caller in topology.callers_of(name):
                above = books.get(caller)
                if above is None or (caller, aspect) not in known or above.total <= 0.0:
                    continue
                share = topology.share_of(caller, name, volumes)
                part = min(1.0, book.own * share / above.total)
                if part >= _PART_MIN:
                    why = f"accounts for {part:.0%} of what {caller} suffers"
                    found.append(Support(name, (caller, aspect), _WEIGHT * part, why))
    return tuple(found)
