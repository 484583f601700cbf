"""Notices that a service's typical latency rose."""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import detect_central
from blackboard_sources.incident.vocabulary import Anomaly, Signal

from .posting import anomaly

__all__ = ["central_detector"]

SIGNAL = var(Signal)


@knowledge_source(when(on(SIGNAL, SIGNAL.aspect == "central")), produces=[Anomaly], rating=0.9)
async def central_detector(ctx: Context, signal: Entry[Signal]) -> Post | None:
    """Claims an anomaly if the window's shift of Average and p50 is rare in normal operation."""
    return anomaly(detect_central(signal.data.facts()))
