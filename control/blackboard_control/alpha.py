"""The alpha network: which patterns does one entry meet, taken alone?

Owns the memories: one `AlphaNode` per distinct entry test (type, conditions without variables, least
confidence, least belief), shared by all patterns that ask the same. Invariant: a node's memory and each of
its join indexes hold exactly the live entries that meet its test, at their latest version.

Theory of operation. Nodes are found by entry type, and inside a type by one *anchor*, so that the cost of a
change follows what it meets and not how many nodes there are:

1. an equality (or `one_of`) with a constant: a hash lookup per distinct path;
2. else one numeric comparison, or a least belief or confidence: a bisection per distinct path;
3. else the node is tried on every entry of its type.

Of several equalities the one whose bucket is emptiest at registration becomes the anchor. Weighed and left
aside: a tree that tests all equalities in turn (a lookup per level, and patterns rarely share two), and
counting met conditions per node (touches every node that shares one common value).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable
from math import isfinite
from typing import Any, Final, TypeAlias

import msgspec

from blackboard.core.condition import Compare, Condition
from blackboard.core.entry import Entry, Premise
from blackboard.core.fact import to_data
from blackboard.core.values import MISSING, Data, Millionths, canonical, is_array
from blackboard_control.predicate import Read, Test, compile_read, compile_test, equality_key

__all__ = ["AlphaNetwork", "AlphaNode", "EntryTest", "Item", "JoinIndex"]

_BELIEF: Final = "belief"  # the names of what is not data; JSON Pointers start with a slash
_CONFIDENCE: Final = "confidence"


class Item:
    """One live entry at one version, as the memories hold it, with the nodes that it meets."""

    __slots__ = ("data", "id", "nodes", "premise", "type")

    def __init__(self, entry: Entry) -> None:
        self.id = entry.id
        self.type = entry.type
        self.data = entry.data
        self.premise = Premise(entry.id, entry.version)
        self.nodes: list[AlphaNode] = []


class EntryTest(msgspec.Struct, frozen=True, kw_only=True):
    """What an alpha node asks of an entry: a pattern without its variable and its joins."""

    type: str
    conditions: tuple[Condition, ...]
    min_confidence: Millionths
    min_belief: Millionths

    @property
    def key(self) -> bytes:
        """Equal for equal tests; canonical JSON, because Python takes `True` for `1`."""
        return canonical(to_data(self))


class JoinIndex:
    """The items of one node by the values at some paths; an item without one of them is in no bucket."""

    __slots__ = ("_reads", "buckets", "users")

    def __init__(self, paths: tuple[str, ...]) -> None:
        self._reads = tuple(map(compile_read, paths))
        self.buckets: dict[Hashable, dict[int, Item]] = {}
        self.users = 0

    def insert(self, item: Item) -> None:
        """Take an item in."""
        key = self._key(item.data)
        if key is not MISSING:
            self.buckets.setdefault(key, {})[item.id] = item

    def discard(self, item: Item) -> None:
        """Let an item go."""
        key = self._key(item.data)
        if key is not MISSING:
            bucket = self.buckets[key]
            del bucket[item.id]
            if not bucket:
                del self.buckets[key]

    def _key(self, data: Data) -> Hashable:
        values = tuple([read(data) for read in self._reads])
        return MISSING if MISSING in values else tuple(map(equality_key, values))


class AlphaNode:
    """One distinct entry test, its memory, and who reads it.

    `patterns` holds `(sequence, slot)` of the triggers that bind from it, `groups` the sequences of those
    that look here for `exists` and `absent`; dictionaries serve as ordered sets.
    """

    __slots__ = (
        "_is_past_anchor",
        "_min_belief",
        "_min_confidence",
        "_tests",
        "anchor",
        "groups",
        "indexes",
        "memory",
        "patterns",
        "test",
    )

    def __init__(self, test: EntryTest, anchor: Anchor | None) -> None:
        self.test = test
        self.anchor = anchor
        self.patterns: dict[tuple[int, int], None] = {}
        self.groups: dict[int, None] = {}
        self.memory: dict[int, Item] = {}
        self.indexes: dict[tuple[str, ...], JoinIndex] = {}
        self._min_belief = test.min_belief
        self._min_confidence = test.min_confidence
        settled = None if anchor is None else anchor.condition
        self._is_past_anchor: Test = _always if settled is None else compile_test(settled)
        self._tests: tuple[Test, ...] = tuple(
            compile_test(each) for each in test.conditions if each is not settled
        )

    @property
    def is_read(self) -> bool:
        """Whether any trigger still needs this node."""
        return bool(self.patterns or self.groups)

    def accepts(self, entry: Entry) -> bool:
        """Tell whether `entry`, of the right type and past the anchor, meets the test."""
        data = entry.data
        for test in self._tests:
            if not test(data):
                return False
        return entry.belief >= self._min_belief and (
            self._min_confidence == 0 or entry.confidence >= self._min_confidence
        )

    def meets(self, entry: Entry) -> bool:
        """Tell whether `entry`, of the right type, meets the whole test."""
        return self._is_past_anchor(entry.data) and self.accepts(entry)

    def insert(self, item: Item) -> None:
        """Remember an item that meets the test."""
        self.memory[item.id] = item
        for index in self.indexes.values():
            index.insert(item)

    def discard(self, item: Item) -> None:
        """Forget an item."""
        del self.memory[item.id]
        for index in self.indexes.values():
            index.discard(item)

    def acquire_index(self, paths: tuple[str, ...]) -> JoinIndex:
        """Return the index over `paths`, built on first use; `release_index` gives it back."""
        index = self.indexes.get(paths)
        if index is None:
            index = self.indexes[paths] = JoinIndex(paths)
            for item in self.memory.values():
                index.insert(item)
        index.users += 1
        return index

    def release_index(self, paths: tuple[str, ...]) -> None:
        """Give an index back; it is dropped with its last user."""
        index = self.indexes[paths]
        index.users -= 1
        if not index.users:
            del self.indexes[paths]


def _always(_: Data) -> bool:
    return True


class _Equality(msgspec.Struct, frozen=True):
    """Anchor: the value at a path is one of some constants."""

    condition: Compare
    path: str
    keys: tuple[Hashable, ...]


class _Bound(msgspec.Struct, frozen=True):
    """Anchor: a number is past a limit; `condition` is None where it is belief or confidence."""

    condition: Compare | None
    path: str
    is_lower: bool
    limit: tuple[float, int]


Anchor: TypeAlias = _Equality | _Bound


class AlphaNetwork:
    """All alpha nodes, found by type and anchor."""

    __slots__ = ("_nodes", "_types")

    def __init__(self) -> None:
        self._nodes: dict[bytes, AlphaNode] = {}
        self._types: dict[str, _TypeIndex] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def nodes(self) -> Iterable[AlphaNode]:
        """Return all nodes in the order of their making."""
        return self._nodes.values()

    def acquire(self, test: EntryTest) -> tuple[AlphaNode, bool]:
        """Return the node for `test`, and whether it is new, so that its memory is still to be filled."""
        key = test.key
        node = self._nodes.get(key)
        if node is not None:
            return node, False
        index = self._types.get(test.type)
        if index is None:
            index = self._types[test.type] = _TypeIndex()
        node = self._nodes[key] = AlphaNode(test, index.choose_anchor(test))
        index.insert(node)
        return node, True

    def release(self, node: AlphaNode) -> list[Item]:
        """Drop a node that nobody reads any more; unlink its items and return them."""
        assert not node.is_read
        for item in node.memory.values():
            item.nodes.remove(node)
        index = self._types[node.test.type]
        index.discard(node)
        if index.is_empty:
            del self._types[node.test.type]
        del self._nodes[node.test.key]
        return list(node.memory.values())

    def hits(self, entry: Entry) -> list[AlphaNode]:
        """Return the nodes whose test `entry` meets, in a fixed order."""
        index = self._types.get(entry.type)
        return [] if index is None else index.hits(entry)


class _TypeIndex:
    """The nodes of one entry type, by anchor."""

    __slots__ = ("bounds", "equalities", "others")

    def __init__(self) -> None:
        self.others: dict[AlphaNode, None] = {}
        self.equalities: dict[str, tuple[Read, dict[Hashable, dict[AlphaNode, None]]]] = {}
        self.bounds: dict[str, _Bounds] = {}

    @property
    def is_empty(self) -> bool:
        return not (self.others or self.equalities or self.bounds)

    def choose_anchor(self, test: EntryTest) -> Anchor | None:
        equalities = [each for each in map(_equality, test.conditions) if each is not None]
        if equalities:
            return min(equalities, key=self._crowd)
        for each in map(_bound, test.conditions):
            if each is not None:
                return each
        if test.min_belief:
            return _Bound(None, _BELIEF, True, (test.min_belief, 0))
        if test.min_confidence:
            return _Bound(None, _CONFIDENCE, True, (test.min_confidence, 0))
        return None

    def _crowd(self, anchor: _Equality) -> int:
        if anchor.path not in self.equalities:
            return 0
        buckets = self.equalities[anchor.path][1]
        return sum(len(buckets.get(key, ())) for key in anchor.keys)

    def insert(self, node: AlphaNode) -> None:
        anchor = node.anchor
        if anchor is None:
            self.others[node] = None
        elif isinstance(anchor, _Equality):
            if anchor.path not in self.equalities:
                self.equalities[anchor.path] = (compile_read(anchor.path), {})
            buckets = self.equalities[anchor.path][1]
            for key in anchor.keys:
                buckets.setdefault(key, {})[node] = None
        else:
            if anchor.path not in self.bounds:
                self.bounds[anchor.path] = _Bounds(anchor.path)
            self.bounds[anchor.path].insert(anchor, node)

    def discard(self, node: AlphaNode) -> None:
        anchor = node.anchor
        if anchor is None:
            del self.others[node]
        elif isinstance(anchor, _Equality):
            buckets = self.equalities[anchor.path][1]
            for key in anchor.keys:
                del buckets[key][node]
                if not buckets[key]:
                    del buckets[key]
            if not buckets:
                del self.equalities[anchor.path]
        else:
            bounds = self.bounds[anchor.path]
            bounds.discard(anchor, node)
            if bounds.is_empty:
                del self.bounds[anchor.path]

    def hits(self, entry: Entry) -> list[AlphaNode]:
        data = entry.data
        found = [node for node in self.others if node.accepts(entry)]
        for read, buckets in self.equalities.values():
            value = read(data)
            if value is not MISSING:
                bucket = buckets.get(equality_key(value))
                if bucket is not None:
                    found += [node for node in bucket if node.accepts(entry)]
        for bounds in self.bounds.values():
            found += [node for node in bounds.past(entry) if node.accepts(entry)]
        return found


class _Bounds:
    """The nodes anchored to lower and upper bounds of one number, each sorted by limit.

    A limit is `(number, nudge)`. A lower bound is met if `limit <= (value, 0)`, with nudge 1 for `>`; an
    upper one if `limit >= (value, 1)`, with nudge 0 for `<`.
    """

    __slots__ = ("_lower", "_lower_nodes", "_read", "_upper", "_upper_nodes")

    def __init__(self, path: str) -> None:
        self._read = _compile_number(path)
        self._lower: list[tuple[float, int]] = []
        self._lower_nodes: list[AlphaNode] = []
        self._upper: list[tuple[float, int]] = []
        self._upper_nodes: list[AlphaNode] = []

    @property
    def is_empty(self) -> bool:
        return not (self._lower or self._upper)

    def insert(self, anchor: _Bound, node: AlphaNode) -> None:
        limits, nodes = self._side(anchor)
        position = bisect_right(limits, anchor.limit)
        limits.insert(position, anchor.limit)
        nodes.insert(position, node)

    def discard(self, anchor: _Bound, node: AlphaNode) -> None:
        limits, nodes = self._side(anchor)
        position = nodes.index(node, bisect_left(limits, anchor.limit))
        del limits[position], nodes[position]

    def past(self, entry: Entry) -> list[AlphaNode]:
        value = self._read(entry)
        if type(value) is not int and type(value) is not float:
            return []
        return (
            self._lower_nodes[: bisect_right(self._lower, (value, 0))]
            + self._upper_nodes[bisect_left(self._upper, (value, 1)) :]
        )

    def _side(self, anchor: _Bound) -> tuple[list[tuple[float, int]], list[AlphaNode]]:
        if anchor.is_lower:
            return self._lower, self._lower_nodes
        return self._upper, self._upper_nodes


def _compile_number(path: str) -> Callable[[Entry], Any]:
    if path == _BELIEF:
        return lambda entry: entry.belief
    if path == _CONFIDENCE:
        return lambda entry: entry.confidence
    read = compile_read(path)
    return lambda entry: read(entry.data)


def _equality(condition: Condition) -> _Equality | None:
    if not isinstance(condition, Compare) or condition.field is not None:
        return None
    if condition.op == "==":
        return _Equality(condition, condition.path, (equality_key(condition.value),))
    if condition.op == "one_of" and is_array(condition.value):
        keys = dict.fromkeys(map(equality_key, condition.value))
        return _Equality(condition, condition.path, tuple(keys))
    return None


_NUDGES: Final[dict[str, tuple[bool, int]]] = {
    ">=": (True, 0),
    ">": (True, 1),
    "<=": (False, 1),
    "<": (False, 0),
}


def _bound(condition: Condition) -> _Bound | None:
    if not isinstance(condition, Compare) or condition.field is not None or condition.op not in _NUDGES:
        return None
    value = condition.value
    if (type(value) is not int and type(value) is not float) or not isfinite(value):
        return None
    is_lower, nudge = _NUDGES[condition.op]
    return _Bound(condition, condition.path, is_lower, (value, nudge))
