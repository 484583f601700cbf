"""The context of a handler that runs in an agent's process: everything goes over the session."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from blackboard.authoring import Edge, Entry, Hypothesis, Judge, Link, Post, Ref, Retract, Revise
from blackboard.client import Board
from blackboard.client.views import OfferView
from blackboard.core.commands import Verdict
from blackboard.core.entry import EntryId, LinkKind
from blackboard.core.ready import Receipt

__all__ = ["RemoteContext"]

LOG: Final = logging.getLogger("blackboard.sources")

H = TypeVar("H", bound=Hypothesis)


class RemoteContext:
    """Implements `blackboard.Context` for one attempt.

    Args:
        board: Handle to the board.
        offer: What was offered.
    """

    def __init__(self, board: Board, offer: OfferView) -> None:
        self._board = board
        self._offer = offer
        self._lease = {"activation": offer.activation, "token": offer.token}
        self._deadline = board.session.clock() + offer.timeout
        self.has_published = False

    @property
    def board(self) -> str:
        """Name of the board."""
        return self._offer.board

    @property
    def activation(self) -> int:
        """Number of the activation on its board."""
        return self._offer.activation

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""
        return self._offer.attempt

    @property
    def agent(self) -> str:
        """Name of the agent instance that runs the handler."""
        return self._board.session.agent or ""

    @property
    def deadline(self) -> float:
        """When the attempt is cut off, on the clock of `clock`."""
        return self._deadline

    def clock(self) -> float:
        """Return monotonic seconds."""
        return self._board.session.clock()

    def progress(self, text: str) -> None:
        """Log one line."""
        LOG.info("%s on %s#%d: %s", self._offer.source, self.board, self.activation, text)

    async def entries(self, model: type[H], *, live: bool = True) -> list[Entry[H]]:
        """Return the entries of one type as they stand now."""
        return await self._board.entries(model, live=True if live else None)

    async def get(self, entry: EntryId) -> Entry[Any]:
        """Return one entry with plain data."""
        return await self._board.entry(entry)

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
        """Post a partial result and return its number."""
        receipt = await self._publish(Post(data, confidence, because, links, note, ttl, keep))
        return receipt.entries[0]

    async def revise(
        self,
        entry: Entry[Any],
        data: Hypothesis | None = None,
        *,
        confidence: float | None = None,
        because: Sequence[Ref] = (),
        note: str = "",
    ) -> None:
        """Replace the data of an entry, or only the claim."""
        await self._publish(Revise(entry, data, confidence, because, note))

    async def link(
        self, kind: LinkKind, source: Ref, target: Ref, *, weight: float = 1.0, reason: str = ""
    ) -> None:
        """Link two entries."""
        await self._publish(Link(kind, source, target, weight, reason))

    async def judge(self, entry: Ref, verdict: Verdict, *, reason: str = "") -> None:
        """Accept, reject or reopen an entry."""
        await self._publish(Judge(entry, verdict, reason))

    async def retract(self, entry: Ref, *, reason: str = "") -> None:
        """Take back what this author claimed of an entry."""
        await self._publish(Retract(entry, reason))

    async def _publish(self, contribution: Post | Revise | Link | Judge | Retract) -> Receipt:
        self.has_published = True
        return await self._board.contribute(contribution, lease=self._lease)
