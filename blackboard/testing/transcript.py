"""Transcripts: a board's log as lines that people review and tests compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from blackboard.core.fact import to_data
from blackboard.core.record import Record
from blackboard.core.values import canonical, is_object

__all__ = ["transcript"]

_LEFT_OUT = {"event", "types", "schema", "trigger"}


def transcript(records: Iterable[Record]) -> str:
    """Return one line per record: revision, time in milliseconds, event, and its fields.

    Declarations are shortened to their name, so that a transcript shows what happened.
    """
    return "".join(f"{line}\n" for line in _lines(records))


def _lines(records: Iterable[Record]) -> Iterator[str]:
    for record in records:
        fields: dict[str, Any] = to_data(record.event)
        shown = " ".join(f"{name}={_short(value)}" for name, value in fields.items() if name not in _LEFT_OUT)
        yield f"{record.revision:>4} {record.time_ms:>6} {fields['event']} {shown}".rstrip()


def _short(value: Any) -> str:
    if is_object(value) and "name" in value:
        return str(value["name"])
    return value if isinstance(value, str) and value.isidentifier() else canonical(value).decode()
