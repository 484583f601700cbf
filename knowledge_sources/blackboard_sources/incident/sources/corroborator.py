"""Corroborates: a root cause should show in those who depend on it."""

from __future__ import annotations

from blackboard.authoring import Context, Contribution, Entry, knowledge_source, on, quiescent, var, when
from blackboard_sources.incident.analysis import corroborate
from blackboard_sources.incident.vocabulary import CallGraph, Finding, RootCause, Ticket

from .posting import finding, look, support_links

__all__ = ["corroborator"]

TICKET, GRAPH = var(Ticket), var(CallGraph)


@knowledge_source(when(on(TICKET), on(GRAPH), quiescent()), produces=[Finding, RootCause], rating=0.8)
async def corroborator(ctx: Context, ticket: Entry[Ticket], graph: Entry[CallGraph]) -> list[Contribution]:
    """Lets the anomalies of callers and neighbours support the cause that they point at."""
    picture = await look(ctx)
    supports = corroborate(picture.signals, picture.claims, graph.data.topology(), ticket.data.facts())
    return finding("corroborator", support_links(supports, picture))
