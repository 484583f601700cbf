"""What a handler can do while it runs: a protocol, so that authors depend on no transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from blackboard.authoring.contributions import Edge, Ref
from blackboard.authoring.entry import Entry
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.core.commands import Verdict
from blackboard.core.entry import EntryId, LinkKind

__all__ = ["Context"]

H = TypeVar("H", bound=Hypothesis)


class Context(Protocol):
    """One attempt at one activation, as its handler sees it.

    What the handler returns is recorded together with the end of the activation. The methods below publish
    at once, under the activation's lease: such contributions are withdrawn if the attempt fails, and are
    refused with `stale_token` once the lease has passed to somebody else.
    """

    @property
    def board(self) -> str:
        """Name of the board."""
        ...

    @property
    def activation(self) -> int:
        """Number of the activation on its board."""
        ...

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""
        ...

    @property
    def agent(self) -> str:
        """Name of the agent instance that runs the handler."""
        ...

    @property
    def deadline(self) -> float:
        """When the attempt is cut off, on the clock of `clock`."""
        ...

    def clock(self) -> float:
        """Return monotonic seconds; tests drive them, so never ask another clock."""
        ...

    def progress(self, text: str) -> None:
        """Say in one line how far the work is; it shows in the log of the agent's process."""
        ...

    async def entries(self, model: type[H], *, live: bool = True) -> list[Entry[H]]:
        """Return the entries of one type as they stand now, in order of posting.

        Args:
            model: Which type.
            live: Leave out what is rejected, superseded, unsupported, retracted or expired.
        """
        ...

    async def get(self, entry: EntryId) -> Entry[Any]:
        """Return one entry with plain data."""
        ...

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
        """Post a partial result and return its number; with `keep` it stands even if the attempt fails."""
        ...

    async def revise(
        self,
        entry: Entry[Any],
        data: Hypothesis | None = None,
        *,
        confidence: float | None = None,
        because: Sequence[Ref] = (),
        note: str = "",
    ) -> None:
        """Replace the data of an entry, or only the claim; `version_conflict` if it changed meanwhile."""
        ...

    async def link(
        self, kind: LinkKind, source: Ref, target: Ref, *, weight: float = 1.0, reason: str = ""
    ) -> None:
        """Link two entries."""
        ...

    async def judge(self, entry: Ref, verdict: Verdict, *, reason: str = "") -> None:
        """Accept, reject or reopen an entry."""
        ...

    async def retract(self, entry: Ref, *, reason: str = "") -> None:
        """Take back what this author claimed of an entry."""
        ...
