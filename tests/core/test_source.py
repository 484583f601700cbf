"""Declarations of knowledge sources: what is refused, and what makes a trigger the same."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.core.entry_type import EntryType
from blackboard.core.errors import Rejected
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.source import SourceDeclaration, check_source
from tests.scenarios.language import parse_trigger

TRIGGER = parse_trigger("a:A")


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"name": ""}, "invalid_params", "source name ''"),
        ({"name": "x" * 201}, "invalid_params", "expected 1 to 200 chars"),
        ({"rating": 1.5}, "invalid_params", "rating of source 's'"),
        ({"timeout_ms": 0}, "invalid_params", "timeout_ms must be at least 1"),
        ({"lease_ms": 0}, "invalid_params", "lease_ms must be at least 1"),
        ({"accept_ms": 0}, "invalid_params", "accept_ms must be at least 1"),
        ({"attempts_max": 0}, "invalid_params", "attempts_max must be at least 1"),
        ({"backoff_ms": -1}, "invalid_params", "backoff_ms must not be negative"),
        ({"concurrency_max": -1}, "invalid_params", "concurrency_max must not be negative"),
        ({"trigger": parse_trigger("")}, "invalid_trigger", "no pattern"),
        ({"types": (EntryType(name="A", level="", schema={}),)}, "invalid_schema", "level"),
    ],
)
def test_malformed_declaration_is_refused(changes: dict[str, Any], code: str, message: str) -> None:
    """The message names the source and the setting."""
    fields: dict[str, Any] = {"name": "s", "trigger": TRIGGER} | changes
    with pytest.raises(Rejected, match=message) as caught:
        check_source(SourceDeclaration(**fields), limits=DEFAULT_LIMITS)
    assert caught.value.code == code


def test_trigger_hash_ignores_all_but_the_trigger() -> None:
    """Editing the handler's code or a rating keeps the identity of a trigger."""
    one = SourceDeclaration(name="s", trigger=TRIGGER)
    two = SourceDeclaration(name="t", trigger=parse_trigger("a:A"), rating=0.1, code_version="2")
    check_source(one, limits=DEFAULT_LIMITS)
    assert one.trigger_hash == two.trigger_hash
    assert one.trigger_hash != SourceDeclaration(name="s", trigger=parse_trigger("b:A")).trigger_hash
