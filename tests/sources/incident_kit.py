"""What the tests of the incident application share: signals by hand, and boards of a case."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blackboard_sources.incident.analysis import Measure, Signal, Ticket, Topology
from blackboard_sources.incident.analysis.robust import Spread
from blackboard_sources.incident.case import case_of
from blackboard_sources.incident.team import TEAM
from blackboard_sources.incident.telemetry import Incident
from blackboard_sources.incident.vocabulary import SETTINGS, RootCause, Verdict

from blackboard.core.commands import PauseBoard, ResumeBoard
from blackboard.testing import TestBoard

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "petshop"
"""The incident data set, where it lies beside the project; only tests marked `data` use it."""


def measure(
    shift: float,
    *,
    statistic: str = "Average",
    reference: float = 1.0,
    unit: float = 0.1,
    window: Sequence[float | None] | None = None,
    usual: float | None = None,
    anchored: bool = True,
) -> Measure:
    """A measure whose 1-in-100 shift is `unit`, so that its ratio is `shift / unit`."""
    level = reference if usual is None else usual
    return Measure(
        statistic=statistic,
        window=tuple(window or (reference, reference, reference + shift, reference + shift, reference)),
        reference=reference,
        shift=shift,
        normal=Spread(median=0.0, q90=unit / 2, q99=unit, samples=100),
        usual=Spread(median=level, q90=level + unit / 2, q99=level + unit, samples=100),
        floor=1e-6,
        anchored=anchored,
    )


def signal(
    service: str,
    aspect: str = "central",
    shift: float = 0.0,
    *,
    volume: float = 100.0,
    coupling: tuple[float, float] | None = None,
    **options: object,
) -> Signal:
    """A signal with one measure; see `measure` for the options."""
    return Signal(service, aspect, (measure(shift, **options),), volume, coupling)  # type: ignore[arg-type]


def traffic(service: str, before: float, after: float) -> Signal:
    """A traffic signal: requests before and after the onset."""
    window = (before, before, after, after, after)
    found = measure(before - after, statistic="Sum", reference=-before, unit=before * 0.1, window=window)
    return Signal(service, "traffic", (found,), after)


def ticket(service: str = "front", metric: str = "latency") -> Ticket:
    """A ticket of five samples whose third and fourth were hurt."""
    return Ticket(
        service, metric, "Average", 600, (0, 300, 600, 900, 1200), (0, 1), (0.0, 0.0, 0.4, 0.4, 0.2)
    )


CHAIN = Topology.of((), [("front", "middle"), ("middle", "back")])
"""front calls middle calls back."""


@dataclass(frozen=True)
class Ending:
    """How a board ended."""

    outcome: str | None
    beliefs: dict[str, float]
    entries: dict[tuple[str, str], float]
    verdict: Verdict | None
    ranking: list[str]

    def hits(self, truth: str, places: int = 1) -> bool:
        """Whether the truth is among the first `places`; without a verdict, among the believed."""
        return truth in self.ranking[:places]


async def diagnose(incident: Incident, sources: Iterable[str] = TEAM) -> Ending:
    """Run some sources on an incident, on the real engine."""
    async with TestBoard(*(TEAM[name] for name in sources), settings=SETTINGS) as board:
        board._do(PauseBoard())
        for each in case_of(incident):
            await board.post(each)
        board._do(ResumeBoard())
        await board.settle()
        causes = {each.data.service: each.belief for each in board.entries(RootCause)}
        verdicts = board.entries(Verdict)
        found = {
            (each.type, str(sorted(each.data.items()))): round(each.belief / 1_000_000, 6)
            for each in board.engine.board.entries.values()
            if each.is_live
        }
        believed = sorted(
            (name for name in causes if causes[name] > 0.0), key=lambda name: (-causes[name], name)
        )
        verdict = verdicts[0].data if verdicts else None
        return Ending(board.outcome, causes, found, verdict, list(verdict.ranking) if verdict else believed)
