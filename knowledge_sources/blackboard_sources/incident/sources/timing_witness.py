"""Doubts anomalies: the service did not move when the target did."""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import object_timing
from blackboard_sources.incident.vocabulary import Anomaly, Objection, Signal, Ticket

from .posting import objection

__all__ = ["timing_witness"]

ANOMALY, SIGNAL, TICKET = var(Anomaly), var(Signal), var(Ticket)


@knowledge_source(
    when(
        on(ANOMALY),
        on(SIGNAL, SIGNAL.service == ANOMALY.service, SIGNAL.aspect == ANOMALY.aspect),
        on(TICKET),
    ),
    produces=[Objection],
    rating=0.7,
)
async def timing_witness(
    ctx: Context, anomaly: Entry[Anomaly], signal: Entry[Signal], ticket: Entry[Ticket]
) -> Post | None:
    """Refutes an anomaly whose course over the window does not follow the target's."""
    return objection(object_timing(signal.data.facts(), ticket.data.facts()), "timing", anomaly)
