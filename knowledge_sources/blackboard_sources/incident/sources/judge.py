"""Judges: names the most believed root cause once nothing is left to say, which ends the board."""

from __future__ import annotations

from blackboard.authoring import Context, Entry, Post, absent, knowledge_source, on, quiescent, var, when
from blackboard_sources.incident.analysis import judge as judge_beliefs
from blackboard_sources.incident.analysis import rank_all
from blackboard_sources.incident.vocabulary import CallGraph, Finding, RootCause, Ticket, Verdict

__all__ = ["judge"]

TICKET, GRAPH, FINDING, VERDICT = var(Ticket), var(CallGraph), var(Finding), var(Verdict)


@knowledge_source(
    when(on(TICKET), on(GRAPH), on(FINDING), absent(VERDICT), quiescent()),
    produces=[Verdict],
    rating=0.3,
    concurrency=1,
)
async def judge(
    ctx: Context, ticket: Entry[Ticket], graph: Entry[CallGraph], finding: Entry[Finding]
) -> Post:
    """Rests the verdict on the winner, with less confidence the closer the runner-up is."""
    causes = await ctx.entries(RootCause)
    beliefs = {cause.data.service: cause.belief for cause in causes}
    verdict = judge_beliefs(beliefs)
    ranking = rank_all(beliefs, graph.data.volumes, graph.data.topology(), ticket.data.facts())
    data = Verdict(
        incident=f"{ticket.data.service} {ticket.data.metric}",
        service=verdict.service,
        runner_up=verdict.runner_up,
        ranking=tuple(ranking),
    )
    winner = [cause for cause in causes if cause.data.service == verdict.service]
    return Post(data, verdict.confidence, because=winner, note=verdict.reason)
