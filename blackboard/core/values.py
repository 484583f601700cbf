"""Plain values: JSON data, canonical bytes, JSON Pointers and fixed-point fractions.

Commands, events and the wire give fractions (confidence, weight, rating) as numbers from 0 to 1 with at most
six decimals. The state of a board holds them as integers in millionths and computes in integers only, so
that hashes agree on every machine.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, TypeAlias, TypeGuard

import orjson

from blackboard.core.errors import Rejected
from blackboard.core.limits import INTEGER_MAX

__all__ = [
    "MISSING",
    "ONE",
    "Data",
    "Fraction",
    "Millionths",
    "canonical",
    "check_fraction",
    "check_json",
    "digest",
    "is_array",
    "is_object",
    "is_tuple",
    "pointer_get",
    "pointer_parts",
    "to_fraction",
    "to_millionths",
    "unify_numbers",
]

Data: TypeAlias = dict[str, Any]
"""One JSON object."""

Fraction: TypeAlias = float
"""A number from 0 to 1 with at most six decimals, as commands, events and the wire give it."""

Millionths: TypeAlias = int
"""A fraction times 1,000,000, as the state holds it."""

ONE: Final = 1_000_000
"""The fraction 1."""

MISSING: Final = object()
"""What `pointer_get` answers where nothing is; unlike `None` it is not a JSON value."""


def check_fraction(value: float, *, name: str) -> Fraction:
    """Return `value` rounded to six decimals.

    Raises:
        Rejected: `invalid_params` if it lies outside 0..1 or is not a number.
    """
    if not 0 <= value <= 1:  # also refuses NaN
        raise Rejected("invalid_params", f"{name} is {value!r}; expected a number from 0 to 1")
    return round(float(value), 6)


def to_millionths(value: Fraction) -> Millionths:
    """Return a fraction in millionths."""
    return round(value * ONE)


def to_fraction(value: Millionths) -> Fraction:
    """Return millionths as a number from 0 to 1."""
    return value / ONE


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Tell whether a decoded JSON value is an array."""
    return isinstance(value, list)


def canonical(value: object) -> bytes:
    """Return the one canonical JSON encoding of `value`: sorted keys, no spaces, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def unify_numbers(value: object) -> object:
    """Return `value` with whole floats as integers: to JSON `1.0` and `1` are one number."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if is_object(value):
        return {name: unify_numbers(each) for name, each in value.items()}
    return [unify_numbers(each) for each in value] if is_array(value) else value


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Tell whether a value is a tuple, the form of arrays inside facts."""
    return isinstance(value, tuple)


def pointer_parts(path: str) -> tuple[str, ...]:
    """Split a JSON Pointer (RFC 6901) into its unescaped parts.

    Raises:
        Rejected: `invalid_trigger` if `path` is neither empty nor starts with `/`.
    """
    if not path:
        return ()
    if not path.startswith("/"):
        raise Rejected("invalid_trigger", f"path {path!r} is not a JSON Pointer; write '/{path}'")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/"))


def pointer_get(data: object, parts: tuple[str, ...]) -> Any:
    """Return what `parts` lead to inside `data`, or `MISSING`."""
    here: Any = data
    for part in parts:
        if is_object(here):
            here = here.get(part, MISSING)
        elif is_array(here) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            return MISSING
        if here is MISSING:
            return MISSING
    return here


def check_json(value: object, *, depth_max: int, name: str = "data") -> None:
    """Check that a decoded JSON value is within the limits on depth and integers.

    Raises:
        Rejected: `limit_exceeded`, naming the place.
    """
    stack: list[tuple[object, int]] = [(value, 1)]
    while stack:
        here, depth = stack.pop()
        children = here.values() if is_object(here) else here if is_array(here) else None
        if children is not None:
            if depth > depth_max:
                raise Rejected("limit_exceeded", f"{name} is nested deeper than {depth_max} levels")
            stack.extend((child, depth + 1) for child in children)
        elif isinstance(here, int) and not -INTEGER_MAX <= here <= INTEGER_MAX:
            raise Rejected("limit_exceeded", f"{name} holds {here}; integers must lie within ±(2^53-1)")
