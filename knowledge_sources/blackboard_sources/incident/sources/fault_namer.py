"""Lifts anomalies to the level of service faults: which kind of fault does an anomaly speak for?"""

from __future__ import annotations

from blackboard.authoring import Context, Contribution, Entry, Link, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import KINDS, anomaly_weight
from blackboard_sources.incident.vocabulary import Anomaly, ServiceFault

__all__ = ["fault_namer"]

ANOMALY = var(Anomaly)


@knowledge_source(when(on(ANOMALY)), produces=[ServiceFault], rating=0.6)
async def fault_namer(ctx: Context, anomaly: Entry[Anomaly]) -> list[Contribution]:
    """Names the fault without claiming it, and lets the anomaly support it."""
    fault = Post(ServiceFault(service=anomaly.data.service, kind=KINDS[anomaly.data.aspect]), confidence=0.0)
    return [fault, Link("supports", anomaly, fault, anomaly_weight(anomaly.data.aspect), anomaly.note)]
