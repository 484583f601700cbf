"""Explains away: what a deeper fault, a timeout or a missing caller accounts for is no fault of its own."""

from __future__ import annotations

from blackboard.authoring import Context, Contribution, Entry, knowledge_source, on, quiescent, var, when
from blackboard_sources.incident.analysis import explain
from blackboard_sources.incident.vocabulary import CallGraph, Finding, ServiceFault, Ticket

from .posting import finding, look, refutation_links

__all__ = ["reducer"]

TICKET, GRAPH = var(Ticket), var(CallGraph)


@knowledge_source(when(on(TICKET), on(GRAPH), quiescent()), produces=[Finding], rating=0.8)
async def reducer(ctx: Context, ticket: Entry[Ticket], graph: Entry[CallGraph]) -> list[Contribution]:
    """Lets the anomalies of the deeper service refute the faults that they explain."""
    picture = await look(ctx)
    refutations = explain(picture.signals, picture.claims, graph.data.topology(), ticket.data.facts())
    links = refutation_links(refutations, picture, await ctx.entries(ServiceFault))
    return finding("reducer", links)
