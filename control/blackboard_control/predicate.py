"""Predicates: conditions compiled once to closures, and the hash keys that stand for JSON equality.

`blackboard.core.condition.evaluate` is the meaning; a predicate is its fast form. Pointers are split and
operators looked up when a trigger is registered, so that a change pays for comparing only.

`equality_key` maps a JSON value to a hashable one such that two keys are equal exactly if the operator `==`
holds between the values: `1` and `1.0` share a key, `true` and `1` do not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, TypeAlias, assert_never

from blackboard.core.condition import OPERATORS, AnyOf, Compare, Condition, Not
from blackboard.core.values import MISSING, Data, is_array, is_object, pointer_get, pointer_parts

__all__ = [
    "Read",
    "Row",
    "RowTest",
    "Test",
    "compile_read",
    "compile_row_test",
    "compile_test",
    "equality_key",
]

Row: TypeAlias = list[Data]
"""The data of the bound entries, by slot; slots that are not bound yet hold anything."""

Read: TypeAlias = Callable[[Data], Any]
"""Returns what a pointer leads to, or `MISSING`."""

Test: TypeAlias = Callable[[Data], bool]
RowTest: TypeAlias = Callable[[Row], bool]

_TRUE: Final = ("boolean", True)
_FALSE: Final = ("boolean", False)


def compile_read(path: str) -> Read:
    """Return a reader of the JSON Pointer `path`."""
    parts = pointer_parts(path)
    if len(parts) == 1:
        (part,) = parts
        return lambda data: data.get(part, MISSING)
    return lambda data: pointer_get(data, parts)


def compile_test(condition: Condition) -> Test:
    """Compile a condition that names no other variable."""
    match condition:
        case Compare():
            return _compile_constant(condition)
        case AnyOf():
            tests = tuple(map(compile_test, condition.conditions))
            return lambda data: any(test(data) for test in tests)
        case Not():
            inner = compile_test(condition.condition)
            return lambda data: not inner(data)
        case _:
            assert_never(condition)


def compile_row_test(condition: Condition, slot: int, slots: Mapping[str, int]) -> RowTest:
    """Compile a condition of the pattern at `slot` that may name variables; `slots` says where they are.

    The test may be called once every slot that the condition names is bound.
    """
    match condition:
        case Compare(field=None):
            test = _compile_constant(condition)
            return lambda row: test(row[slot])
        case Compare():
            return _compile_join(condition, slot, slots)
        case AnyOf():
            tests = tuple(compile_row_test(each, slot, slots) for each in condition.conditions)
            return lambda row: any(test(row) for test in tests)
        case Not():
            inner = compile_row_test(condition.condition, slot, slots)
            return lambda row: not inner(row)
        case _:
            assert_never(condition)


def _compile_constant(condition: Compare) -> Test:
    assert condition.field is None
    read, holds, right = compile_read(condition.path), OPERATORS[condition.op], condition.value

    def test(data: Data) -> bool:
        left = read(data)
        return left is not MISSING and holds(left, right)

    return test


def _compile_join(condition: Compare, slot: int, slots: Mapping[str, int]) -> RowTest:
    assert condition.field is not None
    read, holds = compile_read(condition.path), OPERATORS[condition.op]
    other, read_other = slots[condition.field.variable], compile_read(condition.field.path)

    def test(row: Row) -> bool:
        left = read(row[slot])
        if left is MISSING:
            return False
        right = read_other(row[other])
        return right is not MISSING and holds(left, right)

    return test


def equality_key(value: object) -> Hashable:
    """Return the hash key of a JSON value: equal keys for values that `==` holds equal, and only those."""
    kind = type(value)
    if kind is str or kind is int or kind is float:
        return value
    if kind is bool:
        return _TRUE if value else _FALSE
    return _frozen(value)


def _frozen(value: object) -> Hashable:
    # Inside arrays and objects `==` is Python's, which takes true for 1; so do these keys.
    if is_object(value):
        return ("object", tuple((name, _frozen(value[name])) for name in sorted(value)))
    if is_array(value):
        return ("array", tuple(map(_frozen, value)))
    return value
