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
from .signal import Measure, Signal, SignalKey
from .silence import own_silence
from .ticket import Ticket
from .topology import Topology

__all__ = ["Account", "accounts", "attribute_failures", "attribute_latency", "burden_of"]

_RATIO_HALF = 1.2
_EXCESS_MAX = 2.5
"""Parallel calls and retries let a cause outweigh the target's burden by this much."""

_SUFFERED_MIN = 0.3
"""Share of the calls to a silent callee that fail the caller's request, at least, if the caller needs it."""


@dataclass(frozen=True, slots=True)
class Account:
    """Extra burden of one service per interval, in seconds or requests.

    Args:
        service: The service.
        total: All of it.
        own: What its callees' burdens do not account for.
        trust: How unusual the total is, 0..1.
        unanswered: Of the own part, what calls to silent callees account for.
    """

    service: str
    total: float
    own: float
    trust: float
    unanswered: float = 0.0

    @property
    def alone(self) -> float:
        """What nothing below accounts for, silence included."""
        return max(0.0, self.own - self.unanswered)


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
    table = {signal.key: signal for signal in signals}
    chosen = sorted(
        (s for s in table.values() if s.aspect == aspect and s.service in reach),
        key=lambda s: s.service,
    )
    volumes = {s.service: s.volume for s in chosen}
    trusts = {s.service: _trust(m) for s in chosen if (m := s.average) is not None}
    totals = {s.service: burden_of(s, m) for s in chosen if (m := s.average) is not None}
    gains = {name: total * trusts[name] for name, total in totals.items()}
    unanswered = _unanswered(table, topology, totals) if aspect == "errors" else {}
    return {
        name: Account(
            service=name,
            total=total,
            own=max(0.0, gains[name] - _passed_up(name, gains, topology, volumes)),
            unanswered=unanswered.get(name, 0.0),
            trust=trusts[name],
        )
        for name, total in totals.items()
    }


def burden_of(signal: Signal, average: Measure) -> float:
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


def _unanswered(
    table: Mapping[SignalKey, Signal], topology: Topology, totals: Mapping[str, float]
) -> dict[str, float]:
    """Failures of each caller that calls to a silent callee account for.

    A call that never arrived failed, though no callee counts it. One that its caller got over (many back
    ends fall silent now and then, and nobody suffers) failed nothing: where far more calls are missing than
    requests fail, the silence explains the less.
    """
    found: dict[str, float] = {}
    for caller, total in sorted(totals.items()):
        for callee in topology.callees_of(caller):
            missing = _missing(table, topology, caller, callee)
            if missing > 0.0:
                likely = min(1.0, total / (_SUFFERED_MIN * missing))
                found[caller] = found.get(caller, 0.0) + likely * min(total, missing)
    return found


def _missing(table: Mapping[SignalKey, Signal], topology: Topology, caller: str, callee: str) -> float:
    """Requests per interval from a caller that no longer reach a callee by its own silence."""
    signal = table.get((callee, "traffic"))
    if signal is None or not signal.measures[0].anchored:
        return 0.0
    measure = signal.measures[0]
    before = {name: _before(table, name) for name in topology.callers_of(callee)}
    sent = -measure.reference * topology.share_of(caller, callee, before)
    trust = confidence_of(measure.ratio, half=_RATIO_HALF, limit=1.0)
    return sent * trust * own_silence(table, topology, caller, callee)


def _before(table: Mapping[SignalKey, Signal], service: str) -> float:
    """Requests per interval before the onset."""
    signal = table.get((service, "traffic"))
    return 0.0 if signal is None else max(0.0, -signal.measures[0].reference)


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
    covers = {n: _cover(b.alone, due) * b.trust for n, b in books.items()}
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
        reason=(f"own burden +{account.alone:.3g} {unit} per interval of the target's +{due:.3g}"),
        rests_on=((account.service, aspect),),
    )
