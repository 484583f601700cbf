"""Triggers: what is refused and why, how they read, and what makes two of them the same."""

from __future__ import annotations

import msgspec
import pytest

from blackboard.core.errors import Rejected
from blackboard.core.fact import from_data, to_data
from blackboard.core.limits import DEFAULT_LIMITS, Limits
from blackboard.core.trigger import Pattern, Trigger, check_trigger, describe, trigger_hash
from tests.scenarios.language import parse_trigger

LIMITS: Limits = msgspec.structs.replace(
    DEFAULT_LIMITS, patterns_per_trigger_max=3, conditions_per_trigger_max=2
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no pattern and no signal"),
        ("absent a:A", "no pattern and no signal"),
        ("a:A b:B exists c:C absent d:D", "more than 3 patterns"),
        ("a:A(/x == 1, /y == 1, /z == 1)", "3 conditions; at most 2"),
        ("a:A(/x == 1 or /y == 1 or /z == 1)", "3 conditions; at most 2"),
        ("a:A(not /x == 1, /y == 1, /z == 1)", "3 conditions; at most 2"),
        ("a:A a:B", "'a' is bound twice"),
        ("a:A exists a:B", "'a' is bound twice"),
        ("1:A", "'1' is not a plain name"),
        ("a:A(/x == a./y)", "pattern 'a' compares with variable 'a'; other variables here: none"),
        ("a:A(/x == b./y)", "pattern 'a' compares with variable 'b'"),
        ("a:A(/x == c./y) exists c:C", "pattern 'a' compares with variable 'c'"),
        ("a:A exists c:C absent d:D(/x == c./x)", "other variables here: a"),
        ("a:A(x == 1)", "not a JSON Pointer"),
        ("a:A(belief >= 2)", "min_belief of 'a'"),
        ("a:A(confidence >= -1)", "min_confidence of 'a'"),
    ],
)
def test_malformed_trigger_is_refused(text: str, message: str) -> None:
    """The message names the pattern and what is wrong with it."""
    with pytest.raises(Rejected, match=message):
        check_trigger(parse_trigger(text), limits=LIMITS)


def test_pointer_of_the_other_field_is_checked() -> None:
    """A field of another variable needs a JSON Pointer too."""
    data = {
        "patterns": [
            {"variable": "a", "type": "A"},
            {
                "variable": "b",
                "type": "B",
                "conditions": [
                    {"is": "compare", "path": "/x", "op": "==", "field": {"variable": "a", "path": "y"}}
                ],
            },
        ]
    }
    with pytest.raises(Rejected, match="path 'y' is not a JSON Pointer"):
        check_trigger(from_data(data, Trigger), limits=LIMITS)


def test_empty_group_is_refused() -> None:
    """A group without a pattern would hold, or forbid, always."""
    trigger = Trigger(patterns=(Pattern(variable="a", type="A"),), exists=((),))
    with pytest.raises(Rejected, match="an empty exists or absent group"):
        check_trigger(trigger, limits=LIMITS)


@pytest.mark.parametrize(
    "text", ["a:A", "quiescent", "quiescent a:A", "a:A b:B(/x == a./x)", "a:A exists b:B(/x == a./x)&c:C"]
)
def test_well_formed_trigger_passes(text: str) -> None:
    """A signal may stand alone, and a group may name the bound variables and its own."""
    check_trigger(parse_trigger(text), limits=LIMITS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:A", "A"),
        ("quiescent", "board quiescent"),
        ("quiescent a:A", "board quiescent and A"),
        ("a:A(/x >= 3) b:B(/y/z == a./x)", "A(x >= 3) and B(y.z == a.x)"),
        (
            'a:A(/s prefix "p", confidence >= 0.6, belief >= 0.5)',
            'A(s prefix "p", confidence >= 0.6, belief >= 0.5)',
        ),
        ("a:A exists b:B&c:C absent d:D", "A and some B and C and no D"),
        ("a:A(/x == 1 or /y == true, not /z == null)", "A((x == 1 or y == true), not z == null)"),
    ],
)
def test_trigger_in_words(text: str, words: str) -> None:
    """As people read it in listings and events."""
    assert describe(parse_trigger(text)) == words


def test_hash_depends_on_the_content_alone() -> None:
    """Equal triggers hash alike after a round trip; any difference tells them apart."""
    texts = [
        "a:A",
        "b:A",
        "a:B",
        "a:A(/x == 1)",
        "a:A(/x == true)",
        "a:A(/x != 1)",
        "a:A(belief >= 0.5)",
        "a:A(confidence >= 0.5)",
        "a:A exists b:B",
        "a:A absent b:B",
        "quiescent a:A",
        "a:A b:B",
        "b:B a:A",
    ]
    hashes = [trigger_hash(parse_trigger(text)) for text in texts]
    assert len(set(hashes)) == len(texts)
    for text, expected in zip(texts, hashes, strict=True):
        assert trigger_hash(from_data(to_data(parse_trigger(text)), Trigger)) == expected


def test_saying_a_default_does_not_change_the_hash() -> None:
    """Two declarations that compare equal fire the same instantiations."""
    brief = from_data({"patterns": [{"variable": "a", "type": "T"}]}, Trigger)
    wordy = from_data(
        {
            "patterns": [
                {"variable": "a", "type": "T", "conditions": [], "min_confidence": 0.0, "min_belief": 0.0}
            ],
            "absent": [],
            "signal": None,
        },
        Trigger,
    )
    assert brief == wordy
    assert trigger_hash(brief) == trigger_hash(wordy)
