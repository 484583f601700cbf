"""The judge: names the winner when the board has settled, and says how sure it is.

Also owns the weights by which faults speak for root causes, and the order of the
services that nobody suspected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .ticket import Ticket
from .topology import Topology

__all__ = [
    "BELIEF_MIN",
    "Verdict",
    "anomaly_weight",
    "fault_weight",
    "judge",
    "rank_all",
]

BELIEF_MIN = 0.45
"""Below this the judge says that no service stands out."""

_FAULT_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "latency": {"slow": 0.95, "failing": 0.35, "silent": 0.35},
    "availability": {"slow": 0.45, "failing": 0.95, "silent": 0.90},
}
_ANOMALY_WEIGHTS: Mapping[str, float] = {
    "central": 0.20,
    "tail": 0.45,
    "errors": 0.45,
    "traffic": 0.90,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The winner, the runner-up, and a confidence that falls when they are close."""

    service: str | None
    confidence: float
    runner_up: str | None
    reason: str


def anomaly_weight(aspect: str) -> float:
    """Weight of the link from an anomaly of `aspect` to its service fault."""
    return _ANOMALY_WEIGHTS[aspect]


def fault_weight(kind: str, ticket: Ticket) -> float:
    """Weight of the link from a fault of `kind` to its root cause, given the ticket.

    An unknown target metric is treated like availability for failures and like
    latency for slowness.
    """
    weights = _FAULT_WEIGHTS.get(ticket.metric)
    if weights is not None:
        return weights[kind]
    return max(by_kind[kind] for by_kind in _FAULT_WEIGHTS.values())


def judge(beliefs: Mapping[str, float]) -> Verdict:
    """Name the most believed root cause.

    Args:
        beliefs: Belief of each root cause on the board, 0..1.

    Returns:
        The verdict; its service is `None` when no belief reaches `BELIEF_MIN`. The
        confidence is the belief times the share of doubt that the runner-up leaves.
    """
    ranked = sorted(beliefs.items(), key=lambda item: (-item[1], item[0]))
    if not ranked or ranked[0][1] < BELIEF_MIN:
        return Verdict(None, 0.0, None, "no service stands out from normal operation")
    name, belief = ranked[0]
    second = ranked[1] if len(ranked) > 1 else None
    rest = second[1] if second is not None else 0.0
    return Verdict(
        service=name,
        confidence=belief * (1.0 - 0.5 * rest / belief),
        runner_up=second[0] if second is not None else None,
        reason=f"belief {belief:.2f}, runner-up {rest:.2f}",
    )


def rank_all(
    beliefs: Mapping[str, float],
    volumes: Mapping[str, float],
    topology: Topology,
    ticket: Ticket,
) -> Sequence[str]:
    """Order every service: believed ones first, then by nearness to the target.

    The rest is ordered by: depends the target on it, fewest calls away, most
    traffic, name.
    """
    depths = topology.depths_from(ticket.service)
    far = len(topology.services) + 1
    return sorted(
        {*topology.services, *beliefs},
        key=lambda n: (-beliefs.get(n, 0.0), depths.get(n, far), -volumes.get(n, 0.0), n),
    )
