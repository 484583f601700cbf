"""Two witnesses for the defence: can this service hurt the target, and did it move with it?

`object_reach` asks whether the target depends on the service at all: by the call
graph, and by what normal history shows (does the target's time move when the
service's time moves? Fire-and-forget calls do not). `object_timing` asks whether
the service moved when the target did.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .claim import Refutation
from .signal import Signal
from .ticket import Ticket, badness
from .topology import Topology

__all__ = ["object_reach", "object_timing"]

_OFF_PATH = 0.9
_UNCOUPLED = 0.85
_COUPLING_MIN = 0.25
"""A service the target waits for has a slope near 1; noise and sharing pull it down."""

_TIMING_MAX = 0.6
_ALIKE = 0.7
_SAMPLES_MIN = 3
_METRICS = {"central": "latency", "tail": "latency", "errors": "availability", "traffic": "requests"}


def object_reach(
    signal: Signal, topology: Topology, ticket: Ticket, volumes: Mapping[str, float]
) -> Refutation | None:
    """Object to a service as the root cause because it cannot hurt the target.

    Args:
        signal: A `central` signal of the service, or any other if it has none.
        topology: The call graph.
        ticket: The ticket.
        volumes: Requests per interval of every service, to share out common load.

    Returns:
        A refutation about `reach` (no path of calls) or `coupling` (it only speaks
        against slowness: errors and silence need no waiting); else `None`.
    """
    if signal.service not in topology.depths_from(ticket.service):
        return Refutation(
            service=signal.service,
            about="reach",
            confidence=_OFF_PATH,
            reason=f"no path of calls leads from {ticket.service} to it",
            rests_on=(signal.key,),
        )
    if signal.aspect != "central" or signal.coupling is None:
        return None
    slope, error = signal.coupling
    most = slope + 2.0 * error
    share = topology.share_reaching(ticket.service, signal.service, volumes)
    least = _COUPLING_MIN * share
    if most >= least:
        return None
    return Refutation(
        service=signal.service,
        about="coupling",
        confidence=_UNCOUPLED * (1.0 - max(0.0, most) / least),
        reason=f"in normal operation {ticket.service} does not wait for it (slope {slope:.2f})",
        rests_on=(signal.key,),
    )


def object_timing(signal: Signal, ticket: Ticket) -> Refutation | None:
    """Object to an anomaly because its course does not follow the target's.

    The course is the rise per sample; it is compared with the weights of the ticket
    by cosine, which ignores scale.

    Returns:
        A refutation of the anomaly (service, aspect), or `None` when the course fits
        or there are too few samples to tell.
    """
    if signal.service == ticket.service:
        return None
    likeness = _likeness(_rises(signal), ticket.weights)
    if likeness is None or likeness >= _ALIKE:
        return None
    return Refutation(
        service=signal.service,
        about=signal.aspect,
        confidence=_TIMING_MAX * min(1.0, (_ALIKE - likeness) / _ALIKE),
        reason=f"its course follows the target's only to {max(0.0, likeness):.0%}",
        rests_on=(signal.key,),
    )


def _rises(signal: Signal) -> list[float | None]:
    """Course of the leading statistic, in badness above its reference."""
    measure = signal.leading
    metric = _METRICS[signal.aspect]
    return [None if v is None else badness(metric, v) - measure.reference for v in measure.window]


def _likeness(rises: Sequence[float | None], weights: Sequence[float]) -> float | None:
    pairs = [(r, w) for r, w in zip(rises, weights, strict=True) if r is not None]
    if len(pairs) < _SAMPLES_MIN:
        return None
    power = math.sqrt(sum(r * r for r, _ in pairs) * sum(w * w for _, w in pairs))
    return sum(r * w for r, w in pairs) / power if power > 0.0 else None
