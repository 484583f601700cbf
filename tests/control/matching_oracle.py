"""The matcher's oracle: every answer computed afresh, by trying all rows, in the words of `evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from blackboard.core.condition import evaluate
from blackboard.core.entry import Entry, Premise
from blackboard.core.trigger import Pattern, Trigger
from blackboard.core.values import to_millionths

__all__ = ["blocked_now", "matches_now"]


def matches_now(trigger: Trigger, entries: Sequence[Entry]) -> list[tuple[Premise, ...]]:
    """Return the bindings of all matches among `entries`, whatever their status, by entry ids."""
    rows = _rows(trigger.patterns, entries, {})
    return sorted(
        (tuple(Premise(each.id, each.version) for each in row) for row in rows),
        key=lambda bindings: [premise.entry for premise in bindings],
    )


def blocked_now(trigger: Trigger, bindings: tuple[Premise, ...], entries: Sequence[Entry]) -> bool:
    """Tell whether a match may not fire: an `exists` group without a joint match, or an `absent` one with."""
    by_id = {each.id: each for each in entries}
    bound = {
        pattern.variable: by_id[premise.entry]
        for pattern, premise in zip(trigger.patterns, bindings, strict=True)
    }
    some = [any(True for _ in _rows(group, entries, bound)) for group in trigger.exists]
    found = [any(True for _ in _rows(group, entries, bound)) for group in trigger.absent]
    return not all(some) or any(found)


def _rows(
    patterns: Sequence[Pattern], entries: Sequence[Entry], bound: Mapping[str, Entry]
) -> Iterator[tuple[Entry, ...]]:
    for row in product(entries, repeat=len(patterns)):
        everything = {
            **bound,
            **{pattern.variable: each for pattern, each in zip(patterns, row, strict=True)},
        }
        numbers = [each.id for each in everything.values()]
        if len(dict.fromkeys(numbers)) < len(numbers):
            continue
        data = {variable: each.data for variable, each in everything.items()}
        if all(_meets(pattern, each, data) for pattern, each in zip(patterns, row, strict=True)):
            yield row


def _meets(pattern: Pattern, entry: Entry, bound: Mapping[str, dict[str, object]]) -> bool:
    return (
        entry.is_live
        and entry.type == pattern.type
        and entry.confidence >= to_millionths(pattern.min_confidence)
        and entry.belief >= to_millionths(pattern.min_belief)
        and all(evaluate(condition, entry.data, bound) for condition in pattern.conditions)
    )
