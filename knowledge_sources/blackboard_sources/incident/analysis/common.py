"""The common-cause finder: many callees slow at once point at their caller.

External back ends are timed by the service that calls them. A caller that is
starved (processor, memory, connections) sees all of them slow at the same time,
although nothing is wrong with any. One slow back end is a slow back end; most of
them at once, in unrelated back ends, is the caller (Reichenbach 1956, principle of
the common cause).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .attribution import burden_of
from .claim import Claim, Refutation
from .corroboration import Support
from .signal import Signal
from .topology import Topology

__all__ = ["common_cause"]

_REQUESTS_MIN = 3.0
_CLEAR = 0.3
"""An anomaly counts from this confidence on."""

_COUNT_MIN = 2
_SHARE_MIN = 0.4
_SHARE_FULL = 0.6
_EVEN_FULL = 0.5
_SUPPORT = 0.5
_REFUTE = 0.7


def common_cause(
    signals: Iterable[Signal], anomalies: Iterable[Claim], topology: Topology
) -> tuple[tuple[Support, ...], tuple[Refutation, ...]]:
    """Find callers most of whose own back ends became slow together.

    Args:
        signals: All signals.
        anomalies: The anomalies on the board.
        topology: The call graph.

    Returns:
        Links from each back end's anomaly in support of the caller as root cause,
        and links from each against the slowness of every other.
    """
    extra = {
        s.service: burden_of(s, s.average)
        for s in signals
        if s.aspect == "central" and s.average is not None and s.volume >= _REQUESTS_MIN
    }
    busy = set(extra)
    surest = _surest(anomalies)
    supports: list[Support] = []
    refutations: list[Refutation] = []
    for caller in topology.services:
        private = _private(topology, caller, busy)
        hit = [name for name in private if name in surest]
        surety = sorted((surest[name].confidence for name in hit), reverse=True)
        if len(hit) < _COUNT_MIN or surety[1] < _CLEAR:
            continue
        even = min(1.0, (_effective([extra[name] for name in hit]) - 1.0) / _EVEN_FULL)
        share = even * min(1.0, sum(surety) / len(private) / _SHARE_FULL)
        if share < _SHARE_MIN:
            continue
        why = f"{len(hit)} of {len(private)} back ends of {caller} are slow together"
        for name in hit:
            by = (name, surest[name].about)
            supports.append(Support(caller, by, _SUPPORT * share, why))
            refutations += [
                Refutation(other, "slow", _REFUTE * share, why, (by,), by) for other in hit if other != name
            ]
    return tuple(supports), tuple(refutations)


def _effective(burdens: Sequence[float]) -> float:
    """How many back ends share the burden: 1 if one has nearly all of it (inverse Simpson index)."""
    squares = sum(burden * burden for burden in burdens)
    return sum(burdens) ** 2 / squares if squares > 0.0 else 1.0


def _surest(anomalies: Iterable[Claim]) -> dict[str, Claim]:
    """The surest latency anomaly of each service, where one is clear."""
    clear = [c for c in anomalies if c.about in ("central", "tail")]
    return {c.service: c for c in sorted(clear, key=lambda c: (c.confidence, c.about))}


def _private(topology: Topology, caller: str, busy: set[str]) -> list[str]:
    """Back ends with traffic that only this caller uses and that call nobody."""
    return [
        name
        for name in topology.callees_of(caller)
        if name in busy and topology.callers_of(name) == (caller,) and not topology.callees_of(name)
    ]
