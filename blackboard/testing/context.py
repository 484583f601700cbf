"""The context that handlers get on a `TestBoard`: the same protocol, straight into the engine."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import msgspec

from blackboard.authoring import Contribution, Entry, Hypothesis, Publisher, to_contributions, view_entry
from blackboard.core import commands as cm
from blackboard.core.entry import EntryId
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


class TestContext(Publisher):
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

    async def _contribute(self, contribution: Contribution) -> Receipt:
        (command,) = to_contributions(contribution)
        under = {"activation": self._offer.activation, "token": self._offer.token}
        return self._stage.act(self._offer, msgspec.structs.replace(command, **under))
