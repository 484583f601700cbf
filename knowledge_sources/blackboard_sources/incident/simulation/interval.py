"""Plays one interval of a simulated world: requests flow down, then time and failures flow up.

Theory of operation. Each reading is a body (the usual requests) and a few slow shares (so many requests take
so much longer); a caller that waits inherits both, by its call ratio. Percentiles follow from the shares, so
that a fault which hits one request in fifty moves p99 and the mean but not p50. The fewer requests, the
wilder the numbers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from .trouble import Trouble
from .world import World

__all__ = ["Reading", "Weather", "play"]

_TAIL = 2.2
_EXTREME = 3.2
_LOAD_NOISE = 0.06
_DRIFT_KEPT = 0.9
_GIVE_UP = 0.5
"""Of the requests that fail at one callee, this share does not reach the others any more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one service shows in one interval, and what it passes on to its callers."""

    requests: float
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    failed: float
    body_s: float
    slow: tuple[tuple[float, float], ...]


@dataclass(slots=True)
class Weather:
    """What wanders from interval to interval: the load, and each service's own pace."""

    world: World
    chance: random.Random
    pace: dict[str, float]
    ticks: int = 0

    @classmethod
    def start(cls, world: World, chance: random.Random) -> Weather:
        """Begin with every service at a pace of its own."""
        return cls(world, chance, {name: chance.gauss(0.0, world.noise[name]) for name in world.order})

    def step(self) -> float:
        """Let one interval pass and return the load of the front."""
        self.ticks += 1
        for name, value in self.pace.items():
            fresh = math.sqrt(1.0 - _DRIFT_KEPT**2) * self.world.noise[name]
            self.pace[name] = _DRIFT_KEPT * value + self.chance.gauss(0.0, fresh)
        daily = 1.0 + 0.25 * math.sin(2.0 * math.pi * self.ticks / 288.0)
        return self.world.load * daily * self.chance.lognormvariate(0.0, _LOAD_NOISE)


def play(weather: Weather, trouble: Trouble) -> dict[str, Reading]:
    """Play one interval and return the reading of every service."""
    requests = _flow_down(weather, trouble)
    readings: dict[str, Reading] = {}
    for name in reversed(weather.world.order):
        readings[name] = _read(weather, trouble, name, requests[name], readings)
    return readings


def _flow_down(weather: Weather, trouble: Trouble) -> dict[str, float]:
    world, chance = weather.world, weather.chance
    requests = {world.front: float(round(weather.step()))}
    for name in world.order[1:]:
        sent = 0.0
        for caller in world.topology.callers_of(name):
            given_up = _GIVE_UP * max(
                (
                    trouble.silence(other) * min(1.0, world.calls[caller, other].ratio)
                    for other in world.topology.callees_of(caller)
                    if other != name
                ),
                default=0.0,
            )
            sent += requests[caller] * world.calls[caller, name].ratio * (1.0 - given_up)
        sent *= 1.0 - trouble.silence(name)
        requests[name] = float(max(0, round(chance.gauss(sent, 0.3 * math.sqrt(sent) + 0.02 * sent))))
    return requests


def _read(
    weather: Weather, trouble: Trouble, name: str, requests: float, below: Mapping[str, Reading]
) -> Reading:
    """Compose what one service shows from its own time and its callees' readings."""
    world, chance = weather.world, weather.chance
    body = world.own_s[name] * math.exp(weather.pace[name])
    slow = [(a.share * s, a.extra_s) for a, s in trouble.of(name, "slow", "slow tail") if a.share < 1.0]
    body += sum(a.extra_s * s for a, s in trouble.of(name, "slow", "slow tail") if a.share >= 1.0)
    failed = world.flaws[name] + sum(a.share * s for a, s in trouble.of(name, "failing"))
    for callee in world.topology.callees_of(name):
        call, reading = world.calls[name, callee], below[callee]
        lost = trouble.silence(callee)
        failed += call.passed * min(1.0, call.ratio) * max(lost, reading.failed)
        if call.waited and reading.requests > 0.0:
            body += call.ratio * reading.body_s * (1.0 - lost)
            slow += [
                (min(1.0, call.ratio * share), (1.0 + call.echo) * extra) for share, extra in reading.slow
            ]
    return _measured(chance, requests, body, tuple(slow), min(1.0, failed))


def _measured(
    chance: random.Random, requests: float, body: float, slow: tuple[tuple[float, float], ...], failed: float
) -> Reading:
    """Add what so few requests leave to chance."""
    luck = 1.0 / math.sqrt(max(1.0, requests))
    count = int(requests)
    hits = sum(chance.random() < failed for _ in range(count)) if failed > 0.0 else 0
    extra = sum(share * extra for share, extra in slow)
    percentiles = [
        _percentile(chance, body * factor, slow, 1.0 - share) * chance.lognormvariate(0.0, width)
        for share, factor, width in (
            (0.5, 0.9, 0.01 + 0.5 * luck),
            (0.95, _TAIL, 0.05 + 1.0 * luck),
            (0.99, _EXTREME, 0.08 + 1.5 * luck),
        )
    ]
    return Reading(
        requests=requests,
        mean_s=body * chance.lognormvariate(0.0, 0.01 + 0.6 * luck) + extra * chance.lognormvariate(0.0, 0.1),
        p50_s=percentiles[0],
        p95_s=percentiles[1],
        p99_s=max(percentiles[1:]),
        failed=hits / count if count else 0.0,
        body_s=body,
        slow=slow,
    )


def _percentile(
    chance: random.Random, usual: float, slow: tuple[tuple[float, float], ...], beyond: float
) -> float:
    """The usual value, or that of the slow requests where they are many enough to be beyond it."""
    found = usual
    for share, extra in slow:
        if share > beyond * chance.lognormvariate(0.0, 0.2):
            found = max(found, usual / 2.0 + extra)
    return found
