"""Triggers that can never match are found; those that can are left in peace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.core.condition import AnyOf, Compare, Condition, Field, Not, evaluate
from blackboard.core.contradiction import contradictions, only_one
from blackboard.core.trigger import Pattern, Trigger


def on(op: str, value: object) -> Compare:
    return Compare("/x", op, value)  # type: ignore[arg-type]


def trigger(*conditions: Condition) -> Trigger:
    return Trigger(patterns=(Pattern("a", "T", conditions),))


NEVER = [
    ([on("==", 1), on("==", 2)], "T: x == 1 and x == 2 never holds"),
    ([on("==", "a"), on("!=", "a")], 'T: x == "a" and x != "a" never holds'),
    ([on(">", 5), on("<", 3)], "T: x > 5 and x < 3 never holds"),
    ([on(">", 5), on("<=", 5)], "T: x > 5 and x <= 5 never holds"),
    ([on(">=", 5), on("<=", 5), on("!=", 5)], "T: x >= 5 and x <= 5 and x != 5 never holds"),
    ([on("between", [1, 2]), on(">", 2)], "T: x between [1,2] and x > 2 never holds"),
    ([on("between", [2, 1])], "T: x between [2,1] never holds"),
    ([on("between", [1])], "T: x between [1] never holds"),
    ([on(">", True)], "T: x > true never holds"),
    ([on("one_of", [1, 2]), on(">", 2)], "T: x one_of [1,2] and x > 2 never holds"),
    ([on("one_of", [])], "T: x one_of [] never holds"),
    ([on("one_of", ["a"]), on("one_of", ["b"])], 'T: x one_of ["a"] and x one_of ["b"] never holds'),
    ([on("==", 1), on("==", True)], "T: x == 1 and x == true never holds"),
    ([on(">", 1), on("<", "z")], 'T: x > 1 and x < "z" never holds'),
    ([on("prefix", "a"), on("prefix", "b")], 'T: x prefix "a" and x prefix "b" never holds'),
    ([on("suffix", "ab"), on("suffix", "cb")], 'T: x suffix "ab" and x suffix "cb" never holds'),
    ([on("prefix", "a"), on(">", 3)], 'T: x prefix "a" and x > 3 never holds'),
    ([on("prefix", "a"), on("==", "b")], 'T: x prefix "a" and x == "b" never holds'),
    ([on("has", 1), on("==", [2])], "T: x has 1 and x == [2] never holds"),
    (
        [AnyOf((on("==", 1), on("==", 2))), on(">", 3)],
        "T: x == 1 and x > 3 or x == 2 and x > 3 never holds",
    ),
]


@pytest.mark.parametrize(("conditions", "said"), NEVER)
def test_contradiction_is_found(conditions: list[Condition], said: str) -> None:
    assert contradictions(trigger(*conditions)) == (said,)


POSSIBLE = [
    [],
    [on("==", 1), on("==", 1.0)],
    [on(">", 3), on("<", 5), on("!=", 4)],
    [on(">=", 5), on("<=", 5)],
    [on("prefix", "a"), on("prefix", "ab"), on("suffix", "b"), on(">", "a")],
    [on("one_of", [1, 2]), on("!=", 1)],
    [AnyOf((on("==", 1), on("==", 5))), on(">", 3)],
    [AnyOf((on("==", 1), Compare("/y", "==", 2))), on(">", 3)],
    [Not(on("==", 1)), on("==", 1.5)],
    [on("==", 1), Compare("/y", "==", 2)],
    [on("has", 1), on("has", 2)],
]


@pytest.mark.parametrize("conditions", POSSIBLE)
def test_what_can_match_is_left_in_peace(conditions: list[Condition]) -> None:
    assert contradictions(trigger(*conditions)) == ()


def join(*tests: tuple[str, str, str]) -> Trigger:
    """Two patterns; each test is the variable it stands with, the operator and the other's path."""
    conditions: dict[str, list[Condition]] = {"a": [], "b": []}
    for variable, op, path in tests:
        other = "b" if variable == "a" else "a"
        conditions[variable].append(Compare("/x", op, field=Field(other, path)))  # type: ignore[arg-type]
    return Trigger(patterns=tuple(Pattern(name, "T", tuple(each)) for name, each in conditions.items()))


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ([("a", "<", "/x"), ("a", ">", "/x")], "a.x < b.x and a.x > b.x never holds"),
        ([("a", "<", "/x"), ("b", "<", "/x")], "a.x < b.x and b.x < a.x never holds"),
        ([("a", "==", "/x"), ("b", ">", "/x")], "a.x == b.x and b.x > a.x never holds"),
    ],
)
def test_contradictory_joins_are_found(tests: list[tuple[str, str, str]], said: str) -> None:
    assert contradictions(join(*tests)) == (said,)


@pytest.mark.parametrize(
    "tests",
    [
        [("a", "<=", "/x"), ("a", ">=", "/x")],
        [("a", "<", "/x"), ("b", ">", "/x")],
        [("a", "<", "/x"), ("a", ">", "/y")],
        [("a", "!=", "/x"), ("b", "<", "/x")],
    ],
)
def test_joins_that_can_hold_are_left_in_peace(tests: list[tuple[str, str, str]]) -> None:
    assert contradictions(join(*tests)) == ()


def test_demanding_what_is_forbidden_is_found() -> None:
    wide, narrow = Pattern("n", "T"), Pattern("s", "T", (on(">", 1),))
    both = Trigger(patterns=(Pattern("a", "U"),), exists=((narrow,),), absent=((wide,),))
    assert contradictions(both) == ("it demands T(x > 1) and forbids T",)
    apart = Trigger(patterns=(Pattern("a", "U"),), exists=((wide,),), absent=((narrow,),))
    assert contradictions(apart) == ()


def test_absence_of_what_is_bound_means_that_it_is_the_only_one() -> None:
    """Patterns bind distinct entries, so it is no contradiction."""
    bound, same = Pattern("a", "T", (on(">", 1),)), Pattern("n", "T", (on(">", 1),))
    alone = Trigger(patterns=(bound,), absent=((same,),))
    assert (contradictions(alone), only_one(alone)) == ((), ("T(x > 1)",))
    assert only_one(Trigger(patterns=(Pattern("a", "T"),), absent=((same,),))) == ()


def test_too_many_alternatives_are_not_multiplied_out() -> None:
    either = AnyOf(tuple(on("==", n) for n in range(20)))
    assert contradictions(trigger(either, either, on("==", "a"))) == ()


CONSTANTS = st.one_of(st.integers(0, 3), st.sampled_from(["", "a", "ab", "b"]), st.booleans())
COMPARES = st.one_of(
    st.builds(on, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "has", "prefix", "suffix"]), CONSTANTS),
    st.builds(on, st.sampled_from(["one_of", "between"]), st.lists(CONSTANTS, max_size=2)),
)
CONDITIONS = st.one_of(
    COMPARES,
    st.builds(Not, COMPARES),
    st.builds(lambda each: AnyOf(tuple(each)), st.lists(COMPARES, min_size=1, max_size=2)),
)


@given(st.lists(CONDITIONS, max_size=4), st.one_of(CONSTANTS, st.floats(0, 3), st.lists(CONSTANTS)))
def test_no_data_ever_meets_what_is_called_a_contradiction(
    conditions: list[Condition], value: object
) -> None:
    """It is sound: whatever matches is not accused."""
    if all(evaluate(each, {"x": value}, {}) for each in conditions):
        assert contradictions(trigger(*conditions)) == ()
