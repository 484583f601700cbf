"""What goes wrong in a simulated incident: one fault, and some harmless oddities elsewhere."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .world import World

__all__ = ["FAULTS", "NO_TROUBLE", "Ailment", "Trouble", "draw_trouble"]

FAULTS = ("slow", "slow tail", "failing", "silent")

_FELT_S = (0.15, 0.7)
"""What the front loses by a slow fault, as a multiple of its usual latency."""

_FAILED = (0.02, 0.12)
_TAIL_SHARES = (0.02, 0.05, 0.1, 0.25)
_ODD_FELT = 0.18
"""What the front loses by a harmless slowness, at most, as a multiple of its usual latency."""


@dataclass(frozen=True, slots=True)
class Ailment:
    """What one service suffers at strength 1.

    Args:
        service: The service.
        kind: One of `FAULTS`.
        share: Share of its requests that are hit.
        extra_s: What a request that is hit takes longer.
    """

    service: str
    kind: str
    share: float
    extra_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Everything that is odd in one interval, with the strength of each ailment."""

    ailments: tuple[tuple[Ailment, float], ...] = ()

    def of(self, service: str, *kinds: str) -> list[tuple[Ailment, float]]:
        """The ailments of some kinds that a service has, with their strengths."""
        return [(a, s) for a, s in self.ailments if a.service == service and a.kind in kinds and s > 0.0]

    def silence(self, service: str) -> float:
        """Share of the calls to a service that never arrive, 0..1."""
        return max((ailment.share * s for ailment, s in self.of(service, "silent")), default=0.0)


NO_TROUBLE = Trouble()


def draw_trouble(
    world: World, chance: random.Random, strengths: tuple[float, ...]
) -> tuple[Ailment, tuple[Trouble, ...]]:
    """Draw a fault that the front is bound to feel, and the trouble of each interval.

    Args:
        world: Where it happens.
        chance: The only source of randomness.
        strengths: Strength of the fault in each interval of the window, 0..1.
    """
    fault = _fault(world, chance)
    courses = [(fault, strengths), *_oddities(world, chance, fault, len(strengths))]
    troubles = (
        Trouble(tuple((ailment, course[i]) for ailment, course in courses)) for i in range(len(strengths))
    )
    return fault, tuple(troubles)


def _fault(world: World, chance: random.Random) -> Ailment:
    kind = chance.choice(FAULTS)
    reach = {name: world.per_front_request(name, waited=True) for name in world.order}
    service = chance.choice(
        [n for n in world.order if reach[n] > 0.0 and (n != world.front or kind != "silent")]
    )
    felt_s = chance.uniform(*_FELT_S) * world.front_s() / reach[service]
    if kind == "slow":
        return Ailment(service, kind, 1.0, felt_s)
    if kind == "slow tail":
        share = chance.choice(_TAIL_SHARES)
        return Ailment(service, kind, share, felt_s / share)
    if kind == "silent":
        return Ailment(service, kind, chance.uniform(0.9, 1.0))
    return Ailment(service, kind, min(0.9, chance.uniform(*_FAILED) / reach[service]))


def _oddities(
    world: World, chance: random.Random, fault: Ailment, size: int
) -> list[tuple[Ailment, tuple[float, ...]]]:
    """Harmless ailments: a call that nobody waits for is slow, others have a mild spell of their own."""
    found: list[tuple[Ailment, tuple[float, ...]]] = []
    others = [name for name in world.order if name not in (fault.service, world.front)]
    for name in chance.sample(others, chance.randint(1, 3)):
        reach = world.per_front_request(name, waited=True)
        first = chance.randint(0, size - 2)
        course = tuple(chance.uniform(0.5, 1.0) if i >= first else 0.0 for i in range(size))
        if reach <= 0.0:
            found.append((Ailment(name, "slow", 1.0, chance.uniform(1.0, 4.0) * world.own_s[name]), course))
        else:
            extra_s = min(
                2.0 * world.own_s[name], chance.uniform(0.2, 1.0) * _ODD_FELT * world.front_s() / reach
            )
            found.append((Ailment(name, "slow", 1.0, extra_s), course))
    return found
