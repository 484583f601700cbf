"""Activations: one trigger instantiation of one source, and its life-cycle as a table.

The field calls it a knowledge source activation record (KSAR). Activation numbers are 1, 2, 3 … per board
in the order of triggering. An instantiation fires once: the refraction key is the source, its trigger and
the bound entries at their data versions.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from blackboard.core.entry import Premise
from blackboard.core.values import Fraction, Millionths

__all__ = [
    "ACTIVATION_MOVES",
    "ENDED",
    "PENDING",
    "Activation",
    "ActivationId",
    "ActivationMove",
    "ActivationState",
    "Lease",
    "RatingTerm",
    "RefractionKey",
    "next_state",
]

ActivationId: TypeAlias = int
RefractionKey: TypeAlias = tuple[str, str, tuple[Premise, ...]]
"""Source name, trigger hash, and entry@data-version per variable, in the trigger's order."""

ActivationState: TypeAlias = Literal[
    "triggered", "executable", "leased", "backing_off", "held", "executed", "obviated", "cancelled", "dead"
]
ActivationMove: TypeAlias = Literal[
    "enable", "disable", "lease", "hold", "release", "complete", "retry", "ready", "bury", "obviate", "cancel"
]

ACTIVATION_MOVES: Final[dict[ActivationState, dict[ActivationMove, ActivationState]]] = {
    "triggered": {"enable": "executable", "obviate": "obviated", "cancel": "cancelled"},
    "executable": {
        "disable": "triggered",
        "lease": "leased",
        "hold": "held",
        "obviate": "obviated",
        "cancel": "cancelled",
    },
    "leased": {
        "complete": "executed",
        "retry": "backing_off",
        "bury": "dead",
        "hold": "held",
        "obviate": "obviated",
        "cancel": "cancelled",
    },
    "backing_off": {"ready": "executable", "bury": "dead", "obviate": "obviated", "cancel": "cancelled"},
    "held": {"release": "executable", "obviate": "obviated", "cancel": "cancelled"},
    "dead": {"retry": "backing_off"},
    "executed": {},
    "obviated": {},
    "cancelled": {},
}
"""Triggered ⇄ executable → leased → executed, or back by way of backing off; a dead letter can be revived."""

PENDING: Final[frozenset[str]] = frozenset({"triggered", "executable", "backing_off", "held"})
"""States in which nobody works on it yet."""

ENDED: Final[frozenset[str]] = frozenset({"executed", "obviated", "cancelled", "dead"})


def next_state(state: ActivationState, move: ActivationMove) -> ActivationState:
    """Walk the life-cycle one step; an unlisted move is a bug and raises `AssertionError`."""
    moves = ACTIVATION_MOVES[state]
    assert move in moves, f"illegal move {move!r} of an activation that is {state!r}"
    return moves[move]


class RatingTerm(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One term of a rating: its name, its value (a fraction) and its weight."""

    name: str
    value: Fraction
    weight: int


class Lease(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The right of one agent to act on one activation.

    Args:
        token: Fencing token; grows with every lease on the board, also across restarts.
        agent: Who holds it.
        lease_ms: Term without renewal.
        granted_ms: Engine time of the grant.
    """

    token: int
    agent: str
    lease_ms: int
    granted_ms: int


class Activation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One trigger instantiation.

    Args:
        id: Number on its board.
        source: Name of the source.
        trigger_hash: Which trigger of that source.
        bindings: Bound entries in the order of the trigger's patterns.
        state: See `ACTIVATION_MOVES`.
        sequence: Revision of the event that triggered it.
        attempts: Leases granted so far.
        rating: Current rating, in millionths; meaningful while executable or leased.
        terms: What the rating is made of.
        lease: The live lease, while leased.
        ready_ms: Engine time before which it is not retried, while backing off.
        reason: Why it is where it is, in words, where that is not obvious.
    """

    id: ActivationId
    source: str
    trigger_hash: str
    bindings: tuple[Premise, ...]
    state: ActivationState
    sequence: int
    attempts: int = 0
    rating: Millionths = 0
    terms: tuple[RatingTerm, ...] = ()
    lease: Lease | None = None
    ready_ms: int = 0
    reason: str = ""

    @property
    def key(self) -> RefractionKey:
        """The refraction key."""
        return (self.source, self.trigger_hash, self.bindings)
