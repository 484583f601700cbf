"""The roster: which sources act on a board, and which live agents work for them.

All of it is in the board's log, so that what control decides from it is decided alike on replay.
"""

from __future__ import annotations

from typing import Any

import msgspec

from blackboard.core.source import SourceDeclaration

__all__ = ["Agent", "Roster", "Source"]


class Source(msgspec.Struct):
    """A source on this board.

    Args:
        declaration: Its latest declaration.
        trigger_hash: Identity of its trigger, kept because it is asked for with every match.
        order: Registration order, 1 for the first; it keeps its place when it is replaced.
        is_enabled: Whether it is triggered and leased.
        leases: Live leases on its activations.
    """

    declaration: SourceDeclaration
    trigger_hash: str
    order: int
    is_enabled: bool = True
    leases: int = 0

    @property
    def has_room(self) -> bool:
        """Whether one more lease keeps within its own cap."""
        cap = self.declaration.concurrency_max
        return self.is_enabled and (cap == 0 or self.leases < cap)


class Agent(msgspec.Struct):
    """A live agent.

    Args:
        sources: Names of the sources that it works for.
        credits: How many leases it takes at a time.
        order: Order of attachment.
        leases: Live leases that it holds.
        missed: Offers and leases that lapsed since it last answered one; such an agent is asked last.
    """

    sources: tuple[str, ...]
    credits: int
    order: int
    leases: int = 0
    missed: int = 0

    @property
    def free(self) -> int:
        """How many more leases it takes now."""
        return self.credits - self.leases


class Roster:
    """Sources and agents of one board."""

    __slots__ = ("_attached", "agents", "sources")

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self.agents: dict[str, Agent] = {}
        self._attached = 0

    def enable(self, declaration: SourceDeclaration) -> Source:
        """Take in a source, or its new declaration."""
        known = self.sources.get(declaration.name)
        if known is None:
            known = Source(declaration, declaration.trigger_hash, order=len(self.sources) + 1)
            self.sources[declaration.name] = known
        known.declaration, known.trigger_hash = declaration, declaration.trigger_hash
        known.is_enabled = True
        return known

    def attach(self, name: str, sources: tuple[str, ...], credits_: int, *, leases: int) -> None:
        """Take in an agent, or what it says anew; `leases` are those it holds from before."""
        known = self.agents.get(name)
        if known is None:
            self._attached += 1
            self.agents[name] = Agent(sources, credits_, order=self._attached, leases=leases)
        else:
            known.sources, known.credits, known.missed = sources, credits_, 0

    def lease(self, agent: str, source: str, step: int) -> None:
        """Count a lease granted (`step` 1) or ended (-1)."""
        self.sources[source].leases += step
        if agent in self.agents:
            self.agents[agent].leases += step

    def available(self) -> list[str]:
        """Return the sources for which some live agent has room, in the order of the agents."""
        found: dict[str, None] = {}
        for agent in self.agents.values():
            if agent.free > 0:
                for name in agent.sources:
                    source = self.sources.get(name)
                    if source is not None and source.has_room:
                        found[name] = None
        return list(found)

    def agent_for(self, source: str) -> str:
        """Return the agent to ask: fewest missed, then most room, then longest attached.

        The source must be one of `available`.
        """
        able = [
            (agent.missed, -agent.free, agent.order, name)
            for name, agent in self.agents.items()
            if agent.free > 0 and source in agent.sources
        ]
        return min(able)[-1]

    def has_agent(self, source: str) -> bool:
        """Tell whether any live agent works for `source`, busy or not."""
        return any(source in agent.sources for agent in self.agents.values())

    def state(self) -> dict[str, Any]:
        """Return what the state hash covers."""
        return {
            "sources": {name: msgspec.to_builtins(each) for name, each in self.sources.items()},
            "agents": {name: msgspec.to_builtins(each) for name, each in self.agents.items()},
        }
