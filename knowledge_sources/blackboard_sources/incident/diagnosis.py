"""Diagnosing one incident on a server: open its board, post the case, read the outcome.

An ordinary client; the sources may run anywhere. Posting is safe to repeat: a board that a crash left half
posted is completed, because every entry of a case has an identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .analysis import rank_all
from .case import case_of
from .telemetry import Incident
from .vocabulary import SETTINGS, CallGraph, RootCause, Ticket, Verdict

if TYPE_CHECKING:
    from blackboard.client import Board, Session

__all__ = ["BATCH", "Diagnosis", "open_case", "read_diagnosis"]

BATCH = 100
"""Entries per batch while a case is posted."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How an incident's board ended.

    Args:
        outcome: The board's outcome.
        reason: Why it ended.
        answer: The likeliest service, `None` if none stands out.
        confidence: Of the verdict, 0 to 1.
        ranking: Every service, likeliest first.
        beliefs: Belief of each service that was suspected.
        verdict: Number of the verdict's entry, `None` without one.
        causes: Number of the root-cause entry of each suspected service.
    """

    outcome: str
    reason: str
    answer: str | None
    confidence: float
    ranking: tuple[str, ...]
    beliefs: dict[str, float]
    verdict: int | None
    causes: dict[str, int]


async def open_case(session: Session, name: str, incident: Incident) -> Board:
    """Open the board of an incident and post its case; a board that exists is completed and left running.

    Raises:
        BlackboardError: What the server refuses.
    """
    target = incident.target
    goal = f"Which service made {target.metric} of {target.service} break its target?"
    board = await session.open_board(name, goal=goal, settings=SETTINGS, paused=True, exist_ok=True)
    info = await board.get()
    if info.status != "paused":
        return board
    case = case_of(incident)
    if await board.entries(CallGraph):
        case = [each for each in case if not isinstance(each, CallGraph)]
    for start in range(0, len(case), BATCH):
        await board.batch(case[start : start + BATCH])
    await board.resume()
    return board


async def read_diagnosis(board: Board) -> Diagnosis:
    """Read the outcome of an incident's board; the ranking is by belief, with or without a verdict."""
    info = await board.get()
    causes = await board.entries(RootCause)
    causes.sort(key=lambda cause: (-cause.belief, cause.data.service))
    verdicts = await board.entries(Verdict)
    verdict = verdicts[0] if verdicts else None
    beliefs = {cause.data.service: cause.belief for cause in causes}
    return Diagnosis(
        outcome=info.outcome or info.status,
        reason=info.reason or "",
        answer=None if verdict is None else verdict.data.service,
        confidence=0.0 if verdict is None else verdict.confidence,
        ranking=await _ranking(board, beliefs) if verdict is None else verdict.data.ranking,
        beliefs=beliefs,
        verdict=None if verdict is None else verdict.id,
        causes={cause.data.service: cause.id for cause in causes},
    )


async def _ranking(board: Board, beliefs: dict[str, float]) -> tuple[str, ...]:
    """Rank every service of the case; only the suspected ones while the case is not posted."""
    graphs, tickets = await board.entries(CallGraph), await board.entries(Ticket)
    if not graphs or not tickets:
        return tuple(beliefs)
    graph, ticket = graphs[0].data, tickets[0].data
    return tuple(rank_all(beliefs, graph.volumes, graph.topology(), ticket.facts()))
