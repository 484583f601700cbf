"""The context of a handler that runs in an agent's process: everything goes over the session."""

from __future__ import annotations

import logging
from typing import Any, Final, TypeVar

from blackboard.authoring import Contribution, Entry, Hypothesis, Publisher
from blackboard.client import Board
from blackboard.client.views import OfferView
from blackboard.core.entry import EntryId
from blackboard.core.ready import Receipt

__all__ = ["RemoteContext"]

LOG: Final = logging.getLogger("blackboard.sources")

H = TypeVar("H", bound=Hypothesis)


class RemoteContext(Publisher):
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

    async def _contribute(self, contribution: Contribution) -> Receipt:
        return await self._board.contribute(contribution, lease=self._lease)
