"""Support: which entries stand, given what each rests on (truth maintenance).

An entry is in while it is a premise (a standing justification from outside any activation) or while one
justification is whole: every entry that it names is in, at the version that was read. Support is grounded:
entries that only support each other are out (Doyle, A Truth Maintenance System, 1979). `settle` decides what
follows from a change; it is called until nothing follows.
"""

from __future__ import annotations

from collections.abc import Mapping

from blackboard.core.board import Board, Touched
from blackboard.core.entry import Entry, EntryId, Justification
from blackboard.core.events import SupportLost, SupportRegained

__all__ = ["is_whole", "settle"]


def is_whole(board: Board, justification: Justification) -> bool:
    """Tell whether a justification stands and every entry it names is in, at that very version."""
    if justification.withdrawn:
        return False
    if justification.activation is None:
        return True
    return all(
        (entry := board.entries.get(premise.entry)) is not None
        and entry.is_live
        and entry.version == premise.version
        for premise in justification.premises
    )


def settle(board: Board, touched: Touched) -> list[SupportLost | SupportRegained]:
    """Decide which entries lose or regain support after the entries in `touched` changed.

    Args:
        board: The board after the change; read only.
        touched: What each changed entry was before.

    Returns:
        The facts to record, in the order of entry numbers. Applying them calls for another `settle`
        only for what they touch.
    """
    shaken = _closure(board, touched)
    if not shaken:
        return []
    grounded = _ground(board, shaken)
    events: list[SupportLost | SupportRegained] = []
    for entry_id in sorted(shaken):
        entry = board.entries[entry_id]
        if entry.is_live and entry_id not in grounded:
            events.append(SupportLost(entry=entry_id, cause=_cause(board, entry, grounded, shaken)))
        elif entry.status == "unsupported" and entry_id in grounded:
            events.append(SupportRegained(entry=entry_id))
    return events


def _closure(board: Board, touched: Touched) -> dict[EntryId, None]:
    """Return the entries whose support may have changed: the touched ones and all that rests on them."""
    found: dict[EntryId, None] = {}
    queue: list[EntryId] = []
    for entry_id, before in touched.items():
        entry = board.entries[entry_id]
        if before is None or before.justifications is not entry.justifications or not before.is_live:
            _reach(entry, found, queue)
        if before is not None and (before.is_live != entry.is_live or before.version != entry.version):
            queue.append(entry_id)
    while queue:
        for dependent in board.dependents.get(queue.pop(), ()):
            if dependent not in found:
                _reach(board.entries[dependent], found, queue)
    return found


def _reach(entry: Entry, found: dict[EntryId, None], queue: list[EntryId]) -> None:
    if _is_computed(entry) and entry.id not in found:
        found[entry.id] = None
        queue.append(entry.id)


def _is_computed(entry: Entry) -> bool:
    """Support decides over entries that are out for want of it, or in but for a standing premise."""
    if not entry.is_live:
        return entry.status == "unsupported"
    standing = [each for each in entry.justifications if each.activation is None and not each.withdrawn]
    return not standing


def _ground(board: Board, shaken: Mapping[EntryId, None]) -> dict[EntryId, None]:
    """Return those of `shaken` that stand, assuming at first that none of them does."""
    grounded: dict[EntryId, None] = {}
    grew = True
    while grew:
        grew = False
        for entry_id in shaken:
            if entry_id not in grounded and _stands(board, board.entries[entry_id], shaken, grounded):
                grounded[entry_id] = None
                grew = True
    return grounded


def _stands(
    board: Board, entry: Entry, shaken: Mapping[EntryId, None], grounded: Mapping[EntryId, None]
) -> bool:
    return any(_holds(board, each, shaken, grounded) for each in entry.justifications)


def _holds(
    board: Board,
    justification: Justification,
    shaken: Mapping[EntryId, None],
    grounded: Mapping[EntryId, None],
) -> bool:
    if justification.withdrawn:
        return False
    if justification.activation is None:
        return True
    for premise in justification.premises:
        other = board.entries[premise.entry]
        if other.version != premise.version:
            return False
        if not (premise.entry in grounded if premise.entry in shaken else other.is_live):
            return False
    return True


def _cause(
    board: Board, entry: Entry, grounded: Mapping[EntryId, None], shaken: Mapping[EntryId, None]
) -> EntryId | None:
    """Name the first entry whose loss broke the entry's first justification."""
    for justification in entry.justifications:
        for premise in justification.premises:
            other = board.entries[premise.entry]
            stands = premise.entry in grounded if premise.entry in shaken else other.is_live
            if not stands or other.version != premise.version:
                return premise.entry
    return None
