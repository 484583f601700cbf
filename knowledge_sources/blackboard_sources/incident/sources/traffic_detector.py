"""Notices that requests to a service are missing."""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import detect_traffic
from blackboard_sources.incident.vocabulary import Anomaly, Signal

from .posting import anomaly

__all__ = ["traffic_detector"]

SIGNAL = var(Signal)


@knowledge_source(when(on(SIGNAL, SIGNAL.aspect == "traffic")), produces=[Anomaly], rating=0.9)
async def traffic_detector(ctx: Context, signal: Entry[Signal]) -> Post | None:
    """Claims an anomaly if the window has fewer requests than the quietest normal times."""
    return anomaly(detect_traffic(signal.data.facts()))
