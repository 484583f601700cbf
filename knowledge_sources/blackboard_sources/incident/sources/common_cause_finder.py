"""Finds the common cause: when many back ends of one caller are slow at once, it is the caller."""

from __future__ import annotations

from blackboard.authoring import Context, Contribution, Entry, knowledge_source, on, quiescent, var, when
from blackboard_sources.incident.analysis import common_cause
from blackboard_sources.incident.vocabulary import CallGraph, Finding, RootCause, ServiceFault, Ticket

from .posting import finding, look, refutation_links, support_links

__all__ = ["common_cause_finder"]

TICKET, GRAPH = var(Ticket), var(CallGraph)


@knowledge_source(when(on(TICKET), on(GRAPH), quiescent()), produces=[Finding, RootCause], rating=0.8)
async def common_cause_finder(
    ctx: Context, ticket: Entry[Ticket], graph: Entry[CallGraph]
) -> list[Contribution]:
    """Lets the back ends' anomalies support their caller, and refute each other's slowness."""
    picture = await look(ctx)
    supports, refutations = common_cause(picture.signals, picture.claims, graph.data.topology())
    links = [
        *support_links(supports, picture),
        *refutation_links(refutations, picture, await ctx.entries(ServiceFault)),
    ]
    return finding("common-cause-finder", links)
