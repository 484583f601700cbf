"""Messages about activations: offers, leases, their end, and the agenda."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from blackboard.core.activation import ActivationState
from blackboard.wire.messages.base import (
    BoardName,
    ChangeParams,
    Items,
    LimitParam,
    Message,
    Milliseconds,
    Number,
    Reason,
    Revision,
)
from blackboard.wire.messages.entry import ContributionField, EntryView

__all__ = [
    "ActivationAcceptParams",
    "ActivationCancelParams",
    "ActivationCompleteParams",
    "ActivationDeclineParams",
    "ActivationFailParams",
    "ActivationOfferedParams",
    "ActivationRenewParams",
    "ActivationRetryParams",
    "ActivationView",
    "ActivationWithdrawnParams",
    "AgendaListParams",
    "AgendaListResult",
    "BindingView",
    "LeaseView",
    "RatingTermView",
]

ActivationNumber: TypeAlias = Annotated[int, Field(description="Number of the activation.")]
Token: TypeAlias = Annotated[int, Field(description="Token of the lease, from `activation.offered`.")]


class ActivationAcceptParams(Message):
    """Take on an offered activation; the lease starts to count its term from now."""

    board: BoardName
    activation: ActivationNumber
    token: Token


class ActivationRenewParams(ActivationAcceptParams):
    """Go on working: the lease gets its full term again."""


class ActivationCompleteParams(ChangeParams):
    """End an activation and apply its contributions in one commit."""

    activation: ActivationNumber
    token: Token
    contributions: Items[ContributionField] = Field(
        default=(), description="Changes, as in `entry.batch`; a refusal leaves the lease standing."
    )


class ActivationDeclineParams(ChangeParams):
    """End an activation without a contribution."""

    activation: ActivationNumber
    token: Token
    reason: Reason = ""


class ActivationFailParams(ChangeParams):
    """Report that the attempt failed."""

    activation: ActivationNumber
    token: Token
    error: str = Field(description="What went wrong, for people.")
    retryable: bool = Field(default=True, description="Whether another attempt can succeed.")


class ActivationCancelParams(ChangeParams):
    """Drop a pending or leased activation for good."""

    activation: ActivationNumber
    reason: Reason = ""


class ActivationRetryParams(ChangeParams):
    """Revive a dead letter."""

    activation: ActivationNumber


class ActivationOfferedParams(Message):
    """An activation offered to this agent. The offer is the lease."""

    board: BoardName
    activation: Number = Field(description="Number of the activation.")
    token: Number = Field(description="Fencing token, to be shown with every act under this lease.")
    agent: str = Field(description="To whom it is offered.")
    source: str = Field(description="Knowledge source that is to run.")
    variables: Items[str] = Field(description="Names of the trigger's variables, one per entry.")
    entries: Items[EntryView] = Field(description="The bound entries, as they stand, without links.")
    attempt: Number = Field(description="1 for the first attempt.")
    lease_ms: Milliseconds = Field(description="Term of the lease without renewal.")
    accept_ms: Milliseconds = Field(description="How long the offer waits for its acceptance.")
    timeout_ms: Milliseconds = Field(description="Longest run, renewals included.")


class ActivationWithdrawnParams(Message):
    """A lease ended without its holder's doing: drop the work."""

    board: BoardName
    activation: Number = Field(description="Number of the activation.")
    token: Number = Field(description="Token of the lease that ended.")
    agent: str = Field(description="Who held it.")
    reason: Reason


class BindingView(Message):
    """What one variable of the trigger is bound to."""

    variable: str | None = Field(default=None, description="Name of the variable, where it is known.")
    entry: Number = Field(description="Number of the bound entry.")
    version: Number = Field(description="Version of its data.")


class RatingTermView(Message):
    """One term of a rating."""

    name: str = Field(description="What it measures.")
    value: float = Field(description="Its value, usually 0 to 1.")
    weight: int = Field(description="How much it counts.")


class LeaseView(Message):
    """Who works on an activation."""

    agent: str = Field(description="The holder.")
    granted_ms: Milliseconds = Field(description="When it was granted, milliseconds since 1970 (UTC).")
    lease_ms: Milliseconds = Field(description="Its term without renewal.")


class ActivationView(Message):
    """An activation on the agenda."""

    id: Number = Field(description="Number on its board.")
    source: str = Field(description="Name of the source.")
    state: ActivationState = Field(description="Where it is in its life-cycle.")
    bindings: Items[BindingView] = Field(description="Bound entries, in the order of the trigger's patterns.")
    rating: float = Field(description="Current rating; the greatest goes first.")
    terms: Items[RatingTermView] = Field(default=(), description="What the rating is made of.")
    attempts: int = Field(description="Leases granted so far.")
    lease: LeaseView | None = Field(default=None, description="The live lease, while leased.")
    ready_ms: Milliseconds | None = Field(default=None, description="Not retried before, while backing off.")
    reason: str = Field(default="", description="Why it is where it is, in words.")
    waits_for: str = Field(default="", description="What has to happen before it runs; empty if nothing.")


class AgendaListParams(Message):
    """Ask for the agenda, in the order in which activations would run."""

    board: BoardName
    state: ActivationState | None = Field(default=None, description="Only activations in this state.")
    limit: LimitParam = 1_000


class AgendaListResult(Message):
    """Activations: those that can run first, best first, then the others by number."""

    activations: Items[ActivationView] = Field(description="The activations.")
    revision: Revision = Field(description="Revision of the board at which they were read.")
