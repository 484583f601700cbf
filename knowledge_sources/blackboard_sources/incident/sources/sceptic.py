"""Doubts anomalies: such a shift is there without any incident."""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import doubt
from blackboard_sources.incident.vocabulary import Anomaly, Objection, Signal

from .posting import objection

__all__ = ["sceptic"]

ANOMALY, SIGNAL = var(Anomaly), var(Signal)


@knowledge_source(
    when(on(ANOMALY), on(SIGNAL, SIGNAL.service == ANOMALY.service, SIGNAL.aspect == ANOMALY.aspect)),
    produces=[Objection],
    rating=0.7,
)
async def sceptic(ctx: Context, anomaly: Entry[Anomaly], signal: Entry[Signal]) -> Post | None:
    """Refutes an anomaly that normal operation shows now and then."""
    return objection(doubt(signal.data.facts()), "normal", anomaly)
