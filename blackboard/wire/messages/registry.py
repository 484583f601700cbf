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

__all__ = ["METHODS", "NOTIFICATIONS"]

METHODS: Final = MappingProxyType(
    {
        "session.hello": Method(
            HelloParams,
            HelloResult,
            changes=False,
            doc="Open the session; the first message of every connection.",
        ),
        "session.ping": Method(PingParams, Empty, changes=False, doc="Ask whether the server answers."),
        "board.open": Method(
            BoardOpenParams, ChangeResult, changes=True, doc="Open a board, with its settings and types."
        ),
        "board.list": Method(BoardListParams, BoardListResult, changes=False, doc="List the boards."),
        "board.get": Method(
            BoardGetParams, BoardView, changes=False, doc="Read one board: status, settings, answer."
        ),
        "board.pause": Method(
            BoardPauseParams, ChangeResult, changes=True, doc="Grant no leases until the board is resumed."
        ),
        "board.resume": Method(BoardResumeParams, ChangeResult, changes=True, doc="Undo a pause."),
        "board.cancel": Method(
            BoardCancelParams, ChangeResult, changes=True, doc="End the board by a person's word."
        ),
        "board.configure": Method(
            BoardConfigureParams, ChangeResult, changes=True, doc="Replace the settings while the board runs."
        ),
        "board.watch": Method(
            BoardWatchParams,
            BoardWatchResult,
            changes=False,
            doc="Subscribe to the changes of a board, from any revision.",
        ),
        "board.unwatch": Method(BoardUnwatchParams, Empty, changes=False, doc="End a subscription."),
        "board.log": Method(
            BoardLogParams,
            BoardLogResult,
            changes=False,
            doc="Read the stored log, for export and verification.",
        ),
        "board.hash": Method(
            BoardHashParams, BoardHashResult, changes=False, doc="Read the hashes of state and log."
        ),
        "type.define": Method(TypeDefineParams, ChangeResult, changes=True, doc="Make an entry type known."),
        "type.list": Method(
            TypeListParams, TypeListResult, changes=False, doc="List the entry types of a board."
        ),
        "entry.post": Method(
            EntryPostParams, ChangeResult, changes=True, doc="Post a hypothesis or partial result."
        ),
        "entry.revise": Method(
            EntryReviseParams,
            ChangeResult,
            changes=True,
            doc="Replace an entry's data or claim, if its version is still present.",
        ),
        "entry.link": Method(
            EntryLinkParams,
            ChangeResult,
            changes=True,
            doc="Link two entries; `supports` and `refutes` are evidence.",
        ),
        "entry.judge": Method(
            EntryJudgeParams, ChangeResult, changes=True, doc="Accept, reject or reopen an entry."
        ),
        "entry.retract": Method(
            EntryRetractParams,
            ChangeResult,
            changes=True,
            doc="Take an entry, or one's own claims on it, back.",
        ),
        "entry.batch": Method(
            EntryBatchParams,
            ChangeResult,
            changes=True,
            doc="Carry out several changes of entries, all or none.",
        ),
        "entry.get": Method(
            EntryGetParams, EntryGetResult, changes=False, doc="Read one entry with its links."
        ),
        "entry.list": Method(
            EntryListParams, EntryListResult, changes=False, doc="Read entries, ascending, page by page."
        ),
        "entry.why": Method(
            EntryWhyParams,
            EntryWhyResult,
            changes=False,
            doc="Read what an entry rests on, and what speaks for and against it.",
        ),
        "source.register": Method(
            SourceRegisterParams,
            SourceRegisterResult,
            changes=False,
            doc="Declare a source and become a worker of it.",
        ),
        "source.unregister": Method(
            SourceUnregisterParams, Empty, changes=False, doc="Stop working for a source."
        ),
        "source.list": Method(SourceListParams, SourceListResult, changes=False, doc="List the sources."),
        "agent.credits": Method(
            AgentCreditsParams,
            Empty,
            changes=False,
            doc="Say how many activations this connection takes at a time.",
        ),
        "agent.list": Method(AgentListParams, AgentListResult, changes=False, doc="List the agents."),
        "activation.accept": Method(
            ActivationAcceptParams, Empty, changes=False, doc="Take on an offered activation."
        ),
        "activation.renew": Method(
            ActivationRenewParams, Empty, changes=False, doc="Give the lease its full term again."
        ),
        "activation.complete": Method(
            ActivationCompleteParams,
            ChangeResult,
            changes=True,
            doc="End an activation with its contributions, in one commit.",
        ),
        "activation.decline": Method(
            ActivationDeclineParams,
            ChangeResult,
            changes=True,
            doc="End an activation without a contribution.",
        ),
        "activation.fail": Method(
            ActivationFailParams, ChangeResult, changes=True, doc="Report that the attempt failed."
        ),
        "activation.cancel": Method(
            ActivationCancelParams, ChangeResult, changes=True, doc="Drop an activation for good."
        ),
        "activation.retry": Method(
            ActivationRetryParams, ChangeResult, changes=True, doc="Revive a dead letter."
        ),
        "agenda.list": Method(
            AgendaListParams,
            AgendaListResult,
            changes=False,
            doc="Read the agenda, and what each activation waits for.",
        ),
        "token.issue": Method(
            TokenIssueParams, TokenIssueResult, changes=False, doc="Make a token for someone else."
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
