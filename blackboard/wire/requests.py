"""From the params of a request to what the engine and the server work with.

Requests that are one command are read straight into it: `msgspec` is three times as fast on `entry.post` as
the documented model (docs/performance.md), and the result is the command itself. The models in `messages`
remain the definition; a test mutates messages and checks that both accept and refuse the same. All other
requests are read by their model. Ranges of numbers (fractions, times) are judged with the board.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from blackboard.core.commands import (
    ApplyBatch,
    CancelActivation,
    CancelBoard,
    ChangeSettings,
    Command,
    CompleteActivation,
    DeclineActivation,
    DefineType,
    FailActivation,
    JudgeEntry,
    LinkEntries,
    PauseBoard,
    PostEntry,
    ResumeBoard,
    RetractEntry,
    RetryActivation,
    ReviseEntry,
)
from blackboard.core.errors import Rejected
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.wire.envelope import shown
from blackboard.wire.messages import METHODS, Message

__all__ = ["COMMANDS", "Change", "read_change", "read_params"]

COMMANDS: Final = MappingProxyType(
    {
        "board.pause": PauseBoard,
        "board.resume": ResumeBoard,
        "board.cancel": CancelBoard,
        "board.configure": ChangeSettings,
        "type.define": DefineType,
        "entry.post": PostEntry,
        "entry.revise": ReviseEntry,
        "entry.link": LinkEntries,
        "entry.judge": JudgeEntry,
        "entry.retract": RetractEntry,
        "entry.batch": ApplyBatch,
        "activation.complete": CompleteActivation,
        "activation.decline": DeclineActivation,
        "activation.fail": FailActivation,
        "activation.cancel": CancelActivation,
        "activation.retry": RetryActivation,
    }
)
"""Methods whose params are a board, a `command_id` and the fields of one command."""

_NAME_CHARS_MAX: Final = DEFAULT_LIMITS.name_chars_max


class Change(msgspec.Struct, frozen=True):
    """A request to change a board: which one, how, and the key for a repeat."""

    board: str
    command: Command
    command_id: str | None


def read_change(method: str, params: dict[str, Any]) -> Change:
    """Read the params of a method in `COMMANDS`; `params` is used up.

    Raises:
        Rejected: `invalid_params`, naming the parameter.
    """
    board = params.pop("board", None)
    if type(board) is not str or not 0 < len(board) <= _NAME_CHARS_MAX:
        raise Rejected("invalid_params", f"{method}: board is {shown(board)}; expected the name of a board")
    command_id = params.pop("command_id", None)
    if command_id is not None and (type(command_id) is not str or not 0 < len(command_id) <= _NAME_CHARS_MAX):
        raise Rejected(
            "invalid_params",
            f"{method}: command_id is {shown(command_id)}; expected 1 to {_NAME_CHARS_MAX} characters",
        )
    if "do" in params:
        raise Rejected("invalid_params", f"{method}: unknown parameter 'do'; the method says what to do")
    try:
        command = msgspec.convert(params, COMMANDS[method], strict=True)
    except msgspec.ValidationError as error:
        raise Rejected("invalid_params", f"{method}: {error}") from error
    return Change(board, command, command_id)


def read_params(method: str, params: dict[str, Any]) -> Message:
    """Read the params of any method into its documented model.

    Raises:
        Rejected: `unknown_method`, or `invalid_params` naming the parameter.
    """
    row = METHODS.get(method)
    if row is None:
        raise Rejected("unknown_method", f"there is no method {shown(method)}; {_nearest(method)}")
    try:
        return row.params.model_validate(params)
    except ValidationError as error:
        raise Rejected("invalid_params", f"{method}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, fault["loc"])) or "params"
    if fault["type"] == "extra_forbidden":
        return f"unknown parameter {place[:_NAME_CHARS_MAX]!r}"
    if fault["type"] == "missing":
        return f"parameter {place!r} is missing"
    return f"{place}: {fault['msg']}; got {shown(fault['input'])}"


def _nearest(method: str) -> str:
    noun = method.partition(".")[0]
    beside = [name for name in METHODS if name.partition(".")[0] == noun]
    if beside:
        return f"of {noun} there are {', '.join(beside)}"
    nouns = dict.fromkeys(name.partition(".")[0] for name in METHODS)
    return f"methods start with {', '.join(nouns)}"
