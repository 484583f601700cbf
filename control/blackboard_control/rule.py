"""Rules: registered triggers, linked to the alpha network, with their join plans.

Owns the compilation of a trigger: which conditions one entry settles alone, which join, and what follows
from both. From `a.kind == "x"` and `b.kind == a.kind` follows `b.kind == "x"`, which keeps the alpha network
selective for patterns that name no constant themselves. Plans are compiled when first needed: most triggers
of a large board never are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blackboard.core.condition import Compare, Condition, Field, variables_of
from blackboard.core.trigger import Pattern, Trigger, describe
from blackboard.core.values import to_millionths
from blackboard_control.alpha import AlphaNetwork, AlphaNode, EntryTest, Item
from blackboard_control.join import JoinCondition, Plan, Slot

__all__ = ["Group", "Rule"]


class Group:
    """An `exists` or `absent` group of a rule.

    Args:
        patterns: The group's patterns.
        slots: The rule's slots and then the group's.
        bound: How many of the slots are the rule's.
    """

    __slots__ = ("_plan", "_slots", "bound", "patterns")

    def __init__(self, patterns: tuple[Pattern, ...], slots: Sequence[Slot], bound: int) -> None:
        self.patterns = patterns
        self.bound = bound
        self._slots = slots
        self._plan: Plan | None = None

    @property
    def nodes(self) -> list[AlphaNode]:
        """The nodes of the group's own patterns."""
        return [slot.node for slot in self._slots[self.bound :]]

    def plan(self) -> Plan:
        """Return the join from the bound entries to the group's."""
        if self._plan is None:
            self._plan = Plan(self._slots, range(self.bound))
        return self._plan

    def release(self) -> None:
        """Give join indexes back."""
        if self._plan is not None:
            self._plan.release()

    def __str__(self) -> str:
        return describe(Trigger(patterns=self.patterns))


class Rule:
    """One registered trigger.

    Args:
        source: Name of the source.
        sequence: Its place in the order of registration.
        trigger: A trigger that passed `check_trigger`.
        network: Where its nodes are acquired; new ones are listed in `fresh`, to be filled by the caller.
    """

    __slots__ = ("_plans", "absent", "exists", "fresh", "sequence", "signal", "slots", "source")

    def __init__(self, source: str, sequence: int, trigger: Trigger, network: AlphaNetwork) -> None:
        self.source = source
        self.sequence = sequence
        self.signal = trigger.signal
        self.fresh: list[AlphaNode] = []
        constants = _constants(trigger.patterns)
        self.slots = self._link(trigger.patterns, {}, constants, network)
        self._plans: list[Plan | None] = [None] * len(self.slots)
        for slot, each in enumerate(self.slots):
            each.node.patterns[sequence, slot] = None
        outer = _places(trigger.patterns)
        self.exists = self._groups(trigger.exists, outer, constants, network)
        self.absent = self._groups(trigger.absent, outer, constants, network)

    def _groups(
        self,
        groups: tuple[tuple[Pattern, ...], ...],
        outer: Mapping[str, int],
        constants: Mapping[tuple[str, str], Compare],
        network: AlphaNetwork,
    ) -> tuple[Group, ...]:
        made: list[Group] = []
        for patterns in groups:
            known = {**constants, **_constants(patterns)}
            own = self._link(patterns, outer, known, network)
            for slot in own:
                slot.node.groups[self.sequence] = None
            made.append(Group(patterns, [*self.slots, *own], len(self.slots)))
        return tuple(made)

    def _link(
        self,
        patterns: tuple[Pattern, ...],
        outer: Mapping[str, int],
        constants: Mapping[tuple[str, str], Compare],
        network: AlphaNetwork,
    ) -> list[Slot]:
        places = {**outer, **_places(patterns, start=len(outer))}
        slots: list[Slot] = []
        for pattern, implied in zip(patterns, _implied(patterns, constants), strict=True):
            alone = tuple(each for each in pattern.conditions if not variables_of(each))
            test = EntryTest(
                type=pattern.type,
                conditions=alone + tuple(each for each in implied if each not in alone),
                min_confidence=to_millionths(pattern.min_confidence),
                min_belief=to_millionths(pattern.min_belief),
            )
            node, is_new = network.acquire(test)
            if is_new:
                self.fresh.append(node)
            owner = places[pattern.variable]
            joins = [each for each in pattern.conditions if variables_of(each)]
            slots.append(Slot(node, tuple(JoinCondition(each, owner, places) for each in joins)))
        return slots

    def plan(self, slot: int) -> Plan:
        """Return the join from an entry at `slot` to the entries at all others."""
        plan = self._plans[slot]
        if plan is None:
            plan = self._plans[slot] = Plan(self.slots, (slot,))
        return plan

    def release(self, network: AlphaNetwork) -> list[Item]:
        """Unlink the rule from its nodes and drop those that nobody else reads; return the items of these."""
        nodes: dict[AlphaNode, None] = {}
        for slot, each in enumerate(self.slots):
            del each.node.patterns[self.sequence, slot]
            nodes[each.node] = None
        for group in (*self.exists, *self.absent):
            group.release()
            for node in group.nodes:
                node.groups.pop(self.sequence, None)
                nodes[node] = None
        for plan in self._plans:
            if plan is not None:
                plan.release()
        return [item for node in nodes if not node.is_read for item in network.release(node)]


def _places(patterns: Sequence[Pattern], start: int = 0) -> dict[str, int]:
    return {pattern.variable: slot for slot, pattern in enumerate(patterns, start)}


def _constants(patterns: Sequence[Pattern]) -> dict[tuple[str, str], Compare]:
    """Return which field of which variable is known to equal a constant."""
    return {
        (pattern.variable, each.path): each
        for pattern in patterns
        for each in pattern.conditions
        if isinstance(each, Compare) and each.op == "==" and each.field is None
    }


def _implied(
    patterns: Sequence[Pattern], constants: Mapping[tuple[str, str], Compare]
) -> list[list[Condition]]:
    """Return what each pattern must meet because an equality ties it to a constant.

    A group's constants imply nothing for the bound patterns: only `patterns` receive conditions.
    """
    implied: dict[str, list[Condition]] = {pattern.variable: [] for pattern in patterns}

    def tie(variable: str, path: str, other: Field) -> None:
        known = constants.get((other.variable, other.path))
        if known is not None and variable in implied:
            condition = Compare(path=path, op="==", value=known.value)
            if condition not in implied[variable]:
                implied[variable].append(condition)

    for pattern in patterns:
        for each in pattern.conditions:
            if isinstance(each, Compare) and each.op == "==" and each.field is not None:
                tie(pattern.variable, each.path, each.field)
                tie(each.field.variable, each.field.path, Field(variable=pattern.variable, path=each.path))
    return [implied[pattern.variable] for pattern in patterns]
