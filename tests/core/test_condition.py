"""Conditions: every operator on every kind of value, and how conditions compose."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.core.condition import AnyOf, Compare, Field, Not, evaluate, variables_of

DATA = {"n": 3, "f": 3.0, "s": "payment", "t": True, "z": None, "l": [1, "a", True], "o": {"k": 1}}

CASES: list[tuple[str, str, Any, bool]] = [
    ("/n", "==", 3, True),
    ("/n", "==", 3.0, True),
    ("/n", "==", "3", False),
    ("/t", "==", True, True),
    ("/t", "==", 1, False),
    ("/z", "==", None, True),
    ("/l", "==", [1, "a", True], True),
    ("/n", "!=", 4, True),
    ("/n", "!=", 3, False),
    ("/t", "!=", 1, True),
    ("/n", "<", 4, True),
    ("/n", "<", 3, False),
    ("/n", "<=", 3, True),
    ("/n", ">", 2.5, True),
    ("/n", ">=", 3.5, False),
    ("/n", ">", "2", False),
    ("/t", ">", 0, False),
    ("/z", "<", 1, False),
    ("/s", "<", "q", True),
    ("/s", ">=", "q", False),
    ("/n", "one_of", [1, 3], True),
    ("/n", "one_of", ["3"], False),
    ("/t", "one_of", [1], False),
    ("/n", "one_of", 3, False),
    ("/n", "between", [3, 4], True),
    ("/n", "between", [2, 3], True),
    ("/n", "between", [4, 9], False),
    ("/s", "between", ["a", "z"], True),
    ("/n", "between", ["a", "z"], False),
    ("/n", "between", [1], False),
    ("/n", "between", 3, False),
    ("/l", "has", "a", True),
    ("/l", "has", 2, False),
    ("/l", "has", True, True),
    ("/s", "has", "pay", True),
    ("/s", "has", 1, False),
    ("/o", "has", "k", True),
    ("/o", "has", 1, False),
    ("/n", "has", 3, False),
    ("/s", "prefix", "pay", True),
    ("/s", "prefix", "ment", False),
    ("/s", "prefix", 1, False),
    ("/n", "prefix", "3", False),
    ("/s", "suffix", "ment", True),
    ("/s", "suffix", "pay", False),
    ("/n", "suffix", "3", False),
    ("/o/k", "==", 1, True),
    ("/l/1", "==", "a", True),
]


@pytest.mark.parametrize(("path", "op", "value", "holds"), CASES)
def test_operator(path: str, op: Any, value: object, holds: bool) -> None:
    """A comparison of unlike types is false, never an error."""
    assert evaluate(Compare(path=path, op=op, value=value), DATA, {}) is holds


@pytest.mark.parametrize("op", ["==", "!=", "<", "one_of", "has"])
def test_missing_field_satisfies_no_comparison(op: Any) -> None:
    """Not even `!=`; its negation holds."""
    condition = Compare(path="/missing", op=op, value=None)
    assert not evaluate(condition, DATA, {})
    assert evaluate(Not(condition=condition), DATA, {})


def test_field_of_another_variable() -> None:
    """It is compared if that variable is bound and has the field."""
    condition = Compare(path="/n", op="==", field=Field(variable="other", path="/m"))
    assert evaluate(condition, DATA, {"other": {"m": 3}})
    assert not evaluate(condition, DATA, {"other": {"m": 4}})
    assert not evaluate(condition, DATA, {"other": {}})
    assert not evaluate(condition, DATA, {})


def test_any_of_and_not_compose() -> None:
    """One of them, none of them; and their variables in order of appearance."""
    first = Compare(path="/n", op="==", field=Field(variable="a", path="/n"))
    second = Compare(path="/s", op="==", value="payment")
    either = AnyOf(conditions=(first, second, Not(condition=first)))
    assert evaluate(either, DATA, {"a": {"n": 9}})
    assert evaluate(AnyOf(conditions=(first,)), DATA, {"a": {"n": 3}})
    assert not evaluate(AnyOf(conditions=()), DATA, {})
    assert variables_of(either) == ("a", "a")
    assert variables_of(second) == ()
