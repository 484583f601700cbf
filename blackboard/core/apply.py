"""Applying events: the only way a board changes, live and on replay alike.

`apply` trusts what it is given: an event was decided before it was recorded. It changes the board in place
and returns what each touched entry was before, so that control can follow. Control events (sources, agents,
leases) pass through here for their revision and leave the entries alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import msgspec

from blackboard.core import events as ev
from blackboard.core.belief import refresh
from blackboard.core.board import Board, KnownType, Touched, next_board_status
from blackboard.core.entry import Entry, EntryId, Justification, Link, StatusMove, next_status
from blackboard.core.entry_type import validator_of
from blackboard.core.record import Record
from blackboard.core.values import to_millionths

__all__ = ["apply"]


def apply(board: Board, record: Record) -> Touched:
    """Apply one record, the next in the log, to the board.

    Returns:
        What every entry touched by it was before, belief included.
    """
    assert record.revision == board.revision + 1, f"revision {record.revision} follows {board.revision}"
    board.revision = record.revision
    board.time_ms = record.time_ms
    touched: Touched = {}
    _apply_event(board, record.event, touched)
    if touched and not _is_plain(board, record.event):
        refresh(board, touched, touched)
    return touched


def _is_plain(board: Board, event: ev.Event) -> bool:
    """Tell whether an event posts a premise that names nothing: its belief is the claim, its root itself."""
    if not isinstance(event, ev.EntryPosted) or event.premises or event.activation is not None:
        return False
    return not board.types[event.type].definition.background


def _apply_event(board: Board, event: ev.Event, touched: Touched) -> None:
    match event:
        case ev.EntryPosted():
            _posted(board, event, touched)
        case ev.EntryMerged():
            _merged(board, event, touched)
        case ev.EntryRevised():
            _revised(board, event, touched)
        case ev.EntriesLinked():
            _linked(board, event, touched)
        case ev.LinkWithdrawn():
            _unlinked(board, event, touched)
        case ev.EntryJudged():
            _move(board, event.entry, event.verdict, touched)
        case ev.EntryRetracted():
            _move(board, event.entry, "retract", touched)
        case ev.ClaimWithdrawn():
            _withdrawn(board, event, touched)
        case ev.SupportLost():
            _move(board, event.entry, "unsupport", touched)
        case ev.SupportRegained():
            _move(board, event.entry, "support", touched)
        case ev.EntryExpired():
            _move(board, event.entry, "expire", touched)
        case ev.TypeDefined(type=definition):
            board.put(board.types, definition.name, KnownType(definition, validator_of(definition)))
        case ev.BoardOpened():
            board.status = next_board_status(board.status, "open")
            board.goal, board.settings, board.opened_ms = event.goal, event.settings, board.time_ms
        case ev.SettingsChanged(settings=settings):
            board.settings = settings
        case ev.BoardPaused():
            board.status = next_board_status(board.status, "pause")
        case ev.BoardResumed():
            board.status = next_board_status(board.status, "resume")
        case ev.BoardClosing():
            board.status = next_board_status(board.status, "close")
            board.closing_outcome, board.closing_reason = event.outcome, event.reason
            board.closing_until_ms = event.until_ms
        case ev.BoardEnded():
            board.status = next_board_status(board.status, "end")
            board.outcome, board.reason, board.answer = event.outcome, event.reason, event.answer
        case ev.ActivationExecuted(activation=activation):
            board.drop(board.partials, activation)
            board.drop(board.partial_links, activation)
        case (
            ev.SourceEnabled()
            | ev.SourceDisabled()
            | ev.AgentAttached()
            | ev.AgentDetached()
            | ev.LeaseGranted()
            | ev.LeaseExpired()
            | ev.ActivationFailed()
            | ev.ActivationCancelled()
            | ev.ActivationRetried()
            | ev.QuiescenceSignalled()
        ):
            pass
        case _:
            assert_never(event)


def _posted(board: Board, event: ev.EntryPosted, touched: Touched) -> None:
    assert event.entry == board.entry_count + 1, "entry numbers are consecutive"
    board.entry_count = event.entry
    definition = board.types[event.type].definition
    reason = Justification(
        author=event.author,
        confidence=to_millionths(event.confidence),
        premises=event.premises,
        activation=event.activation,
    )
    entry = Entry(
        id=event.entry,
        type=event.type,
        level=definition.level,
        data=event.data,
        version=1,
        status="proposed",
        author=event.author,
        justifications=(reason,),
        belief=reason.confidence if event.activation is None else 0,
        posted_ms=board.time_ms,
        posted_revision=board.revision,
        data_revision=board.revision,
        activation=event.activation,
        expires_ms=event.expires_ms,
        note=event.note,
        trust=event.trust,
    )
    board.put_entry(entry, touched)
    identity = board.identity_of(definition, event.data)
    if identity is not None:
        board.put(board.identities, identity, entry.id)
    if event.expires_ms is not None:
        board.put(board.expiries, entry.id, event.expires_ms)
    _index_reason(board, entry.id, reason, keep=event.keep)


def _index_reason(board: Board, entry_id: EntryId, reason: Justification, *, keep: bool) -> None:
    for premise in reason.premises:
        board.put(board.inner(board.dependents, premise.entry), entry_id, None)
    if reason.activation is not None and not keep:
        board.put(board.inner(board.partials, reason.activation), entry_id, None)


def _merged(board: Board, event: ev.EntryMerged, touched: Touched) -> None:
    entry = board.entries[event.entry]
    reason = Justification(
        author=event.author,
        confidence=to_millionths(event.confidence),
        premises=event.premises,
        activation=event.activation,
    )
    is_anew = event.data is not None and entry.status == "unsupported"
    others = () if is_anew else tuple(each for each in entry.justifications if not _same_claim(each, reason))
    changed = msgspec.structs.replace(entry, justifications=(*others, reason))
    if event.data is not None:
        changed = msgspec.structs.replace(
            changed, data=event.data, version=entry.version + 1, data_revision=board.revision
        )
    if event.note and reason.confidence >= entry.confidence:
        changed = msgspec.structs.replace(changed, note=event.note)
    board.put_entry(changed, touched)
    _index_reason(board, entry.id, reason, keep=event.keep)


def _same_claim(old: Justification, new: Justification) -> bool:
    """A later claim of the same author from the same premises replaces the earlier one."""
    return old.author == new.author and (
        old.premises == new.premises or (new.activation is not None and old.activation == new.activation)
    )


def _revised(board: Board, event: ev.EntryRevised, touched: Touched) -> None:
    entry = board.entries[event.entry]
    if event.data is None:
        assert event.confidence is not None, "a revision changes the data or the claim"
        board.put_entry(_reclaimed(entry, event.author, to_millionths(event.confidence)), touched)
        return
    standing = [
        each.confidence for each in entry.justifications if each.author == event.author and not each.withdrawn
    ]
    claim = max(standing, default=entry.confidence)
    confidence = claim if event.confidence is None else to_millionths(event.confidence)
    reason = Justification(
        author=event.author, confidence=confidence, premises=event.premises, activation=event.activation
    )
    changed = msgspec.structs.replace(
        entry,
        data=event.data,
        version=entry.version + 1,
        data_revision=board.revision,
        justifications=(reason,),
        note=event.note or entry.note,
    )
    board.put_entry(changed, touched)
    _index_reason(board, entry.id, reason, keep=True)


def _reclaimed(entry: Entry, author: str, confidence: int) -> Entry:
    """Return the entry with every standing claim of `author` set to `confidence`."""
    justifications = tuple(
        msgspec.structs.replace(each, confidence=confidence)
        if each.author == author and not each.withdrawn
        else each
        for each in entry.justifications
    )
    return msgspec.structs.replace(entry, justifications=justifications)


def _linked(board: Board, event: ev.EntriesLinked, touched: Touched) -> None:
    link = Link(
        kind=event.kind,
        source=event.source,
        target=event.target,
        weight=to_millionths(event.weight),
        author=event.author,
        activation=event.activation,
        reason=event.reason,
    )
    board.put(board.inner(board.links_out, link.source), (link.kind, link.target, link.author), link)
    board.put(board.inner(board.links_in, link.target), (link.kind, link.source, link.author), link)
    touched.setdefault(link.target, board.entries[link.target])
    if event.activation is not None and not event.keep and link.kind != "supersedes":
        # Superseding is final, and so is the link that did it.
        drawn = board.inner(board.partial_links, event.activation)
        board.put(drawn, (link.kind, link.source, link.target), None)
    if link.kind == "supersedes":
        _move(board, link.target, "supersede", touched)


def _unlinked(board: Board, event: ev.LinkWithdrawn, touched: Touched) -> None:
    board.drop(board.links_out[event.source], (event.kind, event.target, event.author))
    board.drop(board.links_in[event.target], (event.kind, event.source, event.author))
    board.drop(board.partial_links[event.activation], (event.kind, event.source, event.target))
    touched.setdefault(event.target, board.entries[event.target])


def _withdrawn(board: Board, event: ev.ClaimWithdrawn, touched: Touched) -> None:
    entry = board.entries[event.entry]
    justifications = tuple(
        msgspec.structs.replace(each, withdrawn=True) if _is_meant(each, event) else each
        for each in entry.justifications
    )
    board.put_entry(msgspec.structs.replace(entry, justifications=justifications), touched)
    if event.activation is not None and event.activation in board.partials:
        board.drop(board.partials[event.activation], event.entry)


def _is_meant(justification: Justification, event: ev.ClaimWithdrawn) -> bool:
    return justification.author == event.author and event.activation in (None, justification.activation)


def _move(board: Board, entry_id: EntryId, move: StatusMove, touched: Touched) -> None:
    entry = board.entries[entry_id]
    changed = msgspec.structs.replace(entry, status=next_status(entry.status, move))
    board.put_entry(changed, touched)
    if changed.status in {"retracted", "expired", "superseded"}:
        for name in _identities(board, entry):
            board.drop(board.identities, name)
        board.drop(board.expiries, entry_id)


def _identities(board: Board, entry: Entry) -> Iterator[tuple[str, bytes]]:
    identity = board.identity_of(board.types[entry.type].definition, entry.data)
    if identity is not None and board.identities.get(identity) == entry.id:
        yield identity
