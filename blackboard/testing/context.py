"""The context that handlers get on a `TestBoard`: the same protocol, straight into the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from blackboard.authoring import (
    Contribution,
    Edge,
    Entry,
    Hypothesis,
    Judge,
    Link,
    Post,
    Ref,
    Retract,
    Revise,
    to_contributions,
    view_entry,
)
from blackboard.core import commands as cm
from blackboard.core.entry import EntryId, LinkKind
from blackboard.core.ready import Offer, Receipt
from blackboard.engine import Engine
from blackboard.testing.clock import VirtualClock

__all__ = ["Stage", "TestContext"]

H = TypeVar("H", bound=Hypothesis)


class Stage(Protocol):
    """What a context needs of its board."""

    engine: Engine
    clock: VirtualClock

    def act(self, offer: Offer, command: cm.Command) -> Receipt:
        """Do `command` under the lease of `offer`."""
        ...

    def entries(self, model: type[H], *, live: bool = True) -> list[Entry[H]]:
        """Return the entries of one type."""
        ...


class TestContext:
    """See `blackboard.Context`."""

    __test__ = False

    def __init__(self, stage: Stage, offer: Offer, *, until_ms: int) -> None:
        self._stage = stage
        self._offer = offer
        self._until_ms = until_ms

    @property
    def board(self) -> str:
        """Name of the board."""
        return self._offer.board

    @property
    def activation(self) -> int:
        """Number of the activation."""
        return self._offer.activation

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""
        return self._offer.attempt

    @property
    def agent(self) -> str:
        """Name of the agent instance."""
        return self._offer.agent

    @property
    def deadline(self) -> float:
        """When the attempt is cut off, in virtual seconds."""
        return self._until_ms / 1000

    def clock(self) -> float:
        """Return virtual seconds."""
        return self._stage.clock.now

    def progress(self, text: str) -> None:
        """Progress is for people who watch; a test has none."""

    async def entries(self, model: type[H], *, live: bool = True) -> list[Entry[H]]:
        """Return the entries of one type as they stand."""
        return self._stage.entries(model, live=live)

    async def get(self, entry: EntryId) -> Entry[Any]:
        """Return one entry with plain data."""
        return view_entry(self._stage.engine.board.entry(entry))

    async def post(
        self,
        data: Hypothesis,
        *,
        confidence: float = 1.0,
        because: Sequence[Ref] = (),
        links: Sequence[Edge] = (),
        note: str = "",
        ttl: float | None = None,
        keep: bool = False,
    ) -> EntryId:
        """Post a partial result."""
        return self._publish(Post(data, confidence, because, links, note, ttl, keep)).entries[0]

    async def revise(
        self,
        entry: Entry[Any],
        data: Hypothesis | None = None,
        *,
        confidence: float | None = None,
        because: Sequence[Ref] = (),
        note: str = "",
    ) -> None:
        """Revise an entry."""
        self._publish(Revise(entry, data, confidence, because, note))

    async def link(
        self, kind: LinkKind, source: Ref, target: Ref, *, weight: float = 1.0, reason: str = ""
    ) -> None:
        """Link two entries."""
        self._publish(Link(kind, source, target, weight, reason))

    async def judge(self, entry: Ref, verdict: cm.Verdict, *, reason: str = "") -> None:
        """Judge an entry."""
        self._publish(Judge(entry, verdict, reason))

    async def retract(self, entry: Ref, *, reason: str = "") -> None:
        """Retract an entry."""
        self._publish(Retract(entry, reason))

    def _publish(self, item: Contribution) -> Receipt:
        (command,) = to_contributions(item)
        under = {"activation": self._offer.activation, "token": self._offer.token}
        return self._stage.act(self._offer, msgspec.structs.replace(command, **under))
