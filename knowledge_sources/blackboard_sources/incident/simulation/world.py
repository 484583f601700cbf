"""The world of a simulated incident: who calls whom, how often, how long it takes and how it fails.

A world stays the same from interval to interval. Some calls are not waited for (a message is queued, a log
is written): their callee's time is nobody's loss, however slow it becomes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from blackboard_sources.incident.analysis.topology import Topology

__all__ = ["Call", "World", "draw_world"]

_FRONTS = ("gateway", "storefront", "portal")
_MIDDLES = ("basket", "billing", "catalog", "delivery", "ledger", "orders", "profile", "search")
_BACKS = ("archive", "cache", "index", "mailer", "queue", "store", "vault", "warehouse")


@dataclass(frozen=True, slots=True)
class Call:
    """How one service uses another.

    Args:
        ratio: Calls per request to the caller.
        waited: Whether the caller waits for the answer.
        passed: Share of the callee's failures that fail the caller's request, too.
        echo: Extra time that a caller loses of its own per second that the callee loses (full queues).
    """

    ratio: float
    waited: bool
    passed: float
    echo: float


@dataclass(frozen=True, slots=True)
class World:
    """Services in an order in which callers precede callees, and how each behaves."""

    front: str
    order: tuple[str, ...]
    topology: Topology
    calls: Mapping[tuple[str, str], Call]
    own_s: Mapping[str, float]
    noise: Mapping[str, float]
    flaws: Mapping[str, float]
    load: float

    def per_front_request(self, service: str, *, waited: bool = False) -> float:
        """How many calls to a service one request to the front causes, or waits for."""
        if service == self.front:
            return 1.0
        return sum(
            self.calls[caller, service].ratio * self.per_front_request(caller, waited=waited)
            for caller in self.topology.callers_of(service)
            if self.calls[caller, service].waited or not waited
        )

    def front_s(self) -> float:
        """Usual latency of the front service, seconds."""
        return sum(self.per_front_request(name, waited=True) * self.own_s[name] for name in self.order)


def draw_world(chance: random.Random) -> World:
    """Draw 9 to 15 services in three layers; back ends are shared, and some calls are not waited for."""
    front = chance.choice(_FRONTS)
    middles = chance.sample(_MIDDLES, chance.randint(4, 7))
    backs = chance.sample(_BACKS, chance.randint(4, 7))
    pairs = {(front, name) for name in middles[:3]}
    for place, name in enumerate(middles[3:], start=3):
        for caller in chance.sample([front, *middles[:place]], chance.choice((1, 1, 2))):
            pairs.add((caller, name))
    for name in backs:
        for caller in chance.sample(middles, chance.choice((1, 2, 2, 3))):
            pairs.add((caller, name))
    order = (front, *middles, *sorted(backs))
    unwaited = chance.choice(backs)
    return World(
        front=front,
        order=order,
        topology=Topology.of(order, pairs),
        calls={
            pair: Call(
                ratio=chance.uniform(0.3, 1.4),
                waited=pair[1] != unwaited,
                passed=chance.uniform(0.6, 1.0),
                echo=chance.uniform(0.0, 0.15),
            )
            for pair in sorted(pairs)
        },
        own_s={name: chance.lognormvariate(math.log(0.03), 0.7) for name in order},
        noise={name: chance.uniform(0.04, 0.15) for name in order},
        flaws={name: chance.choice((0.0, 0.0005, 0.002)) for name in order},
        load=chance.lognormvariate(math.log(120.0), 0.6),
    )
