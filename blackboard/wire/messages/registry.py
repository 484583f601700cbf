"""Every method and notification of the protocol, as data; docs/protocol.md shows the same tables."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from blackboard.wire.messages.activation import (
    ActivationAcceptParams,
    ActivationCancelParams,
    ActivationCompleteParams,
    ActivationDeclineParams,
    ActivationFailParams,
    ActivationOfferedParams,
    ActivationRenewParams,
    ActivationRetryParams,
    ActivationWithdrawnParams,
    AgendaListParams,
    AgendaListResult,
)
from blackboard.wire.messages.base import ChangeResult, Empty, Method, Notification
from blackboard.wire.messages.board import (
    BoardCancelParams,
    BoardChangedParams,
    BoardConfigureParams,
    BoardGetParams,
    BoardHashParams,
    BoardHashResult,
    BoardListParams,
    BoardListResult,
    BoardLogParams,
    BoardLogResult,
    BoardLostParams,
    BoardOpenParams,
    BoardPauseParams,
    BoardResumeParams,
    BoardUnwatchParams,
    BoardView,
    BoardWatchParams,
    BoardWatchResult,
    TypeDefineParams,
    TypeListParams,
    TypeListResult,
)
from blackboard.wire.messages.entry import (
    EntryBatchParams,
    EntryGetParams,
    EntryGetResult,
    EntryJudgeParams,
    EntryLinkParams,
    EntryListParams,
    EntryListResult,
    EntryPostParams,
    EntryRetractParams,
    EntryReviseParams,
    EntryWhyParams,
    EntryWhyResult,
)
from blackboard.wire.messages.session import (
    HelloParams,
    HelloResult,
    PingParams,
    TokenIssueParams,
    TokenIssueResult,
)
from blackboard.wire.messages.source import (
    AgentCreditsParams,
    AgentListParams,
    AgentListResult,
    SourceListParams,
    SourceListResult,
    SourceRegisterParams,
    SourceRegisterResult,
    SourceUnregisterParams,
)

__all__ = ["COMMON_ERRORS", "METHODS", "NOTIFICATIONS"]

COMMON_ERRORS: Final = (
    "parse_error",
    "invalid_request",
    "unknown_method",
    "invalid_params",
    "hello_required",
    "forbidden",
    "limit_exceeded",
    "too_busy",
    "shutting_down",
    "storage_full",
    "storage_failed",
    "internal_error",
)
"""Codes that any request may get."""

_CHANGE: Final = ("unknown_board", "board_ended", "board_closing", "id_conflict")
_LEASE: Final = ("unknown_activation", "stale_token")

METHODS: Final = MappingProxyType(
    {
        "session.hello": Method(
            HelloParams,
            HelloResult,
            changes=False,
            doc="Open the session; the first message of every connection.",
            errors=("invalid_request", "unauthorized"),
        ),
        "session.ping": Method(PingParams, Empty, changes=False, doc="Ask whether the server answers."),
        "board.open": Method(
            BoardOpenParams,
            ChangeResult,
            changes=True,
            doc="Open a board, with its settings and types.",
            errors=("board_exists", "id_conflict", "invalid_schema", "type_conflict", "unknown_level"),
        ),
        "board.list": Method(BoardListParams, BoardListResult, changes=False, doc="List the boards."),
        "board.get": Method(
            BoardGetParams,
            BoardView,
            changes=False,
            doc="Read one board: status, settings, answer.",
            errors=("unknown_board",),
        ),
        "board.pause": Method(
            BoardPauseParams,
            ChangeResult,
            changes=True,
            doc="Grant no leases until the board is resumed.",
            errors=(*_CHANGE, "illegal_move"),
        ),
        "board.resume": Method(
            BoardResumeParams,
            ChangeResult,
            changes=True,
            doc="Undo a pause.",
            errors=(*_CHANGE, "illegal_move"),
        ),
        "board.cancel": Method(
            BoardCancelParams,
            ChangeResult,
            changes=True,
            doc="End the board by a person's word.",
            errors=_CHANGE,
        ),
        "board.configure": Method(
            BoardConfigureParams,
            ChangeResult,
            changes=True,
            doc="Replace the settings while the board runs.",
            errors=(*_CHANGE, "unknown_level"),
        ),
        "board.watch": Method(
            BoardWatchParams,
            BoardWatchResult,
            changes=False,
            doc="Subscribe to the changes of a board, from any revision.",
            errors=("unknown_board", "gone"),
        ),
        "board.unwatch": Method(BoardUnwatchParams, Empty, changes=False, doc="End a subscription."),
        "board.log": Method(
            BoardLogParams,
            BoardLogResult,
            changes=False,
            doc="Read the stored log, for export and verification.",
            errors=("unknown_board", "gone"),
        ),
        "board.hash": Method(
            BoardHashParams,
            BoardHashResult,
            changes=False,
            doc="Read the hashes of state and log.",
            errors=("unknown_board",),
        ),
        "type.define": Method(
            TypeDefineParams,
            ChangeResult,
            changes=True,
            doc="Make an entry type known.",
            errors=(*_CHANGE, "invalid_schema", "type_conflict", "unknown_level"),
        ),
        "type.list": Method(
            TypeListParams,
            TypeListResult,
            changes=False,
            doc="List the entry types of a board.",
            errors=("unknown_board",),
        ),
        "entry.post": Method(
            EntryPostParams,
            ChangeResult,
            changes=True,
            doc="Post a hypothesis or partial result.",
            errors=(
                *_CHANGE,
                "unknown_type",
                "schema_violation",
                "unknown_entry",
                "identity_conflict",
                "link_conflict",
                *_LEASE,
            ),
        ),
        "entry.revise": Method(
            EntryReviseParams,
            ChangeResult,
            changes=True,
            doc="Replace an entry's data or claim, if its version is still present.",
            errors=(
                *_CHANGE,
                "unknown_entry",
                "version_conflict",
                "schema_violation",
                "identity_conflict",
                "illegal_move",
                "not_the_owner",
                *_LEASE,
            ),
        ),
        "entry.link": Method(
            EntryLinkParams,
            ChangeResult,
            changes=True,
            doc="Link two entries; `supports` and `refutes` are evidence.",
            errors=(*_CHANGE, "unknown_entry", "link_conflict", *_LEASE),
        ),
        "entry.judge": Method(
            EntryJudgeParams,
            ChangeResult,
            changes=True,
            doc="Accept, reject or reopen an entry.",
            errors=(*_CHANGE, "unknown_entry", "illegal_move", *_LEASE),
        ),
        "entry.retract": Method(
            EntryRetractParams,
            ChangeResult,
            changes=True,
            doc="Take an entry, or one's own claims on it, back.",
            errors=(*_CHANGE, "unknown_entry", "illegal_move", "not_the_owner", *_LEASE),
        ),
        "entry.batch": Method(
            EntryBatchParams,
            ChangeResult,
            changes=True,
            doc="Carry out several changes of entries, all or none.",
            errors=(
                *_CHANGE,
                "unknown_type",
                "schema_violation",
                "unknown_entry",
                "version_conflict",
                "identity_conflict",
                "illegal_move",
                "link_conflict",
                "not_the_owner",
                *_LEASE,
            ),
        ),
        "entry.get": Method(
            EntryGetParams,
            EntryGetResult,
            changes=False,
            doc="Read one entry with its links.",
            errors=("unknown_board", "unknown_entry"),
        ),
        "entry.list": Method(
            EntryListParams,
            EntryListResult,
            changes=False,
            doc="Read entries, ascending, page by page.",
            errors=("unknown_board",),
        ),
        "entry.why": Method(
            EntryWhyParams,
            EntryWhyResult,
            changes=False,
            doc="Read what an entry rests on, and what speaks for and against it.",
            errors=("unknown_board", "unknown_entry"),
        ),
        "source.register": Method(
            SourceRegisterParams,
            SourceRegisterResult,
            changes=False,
            doc="Declare a source and become a worker of it.",
            errors=("invalid_trigger", "invalid_schema", "type_conflict", "source_conflict", "unknown_board"),
        ),
        "source.unregister": Method(
            SourceUnregisterParams,
            Empty,
            changes=False,
            doc="Stop working for a source.",
            errors=("unknown_source",),
        ),
        "source.list": Method(
            SourceListParams,
            SourceListResult,
            changes=False,
            doc="List the sources.",
            errors=("unknown_board",),
        ),
        "agent.credits": Method(
            AgentCreditsParams,
            Empty,
            changes=False,
            doc="Say how many activations this connection takes at a time.",
        ),
        "agent.list": Method(AgentListParams, AgentListResult, changes=False, doc="List the agents."),
        "activation.accept": Method(
            ActivationAcceptParams,
            Empty,
            changes=False,
            doc="Take on an offered activation.",
            errors=("unknown_board", *_LEASE),
        ),
        "activation.renew": Method(
            ActivationRenewParams,
            Empty,
            changes=False,
            doc="Give the lease its full term again.",
            errors=("unknown_board", *_LEASE),
        ),
        "activation.complete": Method(
            ActivationCompleteParams,
            ChangeResult,
            changes=True,
            doc="End an activation with its contributions, in one commit.",
            errors=(
                "unknown_board",
                "id_conflict",
                "unknown_type",
                "schema_violation",
                "unknown_entry",
                "version_conflict",
                "identity_conflict",
                "illegal_move",
                "link_conflict",
                "not_the_owner",
                *_LEASE,
            ),
        ),
        "activation.decline": Method(
            ActivationDeclineParams,
            ChangeResult,
            changes=True,
            doc="End an activation without a contribution.",
            errors=("unknown_board", "id_conflict", *_LEASE),
        ),
        "activation.fail": Method(
            ActivationFailParams,
            ChangeResult,
            changes=True,
            doc="Report that the attempt failed.",
            errors=("unknown_board", "id_conflict", *_LEASE),
        ),
        "activation.cancel": Method(
            ActivationCancelParams,
            ChangeResult,
            changes=True,
            doc="Drop an activation for good.",
            errors=(*_CHANGE, "unknown_activation", "illegal_move"),
        ),
        "activation.retry": Method(
            ActivationRetryParams,
            ChangeResult,
            changes=True,
            doc="Revive a dead letter.",
            errors=(*_CHANGE, "unknown_activation", "illegal_move"),
        ),
        "agenda.list": Method(
            AgendaListParams,
            AgendaListResult,
            changes=False,
            doc="Read the agenda, and what each activation waits for.",
            errors=("unknown_board",),
        ),
        "token.issue": Method(
            TokenIssueParams,
            TokenIssueResult,
            changes=False,
            doc="Make a token for someone else.",
        ),
    }
)
"""What a client may ask. Whatever changes a board takes a `command_id` and answers `ChangeResult`."""

NOTIFICATIONS: Final = MappingProxyType(
    {
        "board.changed": Notification(BoardChangedParams, doc="One commit of a watched board."),
        "board.lost": Notification(BoardLostParams, doc="A subscription ended on the server's side."),
        "activation.offered": Notification(
            ActivationOfferedParams, doc="An activation is offered to this agent; the offer is the lease."
        ),
        "activation.withdrawn": Notification(
            ActivationWithdrawnParams, doc="A lease ended without its holder's doing."
        ),
    }
)
"""What the server says unasked."""
