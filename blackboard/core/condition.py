"""Conditions: tests on one entry's data, as data.

A condition compares what a JSON Pointer leads to with a constant, or with a field of an entry that
another pattern binds. There are no regular expressions and no code: whoever sends a trigger cannot make
the server do unbounded work. `any_of` and `not_` compose. A missing field satisfies no comparison, not
even `!=`; so `not (x == 1)` and `x != 1` differ exactly on entries without `x`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

from blackboard.core.fact import Fact
from blackboard.core.values import MISSING, Data, is_array, is_object, pointer_get, pointer_parts

__all__ = [
    "OPERATORS",
    "AnyOf",
    "Compare",
    "Condition",
    "Field",
    "Not",
    "Operator",
    "evaluate",
    "variables_of",
]

Operator: TypeAlias = Literal[
    "==", "!=", "<", "<=", ">", ">=", "one_of", "between", "has", "prefix", "suffix"
]


class Field(Fact):
    """A field of the entry that another pattern of the same trigger binds.

    Args:
        variable: Name of that pattern's variable.
        path: JSON Pointer into its data.
    """

    variable: str
    path: str


class Compare(Fact, tag="compare", tag_field="is"):
    """`path op value`, where `value` is a JSON constant or, if `field` is given, that field.

    `one_of` takes an array, `between` an array `[low, high]` (both included), `has` tests that the
    array (or string, or object) at `path` contains the value.
    """

    path: str
    op: Operator
    value: Any = None
    field: Field | None = None


class AnyOf(Fact, tag="any_of", tag_field="is"):
    """True if at least one of `conditions` is."""

    conditions: tuple["Condition", ...]


class Not(Fact, tag="not", tag_field="is"):
    """True if `condition` is not."""

    condition: "Condition"


Condition: TypeAlias = Compare | AnyOf | Not


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparable(left: object, right: object) -> bool:
    if type(left) is type(right) is int:  # the most frequent case, at a third of the cost
        return True
    return (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))


def _equal(left: object, right: object) -> bool:
    """JSON equality: `true` is not `1`."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _one_of(left: object, right: object) -> bool:
    return is_array(right) and any(_equal(left, item) for item in right)


def _between(left: Any, right: Any) -> bool:
    if not is_array(right) or len(right) != 2:  # noqa: PLR2004 - low and high
        return False
    low, high = right
    return _comparable(left, low) and _comparable(left, high) and bool(low <= left <= high)


def _has(left: object, right: object) -> bool:
    if is_array(left):
        return any(_equal(item, right) for item in left)
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return is_object(left) and isinstance(right, str) and right in left


OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": lambda left, right: _comparable(left, right) and left < right,
    "<=": lambda left, right: _comparable(left, right) and left <= right,
    ">": lambda left, right: _comparable(left, right) and left > right,
    ">=": lambda left, right: _comparable(left, right) and left >= right,
    "one_of": _one_of,
    "between": _between,
    "has": _has,
    "prefix": lambda left, right: isinstance(left, str) and isinstance(right, str) and left.startswith(right),
    "suffix": lambda left, right: isinstance(left, str) and isinstance(right, str) and left.endswith(right),
}
"""What each operator means; a comparison of unlike types is false, never an error."""

assert set(OPERATORS) == set(get_args(Operator))


def evaluate(condition: Condition, data: Data, bound: Mapping[str, Data]) -> bool:
    """Tell whether `condition` holds for an entry with `data`, given the data of bound variables.

    A comparison with a field of a variable that is not in `bound` is false.
    """
    match condition:
        case Compare():
            return _compare(condition, data, bound)
        case AnyOf():
            return any(evaluate(each, data, bound) for each in condition.conditions)
        case Not():
            return not evaluate(condition.condition, data, bound)


def _compare(condition: Compare, data: Data, bound: Mapping[str, Data]) -> bool:
    left = pointer_get(data, pointer_parts(condition.path))
    if left is MISSING:
        return False
    right = condition.value
    if condition.field is not None:
        other = bound.get(condition.field.variable)
        if other is None:
            return False
        right = pointer_get(other, pointer_parts(condition.field.path))
        if right is MISSING:
            return False
    return OPERATORS[condition.op](left, right)


def variables_of(condition: Condition) -> tuple[str, ...]:
    """Return the variables whose fields `condition` reads, in order of appearance."""
    match condition:
        case Compare():
            return () if condition.field is None else (condition.field.variable,)
        case AnyOf():
            return tuple(name for each in condition.conditions for name in variables_of(each))
        case Not():
            return variables_of(condition.condition)
