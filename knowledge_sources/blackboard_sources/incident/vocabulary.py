"""What stands on an incident's board: entry types on four levels, and how such a board is run.

`Signal` entries are the only evidence at the root. `Ticket` and `CallGraph` are background: everyone reads
them, so sharing them does not make two judgements dependent.
"""

from __future__ import annotations

from typing import Final

from blackboard.authoring import Entry, Hypothesis
from blackboard.core.completion import Deadline, Goal, Quiescent, Settings
from blackboard.core.trigger import Pattern

from .analysis import Claim, Measure, Topology
from .analysis import Signal as SignalFacts
from .analysis import Ticket as TicketFacts
from .analysis.signal import Aspect

__all__ = [
    "SETTINGS",
    "Anomaly",
    "CallGraph",
    "Finding",
    "Objection",
    "RootCause",
    "ServiceFault",
    "Signal",
    "Ticket",
    "Verdict",
    "claim_of",
]


class Ticket(Hypothesis, level="signal", identity=("service", "at_s"), background=True):
    """Which service level broke, when, and how much each sample of the window was hurt."""

    service: str
    metric: str
    statistic: str
    at_s: int
    times_s: tuple[int, ...]
    before: tuple[int, ...]
    weights: tuple[float, ...]

    def facts(self) -> TicketFacts:
        """Return the ticket as the analysis takes it."""
        return TicketFacts(**dict(self))


class CallGraph(Hypothesis, level="signal", background=True):
    """Who calls whom, and the mean number of requests per interval of each service."""

    services: tuple[str, ...]
    calls: tuple[tuple[str, str], ...]
    volumes: dict[str, float]

    def topology(self) -> Topology:
        """Return the graph as the analysis takes it."""
        return Topology.of(self.services, self.calls)


class Signal(Hypothesis, level="signal", identity=("service", "aspect")):
    """One aspect of one service: what the window shows, and what is normal.

    `leads` marks the one signal of each service that speaks for the service as a whole.
    """

    service: str
    aspect: Aspect
    measures: tuple[Measure, ...]
    volume: float
    coupling: tuple[float, float] | None = None
    leads: bool = False

    def facts(self) -> SignalFacts:
        """Return the signal as the analysis takes it."""
        return SignalFacts(self.service, self.aspect, self.measures, self.volume, self.coupling)


class Anomaly(Hypothesis, level="anomaly", identity=("service", "aspect")):
    """One aspect of one service behaves unlike normal operation."""

    service: str
    aspect: Aspect


class Objection(Hypothesis, level="anomaly", identity=("service", "about", "ground")):
    """A reason not to hold something against a service."""

    service: str
    about: str
    ground: str


class ServiceFault(Hypothesis, level="service fault", identity=("service", "kind")):
    """A service is slow, failing or silent by its own doing."""

    service: str
    kind: str


class Finding(Hypothesis, level="service fault", identity=("author",)):
    """A source that looks at the whole picture has had its look, and drew `links` links."""

    author: str
    links: int


class RootCause(Hypothesis, level="root cause", identity=("service",)):
    """The incident starts at this service."""

    service: str


class Verdict(Hypothesis, level="root cause", identity=("incident",)):
    """The judge's word: the winner (none if no service stands out), and every service, likeliest first."""

    incident: str
    service: str | None
    runner_up: str | None
    ranking: tuple[str, ...]


SETTINGS: Final = Settings(
    completion=(
        Goal(pattern=Pattern(variable="verdict", type="Verdict")),
        Quiescent(),
        Deadline(after_ms=60_000),
    ),
    levels=("signal", "anomaly", "service fault", "root cause"),
    answer=Pattern(variable="cause", type="RootCause"),
)
"""Solved by a verdict; without a judge the board ends when nothing is left to say."""


def claim_of(anomaly: Entry[Anomaly]) -> Claim:
    """Return an anomaly on the board as the analysis takes it."""
    key = (anomaly.data.service, anomaly.data.aspect)
    return Claim(key[0], key[1], anomaly.confidence, anomaly.note, (key,))
