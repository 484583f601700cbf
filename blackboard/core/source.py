"""Knowledge sources as the board knows them: declarations, never code."""

from __future__ import annotations

from typing import Literal, TypeAlias

from blackboard.core.entry_type import EntryType, check_entry_type
from blackboard.core.errors import Rejected
from blackboard.core.fact import Fact
from blackboard.core.limits import Limits
from blackboard.core.trigger import Trigger, check_trigger, trigger_hash
from blackboard.core.values import Fraction, check_fraction

__all__ = ["Since", "SourceDeclaration", "check_source"]

Since: TypeAlias = Literal["existing", "now"]


class SourceDeclaration(Fact):
    """What a knowledge source says of itself.

    Args:
        name: Unique name; many workers may serve one source.
        trigger: On what it wants to act.
        produces: Names of the entry types that it may post; empty means any.
        types: Definitions of types that it uses; equal redefinitions are harmless.
        rating: How promising its activations are a priori.
        timeout_ms: Longest run of one attempt, after which the lease is not renewed.
        lease_ms: How long a lease lasts without renewal.
        accept_ms: How long an offer waits for its acceptance.
        attempts_max: Attempts before an activation is a dead letter.
        backoff_ms: Wait after the first failed attempt; doubled after each further one.
        concurrency_max: Most simultaneous leases on one board; 0 for no cap.
        since: Whether a new source also acts on what is there already.
        description: One line for people.
        code_version: Free text shown to people; it does not make history fire again.
    """

    name: str
    trigger: Trigger
    produces: tuple[str, ...] = ()
    types: tuple[EntryType, ...] = ()
    rating: Fraction = 0.5
    timeout_ms: int = 60_000
    lease_ms: int = 15_000
    accept_ms: int = 5_000
    attempts_max: int = 3
    backoff_ms: int = 500
    concurrency_max: int = 0
    since: Since = "existing"
    description: str = ""
    code_version: str = ""

    @property
    def trigger_hash(self) -> str:
        """Identity of the trigger, part of the refraction key."""
        return trigger_hash(self.trigger)


def check_source(source: SourceDeclaration, *, limits: Limits) -> None:
    """Check a declaration.

    Raises:
        Rejected: `invalid_trigger`, `invalid_schema` or `invalid_params`, naming the place.
    """
    if not source.name or len(source.name) > limits.name_chars_max:
        raise Rejected(
            "invalid_params", f"source name {source.name!r}: expected 1 to {limits.name_chars_max} chars"
        )
    check_fraction(source.rating, name=f"rating of source {source.name!r}")
    for name in ("timeout_ms", "lease_ms", "accept_ms", "attempts_max"):
        if getattr(source, name) < 1:
            raise Rejected("invalid_params", f"source {source.name!r}: {name} must be at least 1")
    for name in ("backoff_ms", "concurrency_max"):
        if getattr(source, name) < 0:
            raise Rejected("invalid_params", f"source {source.name!r}: {name} must not be negative")
    check_trigger(source.trigger, limits=limits)
    for entry_type in source.types:
        check_entry_type(entry_type)
