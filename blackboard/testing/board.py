"""`TestBoard`: knowledge sources on the real engine, in one process, without network, disk or waiting.

It is the shell of one board: it feeds the engine, runs the handlers of the offers that come out, and hands
their results back. Time is virtual, ids and salts come from a seed, so a test always sees the same log.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from blackboard.authoring import (
    Edge,
    Entry,
    Hypothesis,
    KnowledgeSource,
    Post,
    Ref,
    Revise,
    SourceLike,
    as_source,
    is_retryable,
    to_contributions,
    typed,
    types_of,
    view_entry,
)
from blackboard.core import commands as cm
from blackboard.core.activation import Activation
from blackboard.core.completion import Completion, Outcome, Settings
from blackboard.core.entry import EntryId, LinkKind
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.ready import Offer, Ready, Receipt
from blackboard.core.record import Commit, Record
from blackboard.engine import Engine
from blackboard.testing.clock import VirtualClock
from blackboard.testing.context import TestContext
from blackboard.testing.transcript import transcript

__all__ = ["TestBoard"]

H = TypeVar("H", bound=Hypothesis)

AGENT = "test-agent"
SETTLE_SECONDS_MAX = 10.0
"""Longest real time that `settle` waits for one handler; more means that it waits for something that the
test has to do first."""


class TestBoard:
    """A board for tests.

    Args:
        *sources: Knowledge sources that act on it.
        types: Further entry types that the test itself posts.
        goal: What the board is for.
        completion: When it ends; by default never.
        settings: Further settings; `completion` takes precedence where given.
        credits: How many handlers run at a time.
        seed: Seed of everything random.
        name: Name of the board.
    """

    __test__ = False  # not a test case itself, whatever pytest makes of its name

    def __init__(
        self,
        *sources: SourceLike,
        types: Sequence[type[Hypothesis]] = (),
        goal: str = "",
        completion: Sequence[Completion] = (),
        settings: Settings | None = None,
        credits: int = 8,  # noqa: A002 - the field's word
        seed: int = 0,
        name: str = "test",
    ) -> None:
        self.name = name
        self.records: list[Record] = []
        self.commits: list[Commit] = []
        self._sources = {each.name: each for each in map(as_source, sources)}
        self._types = tuple(types)
        self._goal = goal
        base = settings or Settings()
        self._settings = msgspec.structs.replace(base, completion=tuple(completion)) if completion else base
        self._credits = credits
        self._seed = seed
        self._salts = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self._running: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._until_ms: dict[tuple[int, int], int] = {}
        self.engine = Engine(name, salts=self._salt)
        self.clock = VirtualClock(self._pass)

    def _salt(self) -> bytes:
        return self._salts.randbytes(16)

    async def __aenter__(self) -> Self:
        self._do(cm.OpenBoard(board=self.name, goal=self._goal, settings=self._settings))
        self._define(model.entry_type() for model in self._types)
        for source in self._sources.values():
            self._do(cm.EnableSource(source=source.declaration))
        self._do(cm.AttachAgent(agent=AGENT, sources=tuple(self._sources), credits=self._credits))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What a test does

    async def post(
        self,
        data: H,
        *,
        confidence: float = 1.0,
        because: Sequence[Ref] = (),
        links: Sequence[Edge] = (),
        note: str = "",
        ttl: float | None = None,
        by: str = "tester",
    ) -> Entry[H]:
        """Post an entry as the person `by`, and return it.

        Raises:
            Rejected: What the server would answer.
        """
        item = Post(data, confidence=confidence, because=because, links=links, note=note, ttl=ttl)
        (command,) = to_contributions(item)
        self._define([type(data).entry_type()])
        receipt = self._do(command, by=by)
        return self.entry(receipt.entries[0], type(data))

    async def revise(
        self, entry: Entry[H], data: H | None = None, *, confidence: float | None = None, by: str = "tester"
    ) -> Entry[H]:
        """Revise an entry, and return it as it then stands."""
        (command,) = to_contributions(Revise(entry, data, confidence))
        self._do(command, by=by)
        return self.entry(entry.id, type(entry.data))

    async def retract(self, entry: Entry[Any], *, reason: str = "", by: str = "tester") -> None:
        """Retract an entry."""
        self._do(cm.RetractEntry(entry=entry.id, reason=reason), by=by)

    async def judge(
        self, entry: Entry[Any], verdict: cm.Verdict, *, reason: str = "", by: str = "tester"
    ) -> None:
        """Accept, reject or reopen an entry."""
        self._do(cm.JudgeEntry(entry=entry.id, verdict=verdict, reason=reason), by=by)

    async def link(
        self,
        kind: LinkKind,
        source: Entry[Any],
        target: Entry[Any],
        *,
        weight: float = 1.0,
        by: str = "tester",
    ) -> None:
        """Link two entries."""
        self._do(cm.LinkEntries(kind=kind, source=source.id, target=target.id, weight=weight), by=by)

    async def settle(self) -> None:
        """Let handlers run until none is left running; virtual time stands still.

        What waits for time (a retry, a deadline) goes on after `board.clock.advance(...)`.

        Raises:
            TimeoutError: A handler waits for something that the test has to do first.
        """
        while self._running:
            done, _ = await asyncio.wait(
                self._running.values(), timeout=SETTLE_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                names = ", ".join(f"{self.activation(number).source}" for number, _ in self._running)
                raise TimeoutError(f"still running after {SETTLE_SECONDS_MAX} s: {names}")

    # What a test looks at

    def entries(self, model: type[H], *, live: bool = True) -> list[Entry[H]]:
        """Return the entries of one type in order of posting."""
        name = model.entry_type().name
        found = (each for each in self.engine.board.entries.values() if each.type == name)
        return [typed(view_entry(each), model) for each in found if each.is_live or not live]

    def entry(self, number: EntryId, model: type[H]) -> Entry[H]:
        """Return one entry as it stands."""
        return typed(view_entry(self.engine.board.entry(number)), model)

    def activation(self, number: int) -> Activation:
        """Return one activation as it stands."""
        return self.engine.control.activation(number)

    def activations(self, source: str | None = None) -> list[Activation]:
        """Return the activations, of one source or of all, oldest first."""
        found = self.engine.control.agenda.activations.values()
        return [each for each in found if source in (None, each.source)]

    def why_waiting(self, number: int) -> str:
        """Say in words why an activation does not run."""
        return self.engine.control.waits_for(self.activation(number), now_ms=self.clock.now_ms)

    @property
    def outcome(self) -> Outcome | None:
        """The board's outcome, `None` while it runs."""
        return self.engine.board.outcome

    @property
    def reason(self) -> str:
        """Why the board ended."""
        return self.engine.board.reason

    @property
    def answer(self) -> tuple[EntryId, ...]:
        """The recorded best answer, likeliest first."""
        return self.engine.board.answer

    def transcript(self) -> str:
        """Return the log, one readable line per event."""
        return transcript(self.records)

    def state_hash(self) -> str:
        """Return the hash of the whole state."""
        return self.engine.state_hash()

    def replayed_hash(self) -> str:
        """Replay the log into a fresh engine and return the hash of its state."""
        engine = Engine(self.name, salts=self._salt)
        for commit in self.commits:
            engine.replay(commit)
        return engine.state_hash()

    # The shell

    def _do(self, command: cm.Command, *, by: str = "tester", agent: str | None = None) -> Receipt:
        principal = cm.Principal(name=by, kind="person" if agent is None else "agent", agent=agent)
        ready = self._turn((cm.Request(principal=principal, command=command),))
        answer = ready.answers[0]
        if isinstance(answer, Rejected):
            raise answer
        return answer

    def act(self, offer: Offer, command: cm.Command) -> Receipt:
        """Do `command` as the agent that holds the lease of `offer`."""
        return self._do(command, by=offer.source, agent=AGENT)

    def _turn(self, requests: tuple[cm.Request, ...]) -> Ready:
        ready = self.engine.handle(requests, self.clock.now_ms)
        self.records += ready.records
        if ready.commit is not None:
            self.commits.append(ready.commit)
        for withdrawal in ready.withdrawals:
            task = self._running.get((withdrawal.activation, withdrawal.token))
            if task is not None:
                task.cancel()
        for offer in ready.offers:
            self._start(offer)
        return ready

    def _start(self, offer: Offer) -> None:
        key = (offer.activation, offer.token)
        self._until_ms[key] = self.clock.now_ms + offer.timeout_ms
        task = asyncio.get_running_loop().create_task(self._attempt(offer))
        self._running[key] = task
        task.add_done_callback(lambda _: self._stopped(key))

    def _stopped(self, key: tuple[int, int]) -> None:
        self._running.pop(key, None)
        self._until_ms.pop(key, None)

    async def _attempt(self, offer: Offer) -> None:
        source = self._sources[offer.source]
        try:
            command = await self._run(source, offer)
        except asyncio.CancelledError:
            return  # the lease was withdrawn, or the test is over
        try:
            self.act(offer, command)
        except Rejected as refusal:
            if refusal.code == "stale_token":
                return
            self.act(offer, self._failed(offer, refusal.message, retryable=is_retryable(refusal)))

    async def _run(self, source: KnowledgeSource, offer: Offer) -> cm.Command:
        """Run one handler and return the command that its outcome amounts to."""
        context = TestContext(self, offer, until_ms=self._until_ms[offer.activation, offer.token])
        try:
            result = await source.run(context, [view_entry(entry) for entry in offer.entries])
            contributions = to_contributions(result)
            self._define(types_of(result))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its outcome
            text = error.message if isinstance(error, BlackboardError) else f"{type(error).__name__}: {error}"
            return self._failed(offer, text, retryable=is_retryable(error))
        if result is None and not context.has_published:
            return cm.DeclineActivation(activation=offer.activation, token=offer.token)
        return cm.CompleteActivation(
            activation=offer.activation, token=offer.token, contributions=contributions
        )

    def _define(self, types: Iterable[EntryType]) -> None:
        for each in types:
            self._do(cm.DefineType(type=each))

    @staticmethod
    def _failed(offer: Offer, error: str, *, retryable: bool) -> cm.FailActivation:
        return cm.FailActivation(
            activation=offer.activation, token=offer.token, error=error, retryable=retryable
        )

    def _pass(self, target_ms: int) -> int:
        """Do what is due at the present time; return up to where time may pass without anything due."""
        self._turn(())
        for (activation, token), until_ms in list(self._until_ms.items()):
            if until_ms <= self.clock.now_ms:
                del self._until_ms[activation, token]
                self._expire(activation, token)
        due = [
            each for each in (self.engine.next_deadline_ms(), *self._until_ms.values()) if each is not None
        ]
        return min([target_ms, *(each for each in due if each > self.clock.now_ms)])

    def _expire(self, activation: int, token: int) -> None:
        command = cm.ExpireLease(activation=activation, token=token)
        self._turn((cm.Request(principal=cm.Principal(name="clock", kind="system"), command=command),))
