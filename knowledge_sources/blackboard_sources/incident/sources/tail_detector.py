"""Notices that a service's slowest requests became slower."""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import detect_tail
from blackboard_sources.incident.vocabulary import Anomaly, Signal

from .posting import anomaly

__all__ = ["tail_detector"]

SIGNAL = var(Signal)


@knowledge_source(when(on(SIGNAL, SIGNAL.aspect == "tail")), produces=[Anomaly], rating=0.9)
async def tail_detector(ctx: Context, signal: Entry[Signal]) -> Post | None:
    """Claims an anomaly if p90, p95 and p99 shifted together as they seldom do."""
    return anomaly(detect_tail(signal.data.facts()))
