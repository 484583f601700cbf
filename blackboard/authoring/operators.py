"""Conditions beyond the comparison signs: membership, ranges, text, alternatives and negation.

To the type checkers each is a `bool`, like a comparison; at run time each is recorded.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast, overload

from blackboard.authoring.record import Either, Negation, as_condition, as_field, compare
from blackboard.core.errors import BlackboardError

__all__ = ["any_of", "between", "has", "not_", "one_of", "prefix", "suffix"]


@overload
def one_of(field: str | None, values: Collection[str | None]) -> bool: ...
@overload
def one_of(field: float | None, values: Collection[float | None]) -> bool: ...
def one_of(field: object, values: Collection[object]) -> bool:
    """Tell that `field` equals one of `values`: `one_of(X.colour, ["red", "green"])`."""
    if isinstance(values, str):
        raise BlackboardError("invalid_source", f"one_of({field!r}, {values!r}): write a list of strings")
    return cast(bool, compare(as_field(field), "one_of", list(values)))


@overload
def between(field: float | None, low: float, high: float) -> bool: ...
@overload
def between(field: str | None, low: str, high: str) -> bool: ...
def between(field: object, low: object, high: object) -> bool:
    """Tell that `low <= field <= high`."""
    return cast(bool, compare(as_field(field), "between", [low, high]))


@overload
def has(field: Collection[str] | None, member: str) -> bool: ...
@overload
def has(field: Collection[float] | None, member: float) -> bool: ...
def has(field: object, member: object) -> bool:
    """Tell that an array has a member, a text a part, or a mapping a key."""
    return cast(bool, compare(as_field(field), "has", member))


def prefix(field: str | None, start: str) -> bool:
    """Tell that a text starts with `start`."""
    return cast(bool, compare(as_field(field), "prefix", start))


def suffix(field: str | None, end: str) -> bool:
    """Tell that a text ends with `end`."""
    return cast(bool, compare(as_field(field), "suffix", end))


def any_of(*conditions: bool) -> bool:
    """Tell that at least one of `conditions` holds."""
    if not conditions:
        raise BlackboardError("invalid_source", "any_of() needs at least one condition")
    return cast(bool, Either(tuple(map(as_condition, conditions))))


def not_(condition: bool) -> bool:
    """Tell that `condition` does not hold; it does hold where the field is missing."""
    return cast(bool, Negation(as_condition(condition)))
