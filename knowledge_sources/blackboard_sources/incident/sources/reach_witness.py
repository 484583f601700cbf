"""Doubts root causes: can this service hurt the target at all?"""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, knowledge_source, on, refutes, var, when
from blackboard_sources.incident.analysis import object_reach
from blackboard_sources.incident.vocabulary import (
    CallGraph,
    Objection,
    RootCause,
    ServiceFault,
    Signal,
    Ticket,
)

__all__ = ["reach_witness"]

CAUSE, SIGNAL, TICKET, GRAPH = var(RootCause), var(Signal), var(Ticket), var(CallGraph)


@knowledge_source(
    when(
        on(CAUSE),
        on(SIGNAL, SIGNAL.service == CAUSE.service, SIGNAL.leads == True),  # noqa: E712 - recorded, not run
        on(TICKET),
        on(GRAPH),
    ),
    produces=[Objection],
    rating=0.5,
)
async def reach_witness(
    ctx: Context,
    cause: Entry[RootCause],
    signal: Entry[Signal],
    ticket: Entry[Ticket],
    graph: Entry[CallGraph],
) -> Post | None:
    """Refutes what no path of calls reaches, and slowness that the target does not wait for."""
    refutation = object_reach(
        signal.data.facts(), graph.data.topology(), ticket.data.facts(), graph.data.volumes
    )
    if refutation is None:
        return None
    data = Objection(service=refutation.service, about=refutation.about, ground="reach")
    targets: list[Entry[RootCause] | Entry[ServiceFault]] = [cause]
    if refutation.about == "coupling":
        slow = [each for each in await ctx.entries(ServiceFault) if each.data.kind == "slow"]
        targets = [each for each in slow if each.data.service == cause.data.service]
    links = [refutes(target, reason=refutation.reason) for target in targets]
    return Post(data, refutation.confidence, links=links, note=refutation.reason)
