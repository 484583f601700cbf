"""`var`, comparisons and operators: what is recorded, and which mistakes are found at import."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from blackboard.authoring import any_of, between, has, not_, one_of, prefix, suffix, var
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.authoring.lowering import lower
from blackboard.authoring.record import as_condition, as_variable
from blackboard.core.errors import BlackboardError
from blackboard.core.fact import to_data


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Author(BaseModel):
    name: str
    age: int | None = None


class Spike(Hypothesis, level="symptom"):
    service: str
    ratio: float = Field(ge=0, title="How much worse")
    count: int = 0
    open: bool = False
    kind: Literal["slow", "failing"] = "slow"
    colour: Colour = Colour.RED
    author: Author | None = None
    tags: list[str] = []
    scores: list[float] = []
    labels: dict[str, str] = {}
    seen: datetime | None = None
    title: str = ""


class Deploy(Hypothesis, level="signal"):
    service: str
    at: float = 0


X: Any = var(Spike)
Y: Any = var(Deploy)


def lowered(condition: object) -> Any:
    return to_data(lower(as_condition(condition), as_variable(X), {as_variable(X): "x", as_variable(Y): "y"}))


@pytest.mark.parametrize(
    ("condition", "path", "op", "value"),
    [
        (X.ratio >= 3, "/ratio", ">=", 3),
        (3 < X.ratio, "/ratio", ">", 3),  # noqa: SIM300
        (X.ratio < 1.5, "/ratio", "<", 1.5),
        (X.count != 2, "/count", "!=", 2),
        (X.service == "pay", "/service", "==", "pay"),
        ("pay" == X.service, "/service", "==", "pay"),  # noqa: SIM300
        (X.author.name == "sam", "/author/name", "==", "sam"),
        (X.author.age == None, "/author/age", "==", None),  # noqa: E711
        (X.tags[0] == "a", "/tags/0", "==", "a"),
        (X.labels["a/b~c"] == "d", "/labels/a~1b~0c", "==", "d"),
        (X.open, "/open", "==", True),
        (X.kind == "slow", "/kind", "==", "slow"),
        (X.colour == Colour.BLUE, "/colour", "==", "blue"),
        (X.title > "a", "/title", ">", "a"),
        (one_of(X.kind, ("slow", "failing")), "/kind", "one_of", ["slow", "failing"]),
        (between(X.ratio, 1, 2), "/ratio", "between", [1, 2]),
        (has(X.tags, "a"), "/tags", "has", "a"),
        (prefix(X.service, "p"), "/service", "prefix", "p"),
        (suffix(X.service, "y"), "/service", "suffix", "y"),
    ],
)
def test_comparison_becomes_the_core_condition(condition: object, path: str, op: str, value: object) -> None:
    """Each operator lowers to a path, an operator and a constant."""
    assert {"value": None, **lowered(condition)} == {"is": "compare", "path": path, "op": op, "value": value}


def test_field_of_another_entry_is_named_by_its_variable() -> None:
    expected = {
        "is": "compare",
        "path": "/service",
        "op": "==",
        "field": {"variable": "y", "path": "/service"},
    }
    assert lowered(X.service == Y.service) == expected
    assert lowered(Y.service == X.service) == expected


def test_ordering_is_mirrored_when_the_tested_entry_stands_right() -> None:
    assert lowered(Y.at <= X.ratio)["op"] == ">="


def test_alternatives_and_negation_nest() -> None:
    data = lowered(any_of(X.ratio > 1, not_(X.open)))
    assert data["is"] == "any_of"
    assert data["conditions"][1]["is"] == "not"


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: X.ratoi, "did you mean 'ratio'?"),
    (lambda: X.author.nmae, "did you mean 'name'?"),
    (lambda: X.zzz, "there is service, ratio"),
    (lambda: X.service.startswith("p"), "use prefix"),
    (lambda: X.ratio >= "3", "the field is number, the constant is string"),
    (lambda: X.service == 3, "the field is string, the constant is number"),
    (lambda: X.open == 1, "the field is boolean"),
    (lambda: X.service == Y.at, "compares string with number"),
    (lambda: X.ratio > X.count, "both belong to one entry"),
    (lambda: X.ratio > math.inf, "finite"),
    (lambda: X.ratio == object(), "no JSON form"),
    (lambda: X.ratio == Y, "field such as X.name"),
    (lambda: X.kind == "slwo", "did you mean 'slow'?"),
    (lambda: one_of(X.kind, ["slow", "failin"]), "did you mean 'failing'?"),
    (lambda: one_of(X.service, "pay"), "list of strings"),
    (lambda: X.open > False, "have an order"),
    (lambda: X.seen > "2026", "seconds as a float"),
    (lambda: has(X.ratio, 3), "not an array"),
    (lambda: prefix(X.ratio, "3"), "never holds"),
    (lambda: between("3", "1", "2"), "expected a field"),
    (any_of, "at least one"),
    (lambda: X.tags[-1], "count from the start"),
    (lambda: X.ratio > 1 and X.ratio < 2, "list conditions with commas"),
    (lambda: X.ratio > 1 or X.ratio < 2, "any_of"),
    (lambda: not X.open, "not_"),
    (lambda: 1 < X.ratio < 2, "between"),
    (lambda: (X.ratio > 1) & (X.ratio < 2), "commas"),
    (lambda: (X.ratio > 1) | (X.ratio < 2), "any_of"),
    (lambda: ~(X.ratio > 1), "not_"),
    (lambda: "a" in X.tags, "has(field, value)"),
    (lambda: list(X.tags), "cannot be iterated"),
    (lambda: X.ratio - 1 > 2, "compute in the handler"),
    (lambda: as_condition(True), "nothing was recorded"),
    (lambda: as_condition(X.ratio), "constant is boolean"),
    (lambda: as_variable(Spike), "var(Model)"),
    (lambda: lowered(Y.at > 3), "its own variable"),
    (
        lambda: lower(as_condition(X.service == Y.service), as_variable(X), {as_variable(X): "x"}),
        "which no on(...) binds",
    ),
]


@pytest.mark.parametrize(("write", "advice"), MISTAKES)
def test_mistake_is_found_at_import_with_the_fix_named(write: Callable[[], object], advice: str) -> None:
    with pytest.raises(BlackboardError) as caught:
        write()
    assert caught.value.code == "invalid_source"
    assert advice in caught.value.message


def test_unknown_field_reads_as_missing_attribute() -> None:
    """`hasattr` and private probes of tools keep working."""
    assert not hasattr(X, "ratoi")
    assert not hasattr(X, "_private")
    assert not hasattr(X.ratio, "__wrapped__")
    assert repr(X) == "var(Spike)"
    assert len({X.ratio, X.count}) == 2
