"""Judging commands to control: sources, agents, leases, pausing and ending.

Each function returns the facts to record or raises `Rejected`, and changes nothing. Completion is judged by
the engine, because contributions and the end of the activation are one decision.
"""

from __future__ import annotations

from blackboard.core import commands as cm
from blackboard.core import events as ev
from blackboard.core.activation import PENDING
from blackboard.core.board import next_board_status
from blackboard.core.completion import Settings, check_settings
from blackboard.core.decide import define_type
from blackboard.core.errors import Rejected
from blackboard.core.source import check_source
from blackboard_control.control import Control
from blackboard_control.rating import check_weights
from blackboard_control.recovery import retry_at
from blackboard_control.strategy import strategy_named

__all__ = ["ControlCommand", "check_run", "enable_source", "judge_control"]

ControlCommand = (
    cm.ChangeSettings
    | cm.DisableSource
    | cm.AttachAgent
    | cm.DetachAgent
    | cm.DeclineActivation
    | cm.FailActivation
    | cm.ExpireLease
    | cm.CancelActivation
    | cm.RetryActivation
    | cm.PauseBoard
    | cm.ResumeBoard
    | cm.CancelBoard
)


def judge_control(
    control: Control, command: ControlCommand, principal: cm.Principal, *, now_ms: int
) -> list[ev.Event]:
    """Judge one command to control.

    Raises:
        Rejected: Why not.
    """
    board = control.board
    match command:
        case cm.ChangeSettings(settings=settings):
            check_run(settings)
            return [] if settings == board.settings else [ev.SettingsChanged(settings=settings)]
        case cm.DisableSource(source=name):
            source = control.roster.sources.get(name)
            if source is None:
                raise Rejected("unknown_source", f"no source {name!r} on board {board.id!r}")
            return [ev.SourceDisabled(source=name)] if source.is_enabled else []
        case cm.AttachAgent():
            return _attach(control, command)
        case cm.DetachAgent(agent=agent):
            return [ev.AgentDetached(agent=agent)] if agent in control.roster.agents else []
        case cm.DeclineActivation(activation=number, token=token, reason=reason):
            control.leased_under(number, token, principal)
            return [
                ev.ActivationExecuted(
                    activation=number, token=token, declined=True, reason=_text(control, reason)
                )
            ]
        case cm.FailActivation():
            return _fail(control, command, principal, now_ms)
        case cm.ExpireLease():
            return _expire(control, command, principal, now_ms)
        case cm.CancelActivation(activation=number, reason=reason):
            activation = control.activation(number)
            if activation.state not in PENDING and activation.state != "leased":
                raise Rejected("illegal_move", f"activation {number} is {activation.state} already")
            return [
                ev.ActivationCancelled(
                    activation=number, author=principal.name, reason=_text(control, reason)
                )
            ]
        case cm.RetryActivation(activation=number):
            activation = control.activation(number)
            if activation.state != "dead":
                raise Rejected(
                    "illegal_move", f"activation {number} is {activation.state}; only dead letters retry"
                )
            control.check_bindings(activation)
            return [ev.ActivationRetried(activation=number, author=principal.name)]
        case cm.PauseBoard(reason=reason):
            next_board_status(board.status, "pause")
            return [ev.BoardPaused(author=principal.name, reason=_text(control, reason))]
        case cm.ResumeBoard():
            next_board_status(board.status, "resume")
            return [ev.BoardResumed(author=principal.name)]
        case cm.CancelBoard(reason=reason):
            next_board_status(board.status, "close")
            why = f"cancelled by {principal.name}" + (f": {_text(control, reason)}" if reason else "")
            return [
                ev.BoardClosing(outcome="cancelled", reason=why, until_ms=now_ms + board.settings.grace_ms)
            ]


def check_run(settings: Settings) -> None:
    """Check the settings of a run, with all that they name in control.

    Raises:
        Rejected: `invalid_params` or `invalid_trigger`, naming the setting.
    """
    check_settings(settings)
    strategy_named(settings.strategy)
    check_weights(settings.weights)


def enable_source(control: Control, command: cm.EnableSource) -> list[ev.Event]:
    """Judge the declaration of a source, and the types that it brings.

    Raises:
        Rejected: `source_conflict` if another trigger has that name, or what `check_source` and
            `define_type` refuse.
    """
    board, declaration = control.board, command.source
    known = control.roster.sources.get(declaration.name)
    if known is None and len(control.roster.sources) >= board.limits.sources_per_board_max:
        raise Rejected("limit_exceeded", f"the board has {len(control.roster.sources)} sources already")
    if known is not None and known.is_enabled and known.declaration == declaration:
        return []
    check_source(declaration, limits=board.limits)
    if known is not None and known.trigger_hash != declaration.trigger_hash and not command.replace:
        raise Rejected(
            "source_conflict",
            f"source {declaration.name!r} is registered with another trigger; pass replace to supersede it",
        )
    events: list[ev.Event] = []
    for definition in declaration.types:
        events += define_type(board, definition)
    return [*events, ev.SourceEnabled(source=declaration)]


def _attach(control: Control, command: cm.AttachAgent) -> list[ev.Event]:
    limits, agents = control.board.limits, control.roster.agents
    if not 0 <= command.credits <= limits.credits_max:
        raise Rejected("invalid_params", f"credits {command.credits}: expected 0 to {limits.credits_max}")
    known = agents.get(command.agent)
    if known is None and len(agents) >= limits.agents_per_board_max:
        raise Rejected("limit_exceeded", f"the board has {len(agents)} agents already")
    if known is not None and (known.sources, known.credits) == (command.sources, command.credits):
        return []
    return [ev.AgentAttached(agent=command.agent, sources=command.sources, credits=command.credits)]


def _fail(
    control: Control, command: cm.FailActivation, principal: cm.Principal, now_ms: int
) -> list[ev.Event]:
    activation = control.leased_under(command.activation, command.token, principal)
    declaration = control.roster.sources[activation.source].declaration
    retry_ms = retry_at(declaration, activation.attempts, now_ms=now_ms, retryable=command.retryable)
    return [
        ev.ActivationFailed(
            activation=activation.id,
            token=command.token,
            error=_text(control, command.error),
            retry_ms=retry_ms,
        )
    ]


def _expire(
    control: Control, command: cm.ExpireLease, principal: cm.Principal, now_ms: int
) -> list[ev.Event]:
    activation = control.leased_under(command.activation, command.token, principal)
    declaration = control.roster.sources[activation.source].declaration
    attempts = activation.attempts if command.accepted else 0
    retry_ms = retry_at(declaration, attempts, now_ms=now_ms, wait=False)
    return [
        ev.LeaseExpired(
            activation=activation.id, token=command.token, accepted=command.accepted, retry_ms=retry_ms
        )
    ]


def _text(control: Control, text: str) -> str:
    return text[: control.board.limits.text_chars_max]
