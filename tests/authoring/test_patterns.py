"""`when`, `on`, `absent`, `exists`, `quiescent` and the trigger that they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from blackboard.authoring import absent, exists, goal, on, quiescent, var, when
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.core.errors import BlackboardError
from blackboard.core.fact import from_data, to_data
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.trigger import Pattern, Trigger, check_trigger, describe, trigger_hash


class Deploy(Hypothesis, level="signal"):
    service: str
    version: str


class ErrorSpike(Hypothesis, level="symptom"):
    service: str
    ratio: float


class Cause(Hypothesis, level="cause"):
    service: str
    version: str


DEPLOY, SPIKE, CAUSE = var(Deploy), var(ErrorSpike), var(Cause)
whatever: Any = when


def test_clauses_become_a_trigger_that_reads_in_words() -> None:
    condition = when(
        on(SPIKE, SPIKE.ratio >= 3, min_confidence=0.6),
        on(DEPLOY, DEPLOY.service == SPIKE.service),
        absent(CAUSE, CAUSE.service == SPIKE.service, CAUSE.version == DEPLOY.version, min_belief=0.5),
        exists(on(CAUSE), on(DEPLOY2, DEPLOY2.version == CAUSE.version)),
        quiescent(),
    )
    trigger = condition.trigger(["spike", "deploy"])
    check_trigger(trigger, limits=DEFAULT_LIMITS)
    assert describe(trigger) == (
        "board quiescent and ErrorSpike(ratio >= 3, confidence >= 0.6) "
        "and Deploy(service == spike.service) "
        "and some Cause and Deploy(version == cause.version) "
        "and no Cause(service == spike.service, version == deploy.version, belief >= 0.5)"
    )
    assert condition.models == (ErrorSpike, Deploy)
    assert condition.mentioned == (ErrorSpike, Deploy, Cause)


DEPLOY2 = var(Deploy)


def test_variables_are_named_after_models_by_default_and_stay_distinct() -> None:
    trigger = when(on(SPIKE), on(DEPLOY), on(DEPLOY2), absent(CAUSE)).trigger()
    assert [each.variable for each in trigger.patterns] == ["error_spike", "deploy", "deploy_2"]
    assert trigger.absent[0][0].variable == "cause"


def test_a_condition_may_read_an_entry_that_is_bound_later() -> None:
    trigger = when(on(SPIKE, SPIKE.service == DEPLOY.service), on(DEPLOY)).trigger()
    check_trigger(trigger, limits=DEFAULT_LIMITS)


def test_equal_triggers_have_one_hash_however_they_are_written() -> None:
    plain = Trigger(patterns=(Pattern(variable="cause", type="Cause"),))
    assert trigger_hash(when(on(CAUSE)).trigger()) == trigger_hash(plain)
    explicit = when(on(CAUSE, min_confidence=0, min_belief=0.0)).trigger()
    assert trigger_hash(explicit) == trigger_hash(plain)
    whole = when(on(CAUSE, min_belief=1)).trigger()
    assert trigger_hash(whole) == trigger_hash(from_data(to_data(whole), Trigger))


def test_goal_is_a_completion_condition() -> None:
    condition = goal(CAUSE, CAUSE.service == "pay", min_belief=0.8)
    assert to_data(condition) == {
        "is": "goal",
        "pattern": {
            "variable": "cause",
            "type": "Cause",
            "conditions": ({"is": "compare", "path": "/service", "op": "==", "value": "pay"},),
            "min_belief": 0.8,
        },
    }
    with pytest.raises(BlackboardError, match="no on"):
        goal(CAUSE, CAUSE.service == DEPLOY.service)


@pytest.mark.parametrize(
    ("write", "advice"),
    [
        (lambda: whatever(absent(CAUSE), on(SPIKE)), "on(...) clauses first"),
        (lambda: whatever(SPIKE), "on(...) clauses first"),
        (lambda: whatever(absent(CAUSE)), "at least one on(...)"),
        (lambda: when(on(SPIKE), on(SPIKE)).trigger(), "second var()"),
        (lambda: when(on(SPIKE), absent(SPIKE)).trigger(), "second var()"),
        (
            lambda: when(on(SPIKE, SPIKE.service == CAUSE.service), absent(CAUSE)).trigger(),
            "no on(...) binds",
        ),
        (lambda: when(on(SPIKE, DEPLOY.version == "1"), on(DEPLOY)).trigger(), "its own variable"),
        (lambda: on(SPIKE, min_belief=60), "from 0 to 1"),
        (lambda: on(SPIKE, min_confidence=float("nan")), "from 0 to 1"),
        (lambda: absent(on(SPIKE), SPIKE.ratio > 3), "move it into an on"),  # type: ignore[arg-type, call-overload, unused-ignore]
    ],
)
def test_clause_in_the_wrong_place_is_refused(write: Callable[[], object], advice: str) -> None:
    with pytest.raises(BlackboardError) as caught:
        write()
    assert caught.value.code == "invalid_source"
    assert advice in caught.value.message
