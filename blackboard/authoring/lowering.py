"""From recorded conditions to the core's: the one place where variables get their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from blackboard.authoring.record import Comparison, Either, Field, Negation, Place, Recorded, Variable
from blackboard.core import condition as core
from blackboard.core.condition import Operator
from blackboard.core.errors import BlackboardError

__all__ = ["lower"]


def lower(recorded: Recorded, variable: Variable, names: Mapping[Variable, str]) -> core.Condition:
    """Return the core's condition on the entry bound to `variable`; `names` are the variables in scope.

    Raises:
        BlackboardError: `invalid_source` if the condition is about another entry, or reads an unbound one.
    """
    match recorded:
        case Either(conditions=conditions):
            return core.AnyOf(conditions=tuple(lower(each, variable, names) for each in conditions))
        case Negation(condition=condition):
            return core.Not(condition=lower(condition, variable, names))
        case Comparison():
            return _lower_comparison(recorded, variable, names)
        case _:
            raise AssertionError(f"a kind of condition without a lowering: {recorded!r}")


_MIRRORED: Final[Mapping[Operator, Operator]] = {
    "==": "==",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}


def _lower_comparison(
    comparison: Comparison, variable: Variable, names: Mapping[Variable, str]
) -> core.Compare:
    left, op, right = comparison.left.__place__, comparison.op, comparison.right
    if not isinstance(right, Field):
        if left.variable is not variable:
            raise _misplaced(comparison, variable)
        return core.Compare(path=_pointer(left), op=op, value=right)
    other = right.__place__
    if left.variable is not variable:
        if other.variable is not variable:
            raise _misplaced(comparison, variable)
        left, op, other = other, _MIRRORED[op], left
    if other.variable not in names:
        raise BlackboardError(
            "invalid_source",
            f"{comparison!r} reads {other}, which no on(...) binds; add on({other.variable!r})",
        )
    return core.Compare(
        path=_pointer(left), op=op, field=core.Field(variable=names[other.variable], path=_pointer(other))
    )


def _misplaced(comparison: Comparison, variable: Variable) -> BlackboardError:
    return BlackboardError(
        "invalid_source",
        f"{comparison!r} says nothing about {variable!r}; move it into the on(...) of its own variable",
    )


def _pointer(place: Place) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in place.path)
