"""Publishing at once: the part of a context that is the same wherever a handler runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

from blackboard.authoring.contributions import Contribution, Edge, Judge, Link, Post, Ref, Retract, Revise
from blackboard.authoring.entry import Entry
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.core.commands import Verdict
from blackboard.core.entry import EntryId, LinkKind
from blackboard.core.errors import BlackboardError
from blackboard.core.ready import Receipt

__all__ = ["Publisher", "is_retryable"]

_OUTDATED: Final = frozenset({"version_conflict", "identity_conflict"})
"""Refusals that another attempt, on a fresh reading of the board, can avoid."""


class Publisher(ABC):
    """Implements the publishing half of `Context` over one method."""

    has_published = False
    """Whether anything was published; then a handler that returns `None` did not decline."""

    @abstractmethod
    async def _contribute(self, contribution: Contribution) -> Receipt:
        """Record one contribution under the lease of the attempt."""

    async def _publish(self, contribution: Contribution) -> Receipt:
        receipt = await self._contribute(contribution)
        self.has_published = True
        return receipt

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


def is_retryable(error: Exception) -> bool:
    """Tell whether an attempt that raised `error` may be made again.

    What a handler raises of its own may pass; of our own errors the catalogue knows, and what the board
    refused because it had changed meanwhile is worth another look.
    """
    if isinstance(error, BlackboardError):
        return error.retryable or error.code in _OUTDATED
    return True
