"""The log leaves defaults out, so a changed default would change what old logs mean.

Whoever changes one on purpose raises `LOGIC_VERSION`, teaches the reader what the former version meant, and
pins the new table here.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from blackboard.core import completion, condition, trigger
from blackboard.core.entry_type import EntryType
from blackboard.core.events import LOGIC_VERSION, Event
from blackboard.core.source import SourceDeclaration
from blackboard.core.values import canonical, digest

PINNED = {1: "7651a43dad4b772ae1454c0384c4c6c205a1f90f33f1e7f3b1341a471d115ba3"}

LOGGED: tuple[type[Any], ...] = (
    *get_args(Event),
    *get_args(completion.Completion),
    *get_args(condition.Condition),
    completion.Settings,
    EntryType,
    SourceDeclaration,
    trigger.Pattern,
    trigger.Trigger,
)


def defaults_of(kind: type[Any]) -> dict[str, Any]:
    """Return what each optional field of a logged fact means where it is left out."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.default is not msgspec.NODEFAULT:
            found[field.name] = msgspec.to_builtins(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.name] = msgspec.to_builtins(field.default_factory())
    return found


def test_defaults_of_what_is_logged_belong_to_the_logic_version() -> None:
    """A default that changes without a new logic version would rewrite history."""
    table = {kind.__name__: defaults_of(kind) for kind in LOGGED}
    assert table["SourceDeclaration"]["attempts_max"] == 3
    assert PINNED[LOGIC_VERSION] == digest(canonical(table))
