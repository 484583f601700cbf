"""The seams of a writer: who makes commits durable, and who is told what is durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

from blackboard.core.commands import Principal
from blackboard.core.errors import BlackboardError
from blackboard.core.ready import Machine, Ready
from blackboard.core.record import Commit

if TYPE_CHECKING:
    from blackboard.server.writer import BoardWriter

__all__ = ["SERVER", "Done", "Journal", "M", "Read", "Reply", "Shell"]

M = TypeVar("M", bound=Machine)

Reply: TypeAlias = Callable[[Any], None]
"""Called once, with the `Answer` to a request, the result of a read, or a `Rejected`."""

Read: TypeAlias = Callable[[M], object]
"""A function of the machine's present state; it may raise `Rejected`."""

Done: TypeAlias = Callable[[BlackboardError | None], None]
"""Called once on the loop with the outcome of an append."""

SERVER: Final = Principal(name="server", kind="system")
"""Who asks when the server itself does."""


class Journal(Protocol):
    """Where commits become durable: in order per board, each conditional on the log's head."""

    def append(self, commit: Commit, done: Done) -> None:
        """Make `commit` durable, then call `done`; with an error if it is certainly not stored.

        After an error, later appends to the same board fail as well until its head is read again.
        """
        ...


class Shell(Protocol[M]):
    """What a writer tells the server around it."""

    def released(self, writer: BoardWriter[M], ready: Ready) -> None:
        """What `ready` says is durable: deliver records, arm leases, send offers and withdrawals."""
        ...

    def rebuild(self, writer: BoardWriter[M]) -> None:
        """Replay the board from the log, then call `writer.resume`."""
        ...

    def failed(self, error: BlackboardError) -> None:
        """Stop the server; storage cannot be trusted any more."""
        ...
