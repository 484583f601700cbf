"""Notices that more of a service's requests fail."""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import detect_errors
from blackboard_sources.incident.vocabulary import Anomaly, Signal

from .posting import anomaly

__all__ = ["error_detector"]

SIGNAL = var(Signal)


@knowledge_source(when(on(SIGNAL, SIGNAL.aspect == "errors")), produces=[Anomaly], rating=0.9)
async def error_detector(ctx: Context, signal: Entry[Signal]) -> Post | None:
    """Claims an anomaly if availability fell as it seldom does."""
    return anomaly(detect_errors(signal.data.facts()))
