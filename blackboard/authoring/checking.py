"""Checks that a recorded comparison can ever hold, against the JSON Schema of the field.

They find at import what type checkers find in the editor: numbers compared with text, values outside an
enumeration, an order where there is none.
"""

from __future__ import annotations

import math
from typing import Any, Final, Protocol, cast

from pydantic_core import PydanticSerializationError, to_jsonable_python

from blackboard.authoring.hypothesis import did_you_mean
from blackboard.authoring.schema import Schema, formats_of, kind_of, kinds_of, values_of
from blackboard.core.condition import Operator
from blackboard.core.errors import BlackboardError

__all__ = ["Described", "check_constant", "check_fields"]

_ORDER: Final = frozenset({"<", "<=", ">", ">="})
_ORDERED_KINDS: Final = frozenset({"number", "string"})
_UNORDERED_FORMATS: Final = frozenset({"date-time", "time", "duration"})
_MEMBER_KINDS: Final = frozenset({"array", "string", "object"})


class Described(Protocol):
    """A field as the checks see it; its text form is its name."""

    @property
    def schema(self) -> Schema:
        """The schema of the field."""
        ...

    @property
    def root(self) -> Schema:
        """The schema of the whole model, to which references lead."""
        ...


def _wrong(message: str) -> BlackboardError:
    return BlackboardError("invalid_source", message)


def _to_json(field: Described, op: Operator, value: object) -> Any:
    try:
        plain = to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise _wrong(f"{field} {op} {value!r}: a {type(value).__name__} has no JSON form") from error
    if isinstance(plain, float) and not math.isfinite(plain):
        raise _wrong(f"{field} {op} {value!r}: expected a finite number")
    return plain


def check_fields(left: Described, op: Operator, right: Described) -> None:
    """Check that `left op right` can hold for the fields of two entries.

    Raises:
        BlackboardError: `invalid_source`, naming what they are.
    """
    kinds, others = _kinds(left), _kinds(right)
    if kinds and others and not kinds & others:
        raise _wrong(f"{left} {op} {right} compares {_words(kinds)} with {_words(others)}, which never holds")
    _check_order(left, op)


def check_constant(field: Described, op: Operator, constant: object) -> Any:
    """Return the JSON form of `constant`, if `field op constant` can hold.

    Raises:
        BlackboardError: `invalid_source`, saying what came and what to write.
    """
    value = _to_json(field, op, constant)
    kinds = _kinds(field)
    if op == "has":
        if kinds and not kinds & _MEMBER_KINDS:
            raise _wrong(f"has({field}, {value!r}): {field} is {_words(kinds)}, not an array or a string")
        return value
    expected = kinds & {"string"} if op in ("prefix", "suffix") else kinds
    for each in cast(list[Any], value) if op in ("one_of", "between") else [value]:
        if kinds and kind_of(each) not in expected:
            raise _wrong(
                f"{field} {op} {each!r} never holds: the field is {_words(kinds)}, "
                f"the constant is {kind_of(each)}"
            )
        _check_listed(field, op, each)
    _check_order(field, op)
    return value


def _check_listed(field: Described, op: Operator, value: object) -> None:
    allowed = values_of(field.schema, field.root)
    if op in ("==", "!=", "one_of") and allowed is not None and value not in allowed:
        hint = did_you_mean(str(value), map(str, allowed))
        raise _wrong(f"{field} is never {value!r}; {hint}")


def _check_order(field: Described, op: Operator) -> None:
    if op not in _ORDER and op != "between":
        return
    kinds = _kinds(field)
    if kinds and not kinds & _ORDERED_KINDS:
        raise _wrong(f"{field} is {_words(kinds)}; only numbers and strings have an order")
    if formats_of(field.schema, field.root) & _UNORDERED_FORMATS:
        raise _wrong(f"{field} is a time in text form, which has no reliable order; keep seconds as a float")


def _kinds(field: Described) -> frozenset[str]:
    return kinds_of(field.schema, field.root)


def _words(kinds: frozenset[str] | set[str]) -> str:
    return " or ".join(sorted(kinds))
