"""Agents: which connection works for which sources, and on which boards that is known.

A source is registered on the system board first, then enabled on every board that it covers, and the agent is
attached there; each step is in a log, so that a board decides by its own log alone. When the connection
closes the agent is detached from each board and its leases run on: whoever comes back under the same name in
time goes on with them, and is sent their offers again.

A source has one trigger. When another one is registered under its name, whoever works for the former trigger
works for that source no longer: it is detached from it on a board before the new trigger is enabled there, so
that no activation reaches a handler that was written for another trigger.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

from blackboard.core.commands import (
    AttachAgent,
    DetachAgent,
    DisableSource,
    EnableSource,
    Principal,
    RegisterSource,
    Request,
    UnregisterSource,
)
from blackboard.core.errors import Rejected
from blackboard.core.limits import Limits
from blackboard.core.ready import Answer, Offer, Withdrawal
from blackboard.core.system import Registration
from blackboard.server.auth import Grant
from blackboard.server.host import Host
from blackboard.server.hosted import HostedBoard
from blackboard.server.leases import LeaseTable
from blackboard.server.seams import Reply
from blackboard.wire.codec import encode_notice
from blackboard.wire.frames import frame_text
from blackboard.wire.views import offer_view, source_view, withdrawal_view

__all__ = ["Agent", "AgentOutlet", "AgentTable"]

logger = logging.getLogger(__name__)

View: TypeAlias = dict[str, Any]


class AgentOutlet(Protocol):
    """The connection of an agent."""

    def send_frame(self, frame: bytes) -> None:
        """Queue a frame."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Say good-bye."""
        ...


class Agent:
    """One agent instance, connected or not.

    Args:
        name: Its stable name.
        grant: What its token stands for; it works on no board that this does not reach.
        client: Its program, for people.
    """

    __slots__ = ("attached", "client", "credits", "grant", "name", "outlet", "since_ms", "sources")

    def __init__(self, name: str, grant: Grant, client: str) -> None:
        self.name = name
        self.grant = grant
        self.client = client
        self.outlet: AgentOutlet | None = None
        self.sources: dict[str, str] = {}
        """Name of each source that it works for, and the hash of the trigger that it knows."""
        self.credits = 1
        self.attached: dict[str, None] = {}
        self.since_ms = 0

    @property
    def principal(self) -> str:
        """As whom it authenticated."""
        return self.grant.principal.name


class AgentTable:
    """All agents of a server.

    Args:
        leases: Timers of live leases.
        limits: Bounds.
    """

    host: Host

    def __init__(self, leases: LeaseTable, *, limits: Limits) -> None:
        self._leases = leases
        self._agents: dict[str, Agent] = {}
        self._agents_max = limits.agents_per_board_max

    def __len__(self) -> int:
        return sum(agent.outlet is not None for agent in self._agents.values())

    # Coming and going.

    def join(self, outlet: AgentOutlet, *, name: str | None, grant: Grant, client: str) -> Agent:
        """Take in a connection under its name, or under one made up for it.

        Raises:
            Rejected: `forbidden` if another principal goes by that name.
        """
        if name is None:
            name = f"agent-{secrets.token_hex(6)}"
        agent = self._agents.get(name)
        if agent is not None and agent.principal != grant.principal.name:
            raise Rejected("forbidden", f"the agent name {name!r} belongs to another principal")
        if agent is None:
            self._forget_oldest()
            agent = self._agents[name] = Agent(name, grant, client)
        elif agent.outlet is not None:
            agent.outlet.close(1008, "this agent has connected anew")
            self._detach_all(agent)
        agent.grant, agent.client = grant, client
        agent.outlet = outlet
        agent.sources.clear()
        agent.since_ms = self.host.clock.now_ms()
        return agent

    def resend_offers(self, agent: Agent) -> None:
        """Send the offers of its live leases to an agent that came back."""
        for lease in list(self._leases.of_agent(agent.name)):
            self.offered(lease.offer)

    def leave(self, agent: Agent, outlet: AgentOutlet) -> None:
        """Detach an agent whose connection closed, unless it has connected anew."""
        if agent.outlet is outlet:
            agent.outlet = None
            agent.since_ms = self.host.clock.now_ms()
            self._detach_all(agent)

    def _detach_all(self, agent: Agent) -> None:
        for board in list(agent.attached):
            hosted = self.host.find(board)
            if hosted is not None:
                hosted.writer.insist(
                    DetachAgent(agent=agent.name), wanted=partial(_is_detached, agent, board)
                )
        agent.attached.clear()

    def _forget_oldest(self) -> None:
        """Keep the names of absent agents bounded."""
        if len(self._agents) >= self._agents_max:
            gone = next((name for name, each in self._agents.items() if each.outlet is None), None)
            if gone is None:
                raise Rejected("limit_exceeded", f"{len(self._agents)} agents are connected already")
            del self._agents[gone]

    # Sources and credits.

    def register(
        self,
        agent: Agent,
        principal: Principal,
        command: RegisterSource,
        *,
        credit: int | None,
        reply: Reply,
    ) -> None:
        """Register a source, enable it where it belongs, and let the agent work for it.

        Args:
            agent: Who will work for it.
            principal: Who registers it.
            command: The source and its boards.
            credit: How many activations the agent takes at a time; `None` leaves it.
            reply: Gets the declaration once all is durable, or the first refusal.
        """
        outlet = agent.outlet

        def registered(answer: Answer) -> None:
            if isinstance(answer, Rejected):
                reply(answer)
                return
            if agent.outlet is outlet:
                agent.sources[command.source.name] = command.source.trigger_hash
                agent.credits = agent.credits if credit is None else credit
            self._displace(command.source.name, command.source.trigger_hash)
            self._enable(agent, command, reply)

        self.host.system.submit(Request(principal=principal, command=command), registered)

    def _enable(self, agent: Agent, command: RegisterSource, reply: Reply) -> None:
        boards = [
            hosted
            for hosted in self.host
            if hosted.takes_work and (command.boards is None or hosted.board in command.boards)
        ]
        found = {"source": command.source.name, "trigger_hash": command.source.trigger_hash}
        collected = _Collected(2 * len(boards), reply, found)
        for hosted in boards:
            enable = EnableSource(source=command.source, replace=command.replace)
            hosted.writer.insist(enable, collected)
            self._attach(agent, hosted, collected)
        collected.check()

    def _displace(self, source: str, trigger_hash: str) -> None:
        """Let nobody work for a source any more whose trigger is another one by now."""
        for agent in self._agents.values():
            if agent.sources.get(source, trigger_hash) != trigger_hash:
                del agent.sources[source]
                self._attach_again(agent)

    def retire(self, source: str, *, without: Container[str]) -> bool:
        """Forget a source, unless somebody else works for it; what it has pending waits for its return.

        Args:
            source: Its name.
            without: Names of agents that do not count.

        Returns:
            Whether it was forgotten.
        """
        if source not in self.host.system.machine.sources or any(
            agent.outlet is not None and source in agent.sources and agent.name not in without
            for agent in self._agents.values()
        ):
            return False
        self.host.system.insist(UnregisterSource(source=source))
        for hosted in self.host:
            if hosted.takes_work and source in hosted.engine.control.roster.sources:
                hosted.writer.insist(DisableSource(source=source))
        return True

    def unregister(self, agent: Agent, source: str) -> None:
        """Let the agent no longer work for a source.

        Raises:
            Rejected: `unknown_source` if it does not.
        """
        if source not in agent.sources:
            raise Rejected("unknown_source", f"agent {agent.name!r} does not work for {source!r}")
        del agent.sources[source]
        self._attach_again(agent)

    def set_credits(self, agent: Agent, credit: int, reply: Reply) -> None:
        """Change how many activations the agent takes at a time.

        The reply comes after the last offer that was made under the former number.
        """
        agent.credits = credit
        self._attach_again(agent, reply)

    def _attach_again(self, agent: Agent, reply: Reply | None = None) -> None:
        found = (self.host.find(board) for board in agent.attached)
        boards = [hosted for hosted in found if hosted is not None and hosted.takes_work]
        collected = _Collected(len(boards), reply, {})
        for hosted in boards:
            self._attach(agent, hosted, collected)
        collected.check()

    def _attach(self, agent: Agent, hosted: HostedBoard, reply: Reply | None) -> None:
        registered = self.host.system.machine.sources
        sources = tuple(
            name for name in agent.sources if name in registered and registered[name].covers(hosted.board)
        )
        outlet = agent.outlet
        # A source may cover more boards than the token of one of its agents reaches.
        if outlet is None or not agent.grant.reaches(hosted.board):
            if reply is not None:
                reply(None)
            return
        agent.attached[hosted.board] = None
        command = AttachAgent(agent=agent.name, sources=sources, credits=agent.credits)
        hosted.writer.insist(command, reply, wanted=lambda: agent.outlet is outlet)

    def opened(self, hosted: HostedBoard) -> None:
        """Bring all sources and agents to a board that was just opened."""
        covering = [each for each in self._registrations() if each.covers(hosted.board)]
        names = {each.source.name for each in covering}
        for each in covering:
            noted = partial(_note_refusal, hosted.board, each.source.name)
            hosted.writer.insist(EnableSource(source=each.source, replace=True), noted)
        for agent in self._agents.values():
            if agent.outlet is not None and not names.isdisjoint(agent.sources):
                self._attach(agent, hosted, None)

    def detach_recorded(self, hosted: HostedBoard) -> None:
        """After a restart, detach all agents that the log shows as attached: none is connected yet."""
        for name in list(hosted.engine.control.roster.agents):
            hosted.writer.insist(DetachAgent(agent=name))

    # Offers.

    def offered(self, offer: Offer) -> None:
        """Send an offer to its agent, if it is connected and may know of the board; if not, it lapses."""
        agent = self._agents.get(offer.agent)
        # After a restart anyone may come under the name that the log remembers.
        if agent is not None and agent.outlet is not None and agent.grant.reaches(offer.board):
            agent.outlet.send_frame(frame_text(encode_notice("activation.offered", offer_view(offer))))

    def withdrawn(self, withdrawal: Withdrawal) -> None:
        """Tell an agent that a lease is over."""
        agent = self._agents.get(withdrawal.agent)
        if agent is not None and agent.outlet is not None and agent.grant.reaches(withdrawal.board):
            params = withdrawal_view(withdrawal)
            agent.outlet.send_frame(frame_text(encode_notice("activation.withdrawn", params)))

    # Questions.

    def is_connected(self, name: str) -> bool:
        """Tell whether an agent is connected."""
        agent = self._agents.get(name)
        return agent is not None and agent.outlet is not None

    def leases(self, name: str) -> int:
        """Return how many leases an agent holds."""
        return sum(1 for _ in self._leases.of_agent(name))

    def is_starved(self, agents: Sequence[str]) -> bool:
        """Tell whether work waits for the sources of these agents, and nobody has room for it."""
        found = (self._agents.get(name) for name in agents)
        sources = {source for agent in found if agent is not None for source in agent.sources}
        return any(hosted.engine.control.is_starved(sources) for hosted in self.host if hosted.takes_work)

    def _registrations(self) -> Iterator[Registration]:
        return iter(self.host.system.machine.sources.values())

    def agents(self) -> list[View]:
        """Return an `AgentView` for each agent, by name."""
        held = Counter(lease.offer.agent for lease in self._leases)
        return [
            {
                "agent": agent.name,
                "principal": agent.principal,
                "client": agent.client,
                "sources": list(agent.sources),
                "credits": agent.credits,
                "leases": held[agent.name],
                "connected": agent.outlet is not None,
                "since_ms": agent.since_ms,
            }
            for _, agent in sorted(self._agents.items())
        ]

    def sources(self) -> list[View]:
        """Return a `SourceView` for each registered source, in order of registration."""
        return [
            source_view(
                each.source,
                boards=each.boards,
                agents=sorted(
                    agent.name
                    for agent in self._agents.values()
                    if agent.outlet is not None and each.source.name in agent.sources
                ),
            )
            for each in self._registrations()
        ]


class _Collected:
    """Counts the answers of all boards, and says the outcome, or the first refusal, when all have come."""

    def __init__(self, count: int, reply: Reply | None, found: View) -> None:
        self._left = count
        self._reply = reply
        self._found = found
        self._refusal: Rejected | None = None
        self._is_said = False

    def __call__(self, answer: Answer | None) -> None:
        self._left -= 1
        if isinstance(answer, Rejected) and answer.code not in {"board_ended", "board_closing"}:
            self._refusal = self._refusal or answer
        self.check()

    def check(self) -> None:
        """Say the outcome if nothing is missing."""
        if self._left == 0 and not self._is_said:
            self._is_said = True
            if self._reply is not None:
                self._reply(self._refusal or self._found)


def _is_detached(agent: Agent, board: str) -> bool:
    return board not in agent.attached


def _note_refusal(board: str, source: str, answer: Answer) -> None:
    if isinstance(answer, Rejected):
        logger.warning(
            "a source cannot act on a board",
            extra={"board": board, "source": source, "code": answer.code, "reason": answer.message},
        )
