"""Two accountants: whose own time (or own failures) grew enough to explain the incident?

Theory of operation. What a service spends or fails per interval includes what its
callees spend or fail on its behalf. So the *own* part of a service's extra burden
is its burden minus its callees' burdens, each by the share of load that stems from
this caller (self time, as in gprof: Graham, Kessler & McKusick 1982). The cause is
the service whose own part accounts for the burden of the target. Counting in
seconds (or requests) per interval rather than per request also puts partial views
of a service, which see only some of its traffic, behind the service itself.

Alternatives weighed: "deepest anomalous node" (misled by chance anomalies in
quiet leaves), regression on the graph (needs more incident samples than five).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .claim import Claim
from .detection import CLAIM_MIN
from .robust import CONFIDENCE_MAX, confidence_of
from .signal import Measure, Signal
from .ticket import Ticket
from .topology import Topology

__all__ = ["Account", "accounts", "attribute_failures", "attribute_latency"]

_RATIO_HALF = 1.2
_EXCESS_MAX = 2.5
"""Parallel calls and retries let a cause outweigh the target's burden by this much."""


@dataclass(frozen=True, slots=True)
class Account:
    """Extra burden of one service per interval: in total, and own (seconds or requests)."""

    service: str
    total: float
    own: float
    trust: float


def attribute_latency(signals: Iterable[Signal], topology: Topology, ticket: Ticket) -> tuple[Claim, ...]:
    """Claim which services are slow of their own, from all `central` signals."""
    return _attribute(signals, topology, ticket, aspect="central", kind="slow", unit="s")


def attribute_failures(signals: Iterable[Signal], topology: Topology, ticket: Ticket) -> tuple[Claim, ...]:
    """Claim which services fail of their own, from all `errors` signals."""
    return _attribute(signals, topology, ticket, aspect="errors", kind="failing", unit="requests")


def accounts(
    signals: Iterable[Signal], topology: Topology, ticket: Ticket, *, aspect: str
) -> dict[str, Account]:
    """Open the books of one aspect for every service that the target depends on."""
    reach = topology.depths_from(ticket.service)
    chosen = sorted(
        (s for s in signals if s.aspect == aspect and s.service in reach),
        key=lambda s: s.service,
    )
    volumes = {s.service: s.volume for s in chosen}
    trusts = {s.service: _trust(m) for s in chosen if (m := s.average) is not None}
    totals = {s.service: _total(s, m) for s in chosen if (m := s.average) is not None}
    gains = {name: total * trusts[name] for name, total in totals.items()}
    return {
        name: Account(
            service=name,
            total=total,
            own=max(0.0, gains[name] - _passed_up(name, gains, topology, volumes)),
            trust=trusts[name],
        )
        for name, total in totals.items()
    }


def _total(signal: Signal, average: Measure) -> float:
    """Extra burden per interval beyond what a normal window of this shape shows."""
    return max(0.0, average.shift - average.normal.median) * signal.volume


def _trust(average: Measure) -> float:
    return confidence_of(average.ratio, half=_RATIO_HALF, limit=1.0 - 1e-9)


def _passed_up(
    caller: str, gains: Mapping[str, float], topology: Topology, volumes: Mapping[str, float]
) -> float:
    """Burden that the callees put on this caller."""
    return sum(
        gains.get(callee, 0.0) * topology.share_of(caller, callee, volumes)
        for callee in topology.callees_of(caller)
    )


def _attribute(
    signals: Iterable[Signal],
    topology: Topology,
    ticket: Ticket,
    *,
    aspect: str,
    kind: str,
    unit: str,
) -> tuple[Claim, ...]:
    books = accounts(signals, topology, ticket, aspect=aspect)
    if not books:
        return ()
    target = books.get(ticket.service)
    due = target.total if target is not None else 0.0
    covers = {n: _cover(b.own, due) * b.trust for n, b in books.items()}
    best = max(covers.values())
    if best <= 0.0:
        return ()
    claims = (
        _claim(books[name], cover, cover / best, due, about=(aspect, kind, unit))
        for name, cover in covers.items()
    )
    return tuple(claim for claim in claims if claim.confidence >= CLAIM_MIN)


def _cover(own: float, due: float) -> float:
    """Share of the target's extra burden that an own burden accounts for, 0..1."""
    if own <= 0.0:
        return 0.0
    share = own / due if due > 0.0 else _EXCESS_MAX * 2.0
    return min(share, 1.0) if share <= _EXCESS_MAX else max(0.3, _EXCESS_MAX / share)


def _claim(
    account: Account,
    cover: float,
    standing: float,
    due: float,
    *,
    about: tuple[str, str, str],
) -> Claim:
    """Half of the confidence is for accounting best, half for accounting fully."""
    aspect, kind, unit = about
    confidence = CONFIDENCE_MAX * account.trust * standing * (0.5 + 0.5 * cover)
    return Claim(
        service=account.service,
        about=kind,
        confidence=confidence,
        reason=(f"own burden +{account.own:.3g} {unit} per interval of the target's +{due:.3g}"),
        rests_on=((account.service, aspect),),
    )
