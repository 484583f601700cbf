"""Settings and completion conditions: what is refused."""

from __future__ import annotations

import pytest

from blackboard.core.completion import (
    OUTCOMES,
    AllOf,
    Deadline,
    Goal,
    Quiescent,
    Settings,
    Spent,
    check_settings,
)
from blackboard.core.condition import Compare, Field
from blackboard.core.errors import Rejected
from blackboard.core.trigger import Pattern

BAD_PATH = Pattern(variable="g", type="T", conditions=(Compare(path="x", op="==", value=1),))
JOINED = Pattern(
    variable="g", type="T", conditions=(Compare(path="/x", op="==", field=Field(variable="h", path="/x")),)
)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(parallelism=-1), "must not be negative"),
        (Settings(grace_ms=-1), "must not be negative"),
        (Settings(minimum_rating=1.1), "minimum_rating is 1.1"),
        (Settings(levels=("a", "b", "a")), "name one twice"),
        (Settings(completion=(Deadline(after_ms=0),)), "deadline of 0: expected 1 or more"),
        (Settings(completion=(Spent(activations=0),)), "spent of 0: expected 1 or more"),
        (Settings(completion=(AllOf(conditions=()),)), "all_of needs at least one"),
        (Settings(completion=(AllOf(conditions=(Spent(activations=-1),)),)), "spent of -1"),
        (Settings(completion=(Goal(pattern=BAD_PATH),)), "path 'x' is not a JSON Pointer"),
        (Settings(completion=(Goal(pattern=JOINED),)), "other variables here: none"),
        (Settings(answer=BAD_PATH), "path 'x' is not a JSON Pointer"),
        (Settings(answer=Pattern(variable="a", type="T", min_belief=7)), "min_belief of 'a'"),
    ],
)
def test_malformed_settings_are_refused(settings: Settings, message: str) -> None:
    """Before they could do harm when an entry is judged by them."""
    with pytest.raises(Rejected, match=message):
        check_settings(settings)


def test_well_formed_settings_pass() -> None:
    """All conditions compose."""
    goal = Goal(pattern=Pattern(variable="g", type="T", min_belief=0.5))
    every = AllOf(conditions=(goal, Quiescent(), Deadline(after_ms=1), Spent(activations=1)))
    check_settings(Settings(completion=(every, goal), levels=("a", "b"), answer=goal.pattern))
    assert OUTCOMES == ("solved", "quiescent", "exhausted", "failed", "cancelled")
