"""Lifts service faults to root causes: how well does such a fault fit the complaint?"""

from __future__ import annotations

from blackboard.authoring import Context, Contribution, Entry, Link, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import fault_weight
from blackboard_sources.incident.vocabulary import RootCause, ServiceFault, Ticket

__all__ = ["cause_namer"]

FAULT, TICKET = var(ServiceFault), var(Ticket)


@knowledge_source(when(on(FAULT), on(TICKET)), produces=[RootCause], rating=0.6)
async def cause_namer(ctx: Context, fault: Entry[ServiceFault], ticket: Entry[Ticket]) -> list[Contribution]:
    """Names the root cause without claiming it, and lets the fault support it."""
    cause = Post(RootCause(service=fault.data.service), confidence=0.0)
    weight = fault_weight(fault.data.kind, ticket.data.facts())
    return [cause, Link("supports", fault, cause, weight, f"{fault.data.service} is {fault.data.kind}")]
