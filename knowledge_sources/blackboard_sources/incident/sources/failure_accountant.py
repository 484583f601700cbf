"""Keeps the books of failures: whose own failures grew enough to explain the incident?"""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, knowledge_source, on, var, when
from blackboard_sources.incident.analysis import attribute_failures
from blackboard_sources.incident.vocabulary import CallGraph, ServiceFault, Signal, Ticket

from .posting import Picture, faults

__all__ = ["failure_accountant"]

TICKET, GRAPH = var(Ticket), var(CallGraph)


@knowledge_source(when(on(TICKET), on(GRAPH)), produces=[ServiceFault], rating=0.8)
async def failure_accountant(
    ctx: Context, ticket: Entry[Ticket], graph: Entry[CallGraph]
) -> list[Post] | None:
    """Claims failing for the services whose own part of the extra failures is large."""
    picture = Picture(await ctx.entries(Signal), ())
    claims = attribute_failures(picture.signals, graph.data.topology(), ticket.data.facts())
    return faults(claims, picture) or None
