"""Triggers: on what a knowledge source wants to act, as data.

A trigger binds one live entry to the variable of each pattern (a join over all conditions), provided no
`absent` group has a match. `exists` demands a match without binding it. A trigger may also wait for a
board signal. Matching is control's business; here is only what may be said, and how it reads in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias, assert_never

from blackboard.core.condition import AnyOf, Compare, Condition, Not, variables_of
from blackboard.core.errors import Rejected
from blackboard.core.fact import Fact
from blackboard.core.limits import Limits
from blackboard.core.values import Fraction, canonical, check_fraction, digest, is_tuple, pointer_parts

__all__ = [
    "Pattern",
    "Signal",
    "Trigger",
    "check_trigger",
    "describe",
    "describe_condition",
    "describe_pattern",
    "trigger_hash",
]

Signal: TypeAlias = Literal["quiescent"]
"""Board events that a trigger can wait for."""


class Pattern(Fact):
    """What one bound entry must be.

    Args:
        variable: Name under which the handler receives the entry; unique in the trigger.
        type: Entry type.
        conditions: All must hold for the entry's data.
        min_confidence: Least claimed confidence of an author.
        min_belief: Least computed belief.
    """

    variable: str
    type: str
    conditions: tuple[Condition, ...] = ()
    min_confidence: Fraction = 0.0
    min_belief: Fraction = 0.0


class Trigger(Fact):
    """The whole condition of a source.

    Args:
        patterns: Bind one entry each; joined by conditions that name another pattern's variable.
        exists: Groups of patterns; each group must have a joint match, which is not bound.
        absent: Groups of patterns; no group may have a joint match when the activation is leased.
        signal: A board signal that must be given; then `patterns` may be empty.
    """

    patterns: tuple[Pattern, ...] = ()
    exists: tuple[tuple[Pattern, ...], ...] = ()
    absent: tuple[tuple[Pattern, ...], ...] = ()
    signal: Signal | None = None


def trigger_hash(trigger: Trigger) -> str:
    """Return the identity of a trigger: equal for equal content, whatever the handler's code.

    Every field counts, given or left to its default, so that two ways of saying the same are the same.
    """
    return digest(canonical(_whole(trigger)))[:16]


def _whole(value: object) -> object:
    """Return the JSON form of a part of a trigger, defaults included."""
    if isinstance(value, Fact):
        fields = {name: _whole(getattr(value, name)) for name in value.__struct_fields__}
        return {"": type(value).__name__, **fields}
    if is_tuple(value):
        return [_whole(each) for each in value]
    return value


def check_trigger(trigger: Trigger, *, limits: Limits) -> None:
    """Check that a trigger is well formed.

    Raises:
        Rejected: `invalid_trigger` naming the pattern and what to write instead.
    """
    if not trigger.patterns and trigger.signal is None:
        raise Rejected(
            "invalid_trigger", "the trigger has no pattern and no signal; add at least one pattern"
        )
    groups = (trigger.patterns, *trigger.exists, *trigger.absent)
    if sum(map(len, groups)) > limits.patterns_per_trigger_max:
        raise Rejected(
            "invalid_trigger", f"more than {limits.patterns_per_trigger_max} patterns in one trigger"
        )
    bound = _check_names(trigger.patterns, outer=())
    for group in (*trigger.exists, *trigger.absent):
        if not group:
            raise Rejected("invalid_trigger", "an empty exists or absent group; name at least one pattern")
        _check_names(group, outer=bound)
    conditions = sum(
        1 for group in groups for pattern in group for each in pattern.conditions for _ in _leaves(each)
    )
    if conditions > limits.conditions_per_trigger_max:
        raise Rejected(
            "invalid_trigger", f"{conditions} conditions; at most {limits.conditions_per_trigger_max}"
        )


def _check_names(patterns: tuple[Pattern, ...], *, outer: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(pattern.variable for pattern in patterns)
    known = (*outer, *names)
    for index, pattern in enumerate(patterns):
        if not pattern.variable.isidentifier():
            raise Rejected("invalid_trigger", f"variable {pattern.variable!r} is not a plain name")
        if pattern.variable in (*outer, *names[:index]):
            raise Rejected("invalid_trigger", f"variable {pattern.variable!r} is bound twice; rename one")
        check_fraction(pattern.min_confidence, name=f"min_confidence of {pattern.variable!r}")
        check_fraction(pattern.min_belief, name=f"min_belief of {pattern.variable!r}")
        for condition in pattern.conditions:
            _check_condition(condition, pattern.variable, known)
    return names


def _check_condition(condition: Condition, variable: str, known: tuple[str, ...]) -> None:
    for name in variables_of(condition):
        if name == variable or name not in known:
            others = ", ".join(each for each in known if each != variable) or "none"
            raise Rejected(
                "invalid_trigger",
                f"pattern {variable!r} compares with variable {name!r}; other variables here: {others}",
            )
    for leaf in _leaves(condition):
        pointer_parts(leaf.path)
        if leaf.field is not None:
            pointer_parts(leaf.field.path)


def _leaves(condition: Condition) -> Iterator[Compare]:
    match condition:
        case Compare():
            yield condition
        case AnyOf():
            for each in condition.conditions:
                yield from _leaves(each)
        case Not():
            yield from _leaves(condition.condition)
        case _:
            assert_never(condition)


def describe(trigger: Trigger) -> str:
    """Put a trigger into words, for people: `ErrorSpike(ratio >= 3) and Deploy(...) and no Cause(...)`."""
    parts = [f"board {trigger.signal}"] if trigger.signal else []
    parts += [describe_pattern(pattern) for pattern in trigger.patterns]
    parts += ["some " + " and ".join(map(describe_pattern, group)) for group in trigger.exists]
    parts += ["no " + " and ".join(map(describe_pattern, group)) for group in trigger.absent]
    return " and ".join(parts)


def describe_pattern(pattern: Pattern) -> str:
    """Put one pattern into words."""
    tests = [describe_condition(condition) for condition in pattern.conditions]
    if pattern.min_confidence:
        tests.append(f"confidence >= {pattern.min_confidence:g}")
    if pattern.min_belief:
        tests.append(f"belief >= {pattern.min_belief:g}")
    return f"{pattern.type}({', '.join(tests)})" if tests else pattern.type


def describe_condition(condition: Condition) -> str:
    """Put one condition into words."""
    match condition:
        case Compare():
            name = condition.path.removeprefix("/").replace("/", ".")
            if condition.field is not None:
                right = (
                    f"{condition.field.variable}.{condition.field.path.removeprefix('/').replace('/', '.')}"
                )
            else:
                right = canonical(condition.value).decode()
            return f"{name} {condition.op} {right}"
        case AnyOf():
            return "(" + " or ".join(map(describe_condition, condition.conditions)) + ")"
        case Not():
            return f"not {describe_condition(condition.condition)}"
