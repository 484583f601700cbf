"""Joins: from some bound entries to all the rows that complete them.

A row binds one entry to each slot; slots are the patterns of a trigger in their order and, for an `exists` or
`absent` group, the group's patterns after them. A plan is the order in which open slots are bound: greedily
the slot that equalities tie to what is bound already (a hash lookup), then the one that most conditions can
check. Each condition is checked as soon as all that it names is bound. Distinct slots hold distinct entries.

Work is bounded by a `Budget`: rows kept, whole or partial, and candidates looked at.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Final

from blackboard.core.condition import Compare, Condition, variables_of
from blackboard.core.entry import Premise
from blackboard.core.limits import Limits
from blackboard.core.values import MISSING
from blackboard_control.alpha import AlphaNode, Item, JoinIndex
from blackboard_control.predicate import (
    Read,
    Row,
    RowTest,
    compile_read,
    compile_row_test,
    equality_key,
)

__all__ = ["Budget", "BudgetSpent", "JoinCondition", "Plan", "Slot"]

_NOBODY: Final = Premise(0, 0)
"""Stands in slots that are not bound yet."""


class BudgetSpent(Exception):
    """A join did more than its limits allow; it is cut short, and no memory was touched."""


class Budget:
    """What the joins of one trigger may cost in one change."""

    __slots__ = ("_candidates", "_rows")

    def __init__(self, limits: Limits) -> None:
        self._rows = limits.matches_per_change_max
        self._candidates = limits.candidates_per_change_max

    def keep_row(self) -> None:
        """Account for one whole or partial row.

        Raises:
            BudgetSpent: There are too many.
        """
        self._rows -= 1
        if self._rows < 0:
            raise BudgetSpent

    def look_at(self, candidates: int) -> None:
        """Account for candidates about to be tried.

        Raises:
            BudgetSpent: There are too many.
        """
        self._candidates -= candidates
        if self._candidates < 0:
            raise BudgetSpent


class Slot:
    """One pattern's place in a row: its node and its conditions that name other variables."""

    __slots__ = ("joins", "node")

    def __init__(self, node: AlphaNode, joins: tuple[JoinCondition, ...]) -> None:
        self.node = node
        self.joins = joins


class JoinCondition:
    """A condition over several slots."""

    __slots__ = ("condition", "owner", "slots", "test")

    def __init__(self, condition: Condition, owner: int, slots: Mapping[str, int]) -> None:
        self.condition = condition
        self.owner = owner
        others = [slots[name] for name in variables_of(condition)]
        self.slots = tuple(dict.fromkeys([owner, *others]))
        self.test: RowTest = compile_row_test(condition, owner, slots)

    def equality_towards(self, slot: int) -> tuple[str, int, str] | None:
        """Return `(path, other slot, other path)` if this is a plain equality that ties `slot` to another."""
        condition = self.condition
        if not isinstance(condition, Compare) or condition.field is None or condition.op != "==":
            return None
        owner, other = self.slots
        if slot == owner:
            return condition.path, other, condition.field.path
        return (condition.field.path, owner, condition.path) if slot == other else None


class _Step:
    """Binds one slot: where its candidates come from and what they must pass."""

    __slots__ = ("_index", "_keys", "_node", "checks", "rivals", "slot")

    def __init__(
        self,
        slot: int,
        node: AlphaNode,
        ties: Sequence[tuple[str, int, str]],
        checks: tuple[RowTest, ...],
        rivals: tuple[int, ...],
    ) -> None:
        self.slot = slot
        self.checks = checks
        self.rivals = rivals
        self._node = node
        self._keys: tuple[tuple[int, Read], ...] = tuple(
            (other, compile_read(path)) for _, other, path in ties
        )
        self._index: JoinIndex | None = (
            node.acquire_index(tuple(path for path, _, _ in ties)) if ties else None
        )

    def candidates(self, row: Row) -> Mapping[int, Item] | None:
        """Return the items that may fill the slot, or None if there are none."""
        if self._index is None:
            return self._node.memory
        keys: list[Hashable] = []
        for other, read in self._keys:
            value = read(row[other])
            if value is MISSING:
                return None
            keys.append(equality_key(value))
        return self._index.buckets.get(tuple(keys))

    def takes(self, item: Item, row: Row, chosen: list[Premise]) -> bool:
        """Try an item in the slot; `row` and `chosen` hold it if it fits."""
        for rival in self.rivals:
            if chosen[rival].entry == item.id:
                return False
        row[self.slot] = item.data
        for check in self.checks:
            if not check(row):
                return False
        chosen[self.slot] = item.premise
        return True


class Plan:
    """The order in which the open slots of a row are bound, compiled.

    Args:
        slots: All slots of the row.
        bound: The slots that are bound at the start; the others are open.
    """

    __slots__ = ("_acquired", "_steps", "_width")

    def __init__(self, slots: Sequence[Slot], bound: Sequence[int]) -> None:
        self._acquired: list[tuple[AlphaNode, tuple[str, ...]]] = []
        steps: list[_Step] = []
        known = list(bound)
        pending = [each for slot in slots for each in slot.joins if not _is_within(each, known)]
        while len(known) < len(slots):
            open_slots = [slot for slot in range(len(slots)) if slot not in known]
            slot = max(open_slots, key=lambda each: (*_ease(each, known, pending), -each))
            steps.append(self._step(slots, slot, known, pending))
            known.append(slot)
            pending = [each for each in pending if not _is_within(each, known)]
        self._steps = tuple(steps)
        self._width = len(slots)

    def _step(
        self, slots: Sequence[Slot], slot: int, known: list[int], pending: list[JoinCondition]
    ) -> _Step:
        node = slots[slot].node
        ties: list[tuple[str, int, str]] = []
        checks: list[RowTest] = []
        for each in pending:
            if _is_within(each, [*known, slot]):
                tie = each.equality_towards(slot)
                if tie is None:
                    checks.append(each.test)
                else:
                    ties.append(tie)
        rivals = tuple(other for other in known if slots[other].node.test.type == node.test.type)
        if ties:
            self._acquired.append((node, tuple(path for path, _, _ in ties)))
        return _Step(slot, node, ties, tuple(checks), rivals)

    def release(self) -> None:
        """Give the join indexes back; the plan is not used afterwards."""
        for node, paths in self._acquired:
            node.release_index(paths)

    def complete(self, slot: int, item: Item, budget: Budget) -> list[tuple[Premise, ...]]:
        """Return the bindings of all rows with `item` in the one bound slot, in no promised order.

        The start itself counts as a row.

        Raises:
            BudgetSpent: There is more to do than the budget allows.
        """
        row, chosen = self._blank()
        row[slot], chosen[slot] = item.data, item.premise
        budget.keep_row()
        found: list[tuple[Premise, ...]] = []
        if self._steps:
            self._extend(0, row, chosen, budget, found)
        else:
            found.append(tuple(chosen))
        return found

    def _blank(self) -> tuple[Row, list[Premise]]:
        return [{} for _ in range(self._width)], [_NOBODY] * self._width

    def _extend(
        self, depth: int, row: Row, chosen: list[Premise], budget: Budget, found: list[tuple[Premise, ...]]
    ) -> None:
        step = self._steps[depth]
        candidates = step.candidates(row)
        if not candidates:
            return
        budget.look_at(len(candidates))
        is_last = depth + 1 == len(self._steps)
        for item in candidates.values():
            if step.takes(item, row, chosen):
                budget.keep_row()
                if is_last:
                    found.append(tuple(chosen))
                else:
                    self._extend(depth + 1, row, chosen, budget, found)

    def first(self, bound: Sequence[Item], budget: Budget) -> tuple[Premise, ...] | None:
        """Return the first row, by entry number in plan order, that starts with the `bound` items, if any.

        Entry numbers, not the history of the memories, decide which row is first and what is looked at, so
        that a board restored from a snapshot answers word for word as the one that lived through it.

        Raises:
            BudgetSpent: There is more to do than the budget allows.
        """
        row, chosen = self._blank()
        for slot, item in enumerate(bound):
            row[slot], chosen[slot] = item.data, item.premise
        return tuple(chosen) if self._descend(0, row, chosen, budget) else None

    def _descend(self, depth: int, row: Row, chosen: list[Premise], budget: Budget) -> bool:
        step = self._steps[depth]
        candidates = step.candidates(row)
        if not candidates:
            return False
        budget.look_at(len(candidates))
        is_last = depth + 1 == len(self._steps)
        for entry in sorted(candidates):
            if step.takes(candidates[entry], row, chosen) and (
                is_last or self._descend(depth + 1, row, chosen, budget)
            ):
                return True
        return False


def _is_within(condition: JoinCondition, slots: list[int]) -> bool:
    return all(slot in slots for slot in condition.slots)


def _ease(slot: int, known: list[int], pending: list[JoinCondition]) -> tuple[int, int]:
    ready = [each for each in pending if _is_within(each, [*known, slot])]
    ties = sum(1 for each in ready if each.equality_towards(slot) is not None)
    return ties, len(ready)
