"""Contradictions: what can be said of a trigger that will never match, by looking at the trigger alone.

Each pattern is a conjunction. Its alternatives (`any_of`) are multiplied out, up to a bound, and a pattern
contradicts itself if every alternative does. Within one alternative the comparisons with constants are judged
path by path: where a value is fixed (`==`, `one_of`) the remaining tests are simply tried on it; elsewhere
bounds must leave room, prefixes and suffixes must agree, and numbers and texts must not both be asked for.
Comparisons between two variables are judged by which of less, equal and greater they leave.

It is sound, not complete: what is found never matches; what is not found may still never do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, Final, TypeAlias, assert_never

from blackboard.core.condition import OPERATORS, AnyOf, Compare, Condition, Not, Operator
from blackboard.core.trigger import Pattern, Trigger, describe_condition, describe_pattern
from blackboard.core.values import is_array

__all__ = ["contradictions", "only_one"]

_ALTERNATIVES_MAX: Final = 256
"""Most alternatives of one pattern that are looked at; beyond it nothing is said."""

_ORDER: Final[dict[Operator, frozenset[str]]] = {
    "<": frozenset("<"),
    "<=": frozenset("<="),
    ">": frozenset(">"),
    ">=": frozenset(">="),
    "==": frozenset("="),
}
"""Which of less, equal and greater a comparison leaves; the others say nothing about order."""
_MIRRORED: Final = {"<": ">", ">": "<", "=": "="}

_Place: TypeAlias = tuple[str, str]


def contradictions(trigger: Trigger) -> tuple[str, ...]:
    """Say in words why a trigger can never match; empty if nothing speaks against it."""
    found = [*_of_patterns(trigger.patterns), *_of_joins(trigger.patterns)]
    for group in trigger.exists:
        found += [*_of_patterns(group), *_of_joins((*trigger.patterns, *group))]
        found += [
            f"it demands {describe_pattern(pattern)} and forbids {describe_pattern(absent[0])}"
            for pattern in group
            for absent in trigger.absent
            if len(absent) == 1 and _covers(absent[0], pattern)
        ]
    return tuple(dict.fromkeys(found))


def only_one(trigger: Trigger) -> tuple[str, ...]:
    """Name the bound patterns that an `absent` group repeats: it fires only while there is a single match."""
    return tuple(
        describe_pattern(pattern)
        for pattern in trigger.patterns
        for group in trigger.absent
        if len(group) == 1 and _covers(group[0], pattern)
    )


def _covers(wide: Pattern, narrow: Pattern) -> bool:
    """Tell whether every entry that matches `narrow` matches `wide`, as far as its own words say so."""
    return (
        wide.type == narrow.type
        and wide.min_confidence <= narrow.min_confidence
        and wide.min_belief <= narrow.min_belief
        and all(condition in narrow.conditions for condition in wide.conditions)
    )


# One pattern, and constants.


def _of_patterns(patterns: Iterable[Pattern]) -> Iterator[str]:
    for pattern in patterns:
        reasons: list[str] = []
        for alternative in _alternatives(pattern.conditions):
            reason = _of_constants(alternative)
            if reason is None:
                break
            reasons.append(reason)
        else:
            if reasons:
                yield f"{pattern.type}: {' or '.join(dict.fromkeys(reasons))} never holds"


def _alternatives(conditions: Iterable[Condition]) -> list[list[Compare | Not]]:
    """Multiply out: one list of plain tests for each way in which all conditions can hold."""
    factors: list[list[list[Compare | Not]]] = []
    count = 1
    for condition in conditions:
        factor = _ways(condition)
        count *= len(factor)
        if count > _ALTERNATIVES_MAX:
            return [[]]
        factors.append(factor)
    return [[test for way in ways for test in way] for ways in product(*factors)]


def _ways(condition: Condition) -> list[list[Compare | Not]]:
    match condition:
        case Compare() | Not():
            return [[condition]]
        case AnyOf():
            ways: list[list[Compare | Not]] = []
            for each in condition.conditions:
                ways += _alternatives((each,))
            return ways
        case _:
            assert_never(condition)


def _of_constants(tests: Iterable[Compare | Not]) -> str | None:
    """Say which tests of one alternative cannot hold together."""
    by_path: dict[str, list[Compare]] = {}
    for test in tests:
        if isinstance(test, Compare) and test.field is None:
            by_path.setdefault(test.path, []).append(test)
    for compares in by_path.values():
        if not _is_possible(compares):
            return " and ".join(map(describe_condition, compares))
    return None


def _is_possible(compares: list[Compare]) -> bool:
    """Tell whether some value passes all tests on one path."""
    fixed = [each for each in compares if each.op in {"==", "one_of"}]
    if fixed:
        first = fixed[0]
        values = (
            [first.value] if first.op == "==" else list[Any](first.value if is_array(first.value) else ())
        )
        return any(all(OPERATORS[each.op](value, each.value) for each in compares) for value in values)
    bounds = list(_bounds(compares))
    kinds = {_kind(value) for _, value, _ in bounds}
    kinds |= {"text" for each in compares if each.op in {"prefix", "suffix"}}
    if len(kinds) > 1 or None in kinds:
        return False
    return _leaves_room(bounds, compares) and _ends_agree(compares)


def _bounds(compares: Iterable[Compare]) -> Iterator[tuple[str, Any, bool]]:
    """Yield each bound: which side, where, and whether the end itself counts."""
    for each in compares:
        if each.op in {">", ">="}:
            yield "low", each.value, each.op == ">="
        elif each.op in {"<", "<="}:
            yield "high", each.value, each.op == "<="
        elif each.op == "between":
            ends: list[Any] = list(each.value) if is_array(each.value) else []
            low, high = ends if len(ends) == 2 else (None, None)  # noqa: PLR2004 - low and high
            yield "low", low, True
            yield "high", high, True


def _kind(value: object) -> str | None:
    """Return what has an order with `value`, `None` if nothing has."""
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else None


def _leaves_room(bounds: Iterable[tuple[str, Any, bool]], compares: Iterable[Compare]) -> bool:
    """Tell whether the highest low bound lies below the lowest high one; all are of one kind."""
    lows = [(value, is_closed) for side, value, is_closed in bounds if side == "low"]
    highs = [(value, is_closed) for side, value, is_closed in bounds if side == "high"]
    if not lows or not highs:
        return True
    low, high = max(value for value, _ in lows), min(value for value, _ in highs)
    if low != high:
        return bool(low < high)
    ends = [is_closed for value, is_closed in (*lows, *highs) if value == low]
    return all(ends) and all(OPERATORS[each.op](low, each.value) for each in compares)


def _ends_agree(compares: Iterable[Compare]) -> bool:
    """Tell whether a text can begin, and end, as is asked."""
    for op in ("prefix", "suffix"):
        texts = sorted((each.value for each in compares if each.op == op), key=lambda text: len(str(text)))
        if not all(isinstance(text, str) for text in texts):
            return False
        longest = texts[-1] if texts else ""
        if not all(OPERATORS[op](longest, text) for text in texts):
            return False
    return True


# Two variables.


def _of_joins(patterns: Iterable[Pattern]) -> Iterator[str]:
    left: dict[tuple[_Place, _Place], set[str]] = {}
    words: dict[tuple[_Place, _Place], list[str]] = {}
    for pattern in patterns:
        for condition in pattern.conditions:
            if not isinstance(condition, Compare) or condition.field is None or condition.op not in _ORDER:
                continue
            here, there = (pattern.variable, condition.path), (condition.field.variable, condition.field.path)
            allowed = _ORDER[condition.op]
            if there < here:
                here, there = there, here
                allowed = frozenset(_MIRRORED[each] for each in allowed)
            left.setdefault((here, there), set("<=>")).intersection_update(allowed)
            said = f"{pattern.variable}.{describe_condition(condition)}"
            words.setdefault((here, there), []).append(said)
    for pair, remaining in left.items():
        if not remaining:
            yield f"{' and '.join(words[pair])} never holds"
