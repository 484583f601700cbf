"""The agenda: every activation of one board, in its state, and which of them can be picked next.

Owns the activations and their indexes. The queues that `pick` reads are a view of the activations: an
outdated item is recognised by its key and skipped, so a change costs a push, never a search. Time enters
only `pick`; everything else follows from the log alone, so that replay yields the same agenda.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from blackboard.core.activation import (
    ACTIVATION_MOVES,
    ENDED,
    PENDING,
    Activation,
    ActivationId,
    ActivationMove,
    ActivationState,
    RefractionKey,
    next_state,
)
from blackboard.core.entry import EntryId, Premise
from blackboard.core.values import Millionths
from blackboard_control.strategy import Key

__all__ = ["Agenda"]


class Agenda:
    """All activations of a board.

    Args:
        key_of: The sort key of an activation under the strategy in force.
    """

    __slots__ = ("_backoffs", "_by_entry", "_by_key", "_in", "_key_of", "_open", "_queues", "activations")

    def __init__(self, key_of: Callable[[Activation], Key]) -> None:
        self.activations: dict[ActivationId, Activation] = {}
        self._key_of = key_of
        self._by_key: dict[RefractionKey, ActivationId] = {}
        self._by_entry: dict[EntryId, dict[ActivationId, None]] = {}
        self._open: dict[str, dict[ActivationId, None]] = {}
        self._in: dict[ActivationState, dict[ActivationId, None]] = {state: {} for state in ACTIVATION_MOVES}
        self._queues: dict[str, list[tuple[Key, ActivationId]]] = {}
        self._backoffs: list[tuple[int, ActivationId]] = []

    # Change

    def add(
        self, source: str, trigger_hash: str, bindings: tuple[Premise, ...], *, sequence: int
    ) -> Activation:
        """Add an instantiation that has not fired before; it starts as triggered."""
        activation = Activation(
            id=len(self.activations) + 1,
            source=source,
            trigger_hash=trigger_hash,
            bindings=bindings,
            state="triggered",
            sequence=sequence,
        )
        assert activation.key not in self._by_key, "an instantiation fires once"
        self._by_key[activation.key] = activation.id
        self._set(activation)
        self._index(activation)
        return activation

    def move(self, activation_id: ActivationId, move: ActivationMove, **changes: Any) -> Activation:
        """Walk the life-cycle one step, changing the named fields with it."""
        old = self.activations[activation_id]
        changed = msgspec.structs.replace(old, state=next_state(old.state, move), **changes)
        del self._in[old.state][activation_id]
        self._set(changed)
        if changed.state in ENDED:
            self._close(changed)
        elif old.state in ENDED:
            self._index(changed)
        if changed.state == "executable":
            self._push(changed)
        elif changed.state == "backing_off":
            heapq.heappush(self._backoffs, (changed.ready_ms, activation_id))
        return changed

    def _set(self, activation: Activation) -> None:
        self.activations[activation.id] = activation
        self._in[activation.state][activation.id] = None

    def _index(self, activation: Activation) -> None:
        for premise in activation.bindings:
            self._by_entry.setdefault(premise.entry, {})[activation.id] = None
        self._open.setdefault(activation.source, {})[activation.id] = None

    def rerate(self, activation_id: ActivationId, **changes: Any) -> None:
        """Change the rating of a pending activation, or the reason why it waits."""
        changed = msgspec.structs.replace(self.activations[activation_id], **changes)
        self.activations[activation_id] = changed
        if changed.state in {"executable", "backing_off"}:
            self._push(changed)

    def _push(self, activation: Activation) -> None:
        heapq.heappush(
            self._queues.setdefault(activation.source, []), (self._key_of(activation), activation.id)
        )

    def _close(self, activation: Activation) -> None:
        self._open[activation.source].pop(activation.id, None)
        for premise in activation.bindings:
            self._by_entry[premise.entry].pop(activation.id, None)
        if activation.state == "obviated":
            # It never ran to its end, so the same instantiation may fire again when its entries return.
            del self._by_key[activation.key]

    # Questions

    def find(self, key: RefractionKey) -> Activation | None:
        """Return the activation of an instantiation, whatever its state, unless it was obviated."""
        found = self._by_key.get(key)
        return None if found is None else self.activations[found]

    def bound_to(self, entry: EntryId) -> list[Activation]:
        """Return the pending and leased activations that bind `entry`, oldest first."""
        return [self.activations[each] for each in self._by_entry.get(entry, ())]

    def open_of(self, source: str) -> list[Activation]:
        """Return the pending and leased activations of a source, oldest first."""
        return [self.activations[each] for each in self._open.get(source, ())]

    def pending_of(self, source: str) -> list[Activation]:
        """Return the pending activations of a source, oldest first."""
        return [each for each in self.open_of(source) if each.state in PENDING]

    def open_activations(self) -> list[Activation]:
        """Return the pending and leased activations, by source."""
        return [self.activations[each] for ids in self._open.values() for each in ids]

    def in_state(self, state: ActivationState) -> list[Activation]:
        """Return the activations in one state, in the order in which they came to it."""
        return [self.activations[each] for each in self._in[state]]

    def count(self, state: ActivationState) -> int:
        """Return how many activations are in one state."""
        return len(self._in[state])

    def next_ready_ms(self) -> int | None:
        """Return when the next activation has backed off, `None` if none does."""
        while self._backoffs:
            ready_ms, activation_id = self._backoffs[0]
            activation = self.activations[activation_id]
            if activation.state == "backing_off" and activation.ready_ms == ready_ms:
                return ready_ms
            heapq.heappop(self._backoffs)
        return None

    def release_due(self, now_ms: int) -> None:
        """Queue the activations that have backed off; their state changes only with the next lease."""
        while (ready_ms := self.next_ready_ms()) is not None and ready_ms <= now_ms:
            _, activation_id = heapq.heappop(self._backoffs)
            self._push(self.activations[activation_id])

    def pick(self, sources: Iterable[str], *, now_ms: int, minimum: Millionths) -> Activation | None:
        """Return the first activation in order among `sources`, rated at least `minimum`, or `None`."""
        heads = (head for source in sources if (head := self._head(source, now_ms, minimum)) is not None)
        best = min(heads, default=None)
        return None if best is None else self.activations[best[1]]

    def _head(self, source: str, now_ms: int, minimum: Millionths) -> tuple[Key, ActivationId] | None:
        """Return the first valid item of a source's queue, dropping outdated ones before it."""
        queue = self._queues.get(source)
        while queue:
            key, activation_id = queue[0]
            activation = self.activations[activation_id]
            if self._is_ready(activation, now_ms) and key == self._key_of(activation):
                return queue[0] if activation.rating >= minimum else None
            heapq.heappop(queue)
        return None

    @staticmethod
    def _is_ready(activation: Activation, now_ms: int) -> bool:
        return activation.state == "executable" or (
            activation.state == "backing_off" and activation.ready_ms <= now_ms
        )

    def state(self) -> Mapping[str, Any]:
        """Return what the state hash covers: every activation in its state."""
        return {str(each.id): msgspec.to_builtins(each) for each in self.activations.values()}
