"""What the engine hands to the shell after each turn, after the `Ready` of etcd's raft library.

The shell persists `commit`, then sends `answers`, `records`, `offers` and `withdrawals`, then arms
`deadline_ms`. Nothing of a `Ready` may leave before its commit, and every earlier one, is durable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from blackboard.core.activation import ActivationId
from blackboard.core.commands import Request
from blackboard.core.entry import Entry, EntryId
from blackboard.core.errors import Rejected
from blackboard.core.fact import Fact
from blackboard.core.record import Commit, Record
from blackboard.core.values import Millionths

__all__ = ["Answer", "Machine", "Offer", "Ready", "Receipt", "Withdrawal"]


class Receipt(Fact):
    """A command took effect.

    Args:
        revision: Revision of the board up to which the effect is visible.
        entries: The entries posted or changed, one per contribution.
        repeated: This command had been carried out before; here is its first answer again.
    """

    revision: int
    entries: tuple[EntryId, ...] = ()
    repeated: bool = False


Answer: TypeAlias = Receipt | Rejected


class Offer(Fact):
    """An activation offered to one agent. The offer is the lease.

    Args:
        board: Board.
        activation: Number of the activation.
        token: Fencing token, to be shown with every act under this lease.
        agent: To whom it is offered.
        source: Knowledge source that is to run.
        variables: Names of the trigger's variables, one per entry.
        entries: The bound entries, as they stand.
        attempt: 1 for the first.
        lease_ms: Term of the lease without renewal.
        accept_ms: How long the offer waits for its acceptance.
        timeout_ms: Longest run, renewals included.
    """

    board: str
    activation: ActivationId
    token: int
    agent: str
    source: str
    variables: tuple[str, ...]
    entries: tuple[Entry, ...]
    attempt: int
    lease_ms: int
    accept_ms: int
    timeout_ms: int


class Withdrawal(Fact):
    """A lease ended without its holder's doing: tell the agent to drop the work, disarm its timer."""

    board: str
    activation: ActivationId
    token: int
    agent: str
    reason: str


class Ready(Fact, gc=True):
    """What one turn of the engine decided. Its refusals are exceptions, which may be part of a cycle.

    Args:
        commit: What to persist; `None` if nothing changed.
        records: The same events in memory, for subscribers.
        answers: One per request, in order.
        offers: Leases granted in this turn.
        withdrawals: Leases ended in this turn by anything but their holder's own word.
        beliefs: New belief of every entry whose belief changed, in millionths.
        deadline_ms: Engine time at which to call again if nothing happens before; `None` for never.
    """

    commit: Commit | None
    records: tuple[Record, ...]
    answers: tuple[Answer, ...]
    offers: tuple[Offer, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    beliefs: Mapping[EntryId, Millionths] = {}
    deadline_ms: int | None = None


class Machine(Protocol):
    """One deterministic state machine with a single writer: a board, or the system board."""

    def handle(self, requests: tuple[Request, ...], now_ms: int) -> Ready:
        """Judge `requests` in order at engine time `now_ms`, then let control react."""
        ...

    def next_deadline_ms(self) -> int | None:
        """Return the engine time at which `handle` must be called even without requests."""
        ...
