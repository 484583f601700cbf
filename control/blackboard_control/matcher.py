"""The matcher: which sources' triggers do the live entries of a board satisfy, change by change?

A match binds one live entry to each pattern of a trigger such that all conditions hold; distinct variables
bind distinct entries, also across the bound patterns and an `exists` or `absent` group. The matcher reports
what each change adds and takes away; it stores entries (alpha memories and join indexes) but no matches,
since those that a change touches are found by joining from the changed entry. It neither remembers what
fired (refraction) nor decides who acts.

`exists` and `absent` gate firing only: they are no part of a match. `Delta.recheck` names the sources for
whose matches `blocked` may now answer differently.

Invariants: the answers depend on the live entries and the order of registration only, not on the history that
led there; the matches at any time are those of before plus `matched` minus `unmatched`; a trigger that
exceeds its limits is removed whole, so that no half answer is ever given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from blackboard.core.entry import Entry, Premise
from blackboard.core.limits import DEFAULT_LIMITS, Limits
from blackboard.core.trigger import Signal, Trigger
from blackboard_control.alpha import AlphaNetwork, AlphaNode, Item
from blackboard_control.join import Budget, BudgetSpent
from blackboard_control.rule import Group, Rule

__all__ = ["NOTHING", "Delta", "Match", "Matcher", "MatcherStatistics"]


class Match(msgspec.Struct, frozen=True, gc=False):
    """One trigger, satisfied.

    Args:
        source: Name of the source.
        bindings: The bound entries at their data versions, in the order of the trigger's patterns.
    """

    source: str
    bindings: tuple[Premise, ...]


class Delta(msgspec.Struct, frozen=True):
    """What one change did to the matches.

    Args:
        matched: Satisfied now and not before, by order of registration, then by bound entries. A trigger
            with a signal is not listed here; see `Matcher.signalled`.
        unmatched: Satisfied before and not now, in the same order: a bound entry left, was revised or fell
            below a least confidence or belief. Here a trigger with a signal is listed too, whether or not
            the signal was ever given.
        recheck: Sources for whose matches `Matcher.blocked` may now answer differently.
        suspended: Sources whose trigger exceeded its limits. They are removed already; none of their
            matches is in this delta.
    """

    matched: tuple[Match, ...] = ()
    unmatched: tuple[Match, ...] = ()
    recheck: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()


NOTHING: Final = Delta()
"""What most changes do to the matches; `Matcher.update` returns this very object then."""


class MatcherStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """How large the matcher is.

    Args:
        sources: Registered triggers.
        entries: Live entries that at least one pattern takes.
        nodes: Distinct entry tests.
        memberships: Entries over all memories.
        indexes: Join indexes.
    """

    sources: int
    entries: int
    nodes: int
    memberships: int
    indexes: int


class Matcher:
    """Matches the triggers of one board.

    Args:
        limits: `matches_per_change_max` bounds the whole and partial matches of one trigger in one change
            (what is added and what is taken away each), `candidates_per_change_max` the entries tried.
    """

    def __init__(self, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._network = AlphaNetwork()
        self._rules: dict[int, Rule] = {}  # by sequence, in the order of registration
        self._sequences: dict[str, int] = {}
        self._last_sequence = 0
        self._items: dict[int, Item] = {}  # entries that some node holds
        self._exceeded: dict[int, str] = {}  # sources beyond their limits that were not reported yet

    def __contains__(self, source: object) -> bool:
        """Tell whether a trigger of `source` is registered."""
        return source in self._sequences

    def add(
        self, source: str, trigger: Trigger, entries: Iterable[Entry], *, since_now: bool = False
    ) -> tuple[Match, ...]:
        """Register a trigger that passed `check_trigger`.

        Args:
            source: Name of the source; it must have no trigger here (`remove` it first).
            trigger: What it waits for.
            entries: The board's entries in id order; those that are not live are passed over.
            since_now: Do not return the matches that are there already.

        Returns:
            The matches among `entries`, by bound entries; none for a trigger with a signal. If they exceed
            the limits: none, and the source is removed again and named by `take_suspended`.
        """
        assert source not in self._sequences, f"source {source!r} is registered twice; remove it first"
        self._last_sequence += 1
        rule = Rule(source, self._last_sequence, trigger, self._network)
        self._rules[rule.sequence] = rule
        self._sequences[source] = rule.sequence
        self._fill(rule.fresh, entries)
        rule.fresh.clear()
        if since_now or rule.signal is not None:
            return ()
        return self._matches_of([rule])

    def _fill(self, fresh: Sequence[AlphaNode], entries: Iterable[Entry]) -> None:
        if not fresh:
            return
        by_type: dict[str, list[AlphaNode]] = {}
        for node in fresh:
            by_type.setdefault(node.test.type, []).append(node)
        for entry in entries:
            nodes = by_type.get(entry.type)
            if nodes is None or not entry.is_live:
                continue
            for node in nodes:
                if node.meets(entry):
                    item = self._items.get(entry.id)
                    if item is None:
                        item = self._items[entry.id] = Item(entry)
                    item.nodes.append(node)
                    node.insert(item)

    def remove(self, source: str) -> None:
        """Forget a source's trigger; a source that has none here is left alone."""
        sequence = self._sequences.pop(source, None)
        if sequence is not None:
            rule = self._rules.pop(sequence)
            for item in rule.release(self._network):
                if not item.nodes:
                    self._items.pop(item.id, None)

    def update(self, old: Entry | None, new: Entry | None) -> Delta:
        """Take in the change of one entry.

        Args:
            old: The entry before, or None if it is new.
            new: The entry after, or None if it is gone; the same id as `old`.

        Returns:
            What that did to the matches.
        """
        entry = new if new is not None else old
        assert entry is not None, "a change has an entry before it or after it"
        assert old is None or old.id == entry.id, "a change is of one entry"
        held = self._items.get(entry.id)
        nodes = self._network.hits(new) if new is not None and new.is_live else []
        if held is None:
            if not nodes:
                return self._delta([], [], [])
            return self._replace(None, [], Item(entry), nodes)
        if not nodes:
            return self._replace(held, held.nodes, None, [])
        if held.premise.version != entry.version:
            return self._replace(held, held.nodes, Item(entry), nodes)
        assert held.data is entry.data or held.data == entry.data, "data changed, its version did not"
        if nodes == held.nodes:
            return self._delta([], [], [])
        return self._reassess(held, nodes)

    def _replace(
        self, held: Item | None, left: list[AlphaNode], item: Item | None, entered: list[AlphaNode]
    ) -> Delta:
        """Exchange one version of an entry for another, either of which may be none."""
        if held is not None:
            for node in left:
                node.discard(held)
            del self._items[held.id]
        if item is not None:
            item.nodes = entered
            self._items[item.id] = item
            for node in entered:
                node.insert(item)
        return self._react(held, left, item, entered)

    def _reassess(self, item: Item, nodes: list[AlphaNode]) -> Delta:
        """Move an entry, whose data is as before, to the nodes that its belief and claims now lead to."""
        before, after = dict.fromkeys(item.nodes), dict.fromkeys(nodes)
        left = [node for node in before if node not in after]
        entered = [node for node in after if node not in before]
        item.nodes = nodes
        for node in left:
            node.discard(item)
        for node in entered:
            node.insert(item)
        return self._react(item, left, item, entered)

    def _react(
        self, held: Item | None, left: list[AlphaNode], item: Item | None, entered: list[AlphaNode]
    ) -> Delta:
        # As distinct slots hold distinct entries, a match holds the changed entry in one slot only. So
        # joining from each of its nodes finds each match once, and it does not matter whether the memories
        # hold the entry's old version, its new one or none meanwhile.
        unmatched = self._matches_with(held, left, signals=True) if held is not None else []
        matched = self._matches_with(item, entered, signals=False) if item is not None else []
        gated: dict[int, None] = {}
        for nodes in (left, entered):
            for node in nodes:
                if node.groups:
                    gated |= node.groups
        return self._delta(matched, unmatched, sorted(gated) if gated else [])

    def _matches_with(self, item: Item, nodes: list[AlphaNode], *, signals: bool) -> list[_Found]:
        found: list[_Found] = []
        budgets: dict[int, Budget] = {}
        for node in nodes:
            for sequence, slot in node.patterns:
                rule = self._rules[sequence]
                if rule.signal is not None and not signals:
                    continue
                if len(rule.slots) == 1:
                    found.append((sequence, Match(rule.source, (item.premise,))))
                    continue
                budget = budgets.get(sequence)
                if budget is None:
                    budget = budgets[sequence] = Budget(self._limits)
                found += self._join(rule, slot, [item], budget)
        if len(found) > 1:
            found.sort(key=_order)
        return found

    def _join(self, rule: Rule, slot: int, items: Iterable[Item], budget: Budget) -> list[_Found]:
        if rule.sequence in self._exceeded:
            return []
        plan = rule.plan(slot)
        found: list[_Found] = []
        try:
            for item in items:
                found += [
                    (rule.sequence, Match(rule.source, bindings))
                    for bindings in plan.complete(slot, item, budget)
                ]
        except BudgetSpent:
            self._exceeded[rule.sequence] = rule.source
        return found

    def _delta(self, matched: list[_Found], unmatched: list[_Found], recheck: list[int]) -> Delta:
        if not self._exceeded:
            if not (matched or unmatched or recheck):
                return NOTHING
            return Delta(
                tuple([match for _, match in matched]) if matched else (),
                tuple([match for _, match in unmatched]) if unmatched else (),
                tuple([self._rules[each].source for each in recheck]) if recheck else (),
            )
        delta = Delta(
            self._within_limits(matched),
            self._within_limits(unmatched),
            tuple([self._rules[each].source for each in recheck if each not in self._exceeded]),
            tuple(self._exceeded.values()),
        )
        self._drop_exceeded()
        self._exceeded.clear()
        return delta

    def _within_limits(self, found: list[_Found]) -> tuple[Match, ...]:
        return tuple([match for sequence, match in found if sequence not in self._exceeded])

    def _drop_exceeded(self) -> None:
        for sequence, source in self._exceeded.items():
            if sequence in self._rules:
                self.remove(source)

    def take_suspended(self) -> tuple[str, ...]:
        """Return the sources that `add` and `signalled` found beyond the limits and removed, each once.

        Whatever is not taken is named by the next `update`.
        """
        suspended = tuple(self._exceeded.values())
        self._exceeded.clear()
        return suspended

    def signalled(self, signal: Signal) -> tuple[Match, ...]:
        """Return all matches, at this moment, of the triggers that wait for `signal`.

        They come by order of registration, then by bound entries. A source whose matches exceed the limits
        has none here; it is removed and named by `take_suspended`.
        """
        return self._matches_of([rule for rule in self._rules.values() if rule.signal == signal])

    def _matches_of(self, rules: list[Rule]) -> tuple[Match, ...]:
        found: list[_Found] = []
        for rule in rules:
            if not rule.slots:
                found.append((rule.sequence, Match(rule.source, ())))
                continue
            start = min(range(len(rule.slots)), key=lambda slot: len(rule.slots[slot].node.memory))
            items = rule.slots[start].node.memory.values()
            found += self._join(rule, start, items, Budget(self._limits))
        found.sort(key=_order)
        matches = self._within_limits(found)
        self._drop_exceeded()
        return matches

    def blocked(self, source: str, bindings: tuple[Premise, ...]) -> str | None:
        """Say why a match may not fire now.

        Returns:
            None if each `exists` group has a joint match and no `absent` group has one; otherwise the
            reason in words, which names entries: `absent: #5 Cause`, `missing: ErrorSpike(ratio >= 3)`,
            `gone: #3` for a bound entry that no longer meets its pattern, `too large: ...` for a group
            that takes more work than the limits allow.
        """
        sequence = self._sequences.get(source)
        if sequence is None:
            return f"no trigger of source {source!r} is registered"
        rule = self._rules[sequence]
        assert len(bindings) == len(rule.slots), "a match binds one entry per pattern"
        gone = self._gone(rule, bindings)
        if gone is not None or not (rule.exists or rule.absent):
            return gone
        bound = [self._items[premise.entry] for premise in bindings]
        budget = Budget(self._limits)
        group: Group | None = None
        try:
            for group in rule.exists:
                if group.plan().first(bound, budget) is None:
                    return f"missing: {group}"
            for group in rule.absent:
                row = group.plan().first(bound, budget)
                if row is not None:
                    named = [f"#{each.entry} {self._items[each.entry].type}" for each in row[group.bound :]]
                    return "absent: " + " and ".join(named)
        except BudgetSpent:
            return f"too large: {group} takes more than {self._limits.candidates_per_change_max} comparisons"
        return None

    def _gone(self, rule: Rule, bindings: tuple[Premise, ...]) -> str | None:
        for slot, premise in zip(rule.slots, bindings, strict=True):
            item = slot.node.memory.get(premise.entry)
            if item is None or item.premise != premise:
                return f"gone: #{premise.entry}"
        return None

    def statistics(self) -> MatcherStatistics:
        """Return how large the matcher is."""
        nodes = list(self._network.nodes())
        return MatcherStatistics(
            sources=len(self._rules),
            entries=len(self._items),
            nodes=len(nodes),
            memberships=sum(len(node.memory) for node in nodes),
            indexes=sum(len(node.indexes) for node in nodes),
        )


_Found = tuple[int, Match]
"""A match with its source's place in the order of registration."""


def _order(found: _Found) -> tuple[int, list[int]]:
    return found[0], [premise.entry for premise in found[1].bindings]
