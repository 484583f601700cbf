"""Messages about boards: opening, steering, watching, exporting; and about entry types."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from blackboard.core.completion import Outcome, Settings
from blackboard.core.entry_type import EntryType
from blackboard.core.events import Event
from blackboard.core.record import Origin
from blackboard.wire.messages.base import (
    AsCore,
    BoardName,
    ChangeParams,
    FractionNumber,
    Items,
    LimitParam,
    Message,
    Milliseconds,
    Number,
    Reason,
    Revision,
)

__all__ = [
    "BoardCancelParams",
    "BoardChangedParams",
    "BoardConfigureParams",
    "BoardGetParams",
    "BoardHashParams",
    "BoardHashResult",
    "BoardListParams",
    "BoardListResult",
    "BoardLogParams",
    "BoardLogResult",
    "BoardLostParams",
    "BoardOpenParams",
    "BoardPauseParams",
    "BoardResumeParams",
    "BoardSummary",
    "BoardUnwatchParams",
    "BoardView",
    "BoardWatchParams",
    "BoardWatchResult",
    "LogRow",
    "RecordView",
    "Subscription",
    "TypeDefineParams",
    "TypeListParams",
    "TypeListResult",
]

SettingsField: TypeAlias = Annotated[Settings, AsCore("Settings")]
TypeField: TypeAlias = Annotated[EntryType, AsCore("EntryType")]
Subscription: TypeAlias = Annotated[
    Number, Field(description="Number of the subscription, unique on this connection.")
]
BoardStatusWord: TypeAlias = Literal["open", "paused", "closing", "ended"]


class BoardOpenParams(ChangeParams):
    """Open a board."""

    goal: str = Field(default="", description="What is to be found out, in words.")
    settings: SettingsField = Field(default_factory=Settings, description="How it is run.")
    types: Items[TypeField] = Field(default=(), description="Entry types to define at once.")
    paused: bool = Field(
        default=False,
        description="Open it paused, so that the whole problem can be posted before anyone acts on it.",
    )
    exist_ok: bool = Field(
        default=False, description="If the board exists already, leave it as it is, and succeed."
    )


class BoardPauseParams(ChangeParams):
    """Grant no leases until the board is resumed; running ones go on."""

    reason: Reason = ""


class BoardResumeParams(ChangeParams):
    """Undo a pause."""


class BoardCancelParams(ChangeParams):
    """End the board by a person's word."""

    reason: Reason = ""


class BoardConfigureParams(ChangeParams):
    """Replace the settings while the board runs."""

    settings: SettingsField = Field(description="The new settings, whole.")


class BoardListParams(Message):
    """Ask for all boards."""


class BoardSummary(Message):
    """One board in a list."""

    board: BoardName
    goal: str = Field(description="What is to be found out, in words.")
    status: BoardStatusWord = Field(description="Where it is in its life-cycle.")
    revision: Revision = Field(description="Its latest revision.")
    entries: Revision = Field(description="How many entries it has.")
    outcome: Outcome | None = Field(default=None, description="How it ended; left out until then.")


class BoardListResult(Message):
    """The boards that this principal may know of, by name."""

    boards: Items[BoardSummary] = Field(description="One row per board.")


class BoardGetParams(Message):
    """Ask for one board."""

    board: BoardName


class BoardView(BoardSummary):
    """One board."""

    settings: SettingsField = Field(description="How it is run.")
    types: Items[str] = Field(description="Names of its entry types.")
    sources: Items[str] = Field(description="Names of the sources enabled on it.")
    opened_ms: Milliseconds = Field(description="When it was opened, milliseconds since 1970 (UTC).")
    reason: str | None = Field(default=None, description="Why it ended, is closing or is paused, in words.")
    answer: Items[Number] = Field(description="The best answer so far: entry numbers, likeliest first.")


class BoardHashParams(Message):
    """Ask for the hashes that prove equality of two boards."""

    board: BoardName


class BoardHashResult(Message):
    """Two boards with equal hashes at the same revision are the same."""

    revision: Revision = Field(description="Revision at which the hashes were taken.")
    state: str = Field(description="Hash of the state (SHA-256, hexadecimal).")
    chain: str = Field(description="Hash of the latest commit, which covers the whole log.")


class BoardWatchParams(Message):
    """Subscribe to the changes of a board."""

    board: BoardName
    after: Revision | None = Field(
        default=None,
        description=(
            "Give every change after this revision, ascending, each once, then go on live without a seam. "
            "0 is the whole history. Left out: only what comes from now on."
        ),
    )
    types: Items[str] | None = Field(
        default=None,
        description="Of the events that concern one entry, only those of entries of these types.",
    )


class BoardWatchResult(Message):
    """The subscription stands; `board.changed` notifications follow."""

    subscription: Subscription
    revision: Revision = Field(
        description="Latest durable revision at that moment; catching up is over once `last` reaches it."
    )


class BoardUnwatchParams(Message):
    """End a subscription; a notification already on its way may still arrive."""

    subscription: Subscription


class RecordView(Message):
    """One event at one revision."""

    revision: Revision = Field(description="Revision of the board that this event made.")
    event: Annotated[Event, AsCore("Event")] = Field(description="What happened.")
    origin: Annotated[Origin | None, AsCore("Origin")] = Field(
        default=None, description="Who caused it; on the last record of what one request caused."
    )


class BoardChangedParams(Message):
    """One commit of a watched board; commits are delivered whole and in order."""

    subscription: Subscription
    board: BoardName
    first: Revision = Field(description="First revision of the commit, even if the filter left it out.")
    last: Revision = Field(
        description="Last revision of the commit, even if the filter left it out; pass as `after` to resume."
    )
    time_ms: Milliseconds = Field(description="Engine time of the commit, milliseconds since 1970 (UTC).")
    records: Items[RecordView] = Field(description="The events that pass the subscription's filter.")
    beliefs: dict[str, FractionNumber] | None = Field(
        default=None,
        description="New belief of each entry whose belief changed, by its number as text; only when live.",
    )


class BoardLostParams(Message):
    """The subscription ended on the server's side."""

    subscription: Subscription
    code: str = Field(description="Code of the error table: `gone` or `too_busy`.")
    advice: str = Field(description="What to do about it.")


class BoardLogParams(Message):
    """Read the stored log, for export and verification."""

    board: BoardName
    after: Revision = Field(default=0, description="Only rows with greater revisions.")
    limit: LimitParam = 1_000


class LogRow(Message):
    """One stored record, byte for byte."""

    revision: Number = Field(description="Revision of the record.")
    time_ms: Milliseconds = Field(description="Engine time of its commit.")
    body: str = Field(description="JSON text of the record without the author's data; the chain covers it.")
    data: str | None = Field(default=None, description="JSON text of the author's data, where there is any.")
    salt: str | None = Field(default=None, description="Salt of the data's commitment, hexadecimal.")
    commit: str | None = Field(
        default=None, description="Hash of the commit, on its last row; each covers its predecessor's."
    )


class BoardLogResult(Message):
    """Rows of the log, ascending, commits unsplit."""

    rows: Items[LogRow] = Field(description="The rows.")
    next: Revision | None = Field(default=None, description="Pass as `after` for more; left out at the end.")


class TypeDefineParams(ChangeParams):
    """Make an entry type known; repeating an equal definition changes nothing."""

    type: TypeField = Field(description="The type.")


class TypeListParams(Message):
    """Ask for the entry types of a board."""

    board: BoardName


class TypeListResult(Message):
    """The entry types of a board, in order of definition."""

    types: Items[TypeField] = Field(description="The types.")
