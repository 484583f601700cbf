"""Judging contributions: the events that a contribution amounts to, or why it is refused.

`contribute` reads the board as it stands and leaves it unchanged. Everything about provenance (author,
premises, trust) is stamped from the `Author` that the engine made, never taken from the contribution.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal, assert_never

from blackboard.core import commands as cm
from blackboard.core import events as ev
from blackboard.core.activation import ActivationId
from blackboard.core.board import Board
from blackboard.core.completion import Settings
from blackboard.core.entry import LIVE, STATUS_MOVES, Entry, EntryId, Premise, next_status
from blackboard.core.entry_type import EntryType, MergeRule, check_data, check_entry_type
from blackboard.core.errors import Rejected
from blackboard.core.fact import Fact
from blackboard.core.limits import Limits
from blackboard.core.support import is_whole
from blackboard.core.values import Data, Fraction, check_fraction, is_array, to_millionths

__all__ = ["Author", "check_types", "contribute", "define_type"]


class Author(Fact):
    """In whose name a contribution is judged.

    Args:
        name: Source name under an activation, else the principal's name.
        kind: Of the principal.
        activation: The activation it works on, if any.
        premises: The entries that the activation is bound to.
        produces: Types that it may post; empty means any.
        trust: Trust label for what it posts.
        keeps: What it posts stands whatever becomes of the activation, which ends with this very command.
    """

    name: str
    kind: Literal["person", "agent", "system"]
    activation: ActivationId | None = None
    premises: tuple[Premise, ...] = ()
    produces: tuple[str, ...] = ()
    trust: str = "local"
    keeps: bool = False


def contribute(
    board: Board,
    contribution: cm.Contribution,
    author: Author,
    *,
    now_ms: int,
    posted: tuple[EntryId, ...] = (),
) -> tuple[list[ev.Event], EntryId]:
    """Judge one contribution.

    Args:
        board: The board as it stands.
        contribution: What is proposed.
        author: In whose name.
        now_ms: Engine time in milliseconds.
        posted: Entries of the earlier contributions of the same batch, which `-1`, `-2` … name.

    Returns:
        The events to record, none if nothing would change, and the number of the entry concerned.

    Raises:
        Rejected: Why not.
    """
    match contribution:
        case cm.PostEntry():
            return _post(board, contribution, author, now_ms, posted)
        case cm.ReviseEntry():
            return _revise(board, contribution, author, posted)
        case cm.LinkEntries():
            source, target = _resolve(contribution.source, posted), _resolve(contribution.target, posted)
            link = cm.NewLink(
                kind=contribution.kind, target=target, weight=contribution.weight, reason=contribution.reason
            )
            board.entry(source)
            return _link(board, source, link, author), source
        case cm.JudgeEntry():
            return _judge(board, contribution, author, posted)
        case cm.RetractEntry():
            return _retract(board, contribution, author, posted)
        case _:
            assert_never(contribution)


def define_type(board: Board, definition: EntryType) -> list[ev.Event]:
    """Judge the definition of a type; an equal one changes nothing.

    Raises:
        Rejected: `invalid_schema`, `type_conflict`, `unknown_level` or `limit_exceeded`.
    """
    known = board.types.get(definition.name)
    if known is not None:
        if known.definition == definition:
            return []
        raise Rejected("type_conflict", f"type {definition.name!r} is defined differently on this board")
    if len(board.types) >= board.limits.types_per_board_max:
        raise Rejected("limit_exceeded", f"the board has {len(board.types)} types already")
    _check_type(definition, board.settings)
    return [ev.TypeDefined(type=definition)]


def check_types(definitions: Iterable[EntryType], settings: Settings, *, limits: Limits) -> None:
    """Check that a new board with these settings would take all of `definitions`, in this order.

    Raises:
        Rejected: What `define_type` would refuse.
    """
    known: dict[str, EntryType] = {}
    for definition in definitions:
        if known.setdefault(definition.name, definition) != definition:
            raise Rejected("type_conflict", f"type {definition.name!r} is defined twice, and differently")
        _check_type(definition, settings)
    if len(known) > limits.types_per_board_max:
        raise Rejected("limit_exceeded", f"{len(known)} types; at most {limits.types_per_board_max}")


def _check_type(definition: EntryType, settings: Settings) -> None:
    check_entry_type(definition)
    levels = settings.levels
    if levels and definition.level not in levels:
        raise Rejected(
            "unknown_level",
            f"type {definition.name!r} names level {definition.level!r}{_closest(definition.level, levels)}; "
            f"this board has {', '.join(levels)}",
        )


def _closest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _resolve(entry: EntryId, posted: tuple[EntryId, ...]) -> EntryId:
    """Turn `-n` into the entry that the n-th contribution of the batch concerns."""
    if entry >= 0:
        return entry
    if -entry > len(posted):
        raise Rejected(
            "unknown_entry", f"entry {entry} names contribution {-entry}, but only {len(posted)} came before"
        )
    return posted[-entry - 1]


def _premises(
    board: Board,
    author: Author,
    because: tuple[EntryId, ...],
    posted: tuple[EntryId, ...],
) -> tuple[Premise, ...]:
    """Return what a contribution rests on: the bound entries, then those named, each once."""
    if not because and not author.premises:
        return ()
    found = {premise.entry: premise for premise in author.premises}
    for name in because:
        entry = board.entry(_resolve(name, posted))
        if entry.status not in LIVE:
            raise Rejected("unknown_entry", f"#{entry.id} is {entry.status}; nothing can rest on it")
        found.setdefault(entry.id, Premise(entry.id, entry.version))
    if len(found) > board.limits.premises_max:
        raise Rejected(
            "limit_exceeded", f"rests on {len(found)} entries; at most {board.limits.premises_max}"
        )
    return tuple(found.values())


def _check_note(board: Board, note: str) -> str:
    if len(note) > board.limits.text_chars_max:
        raise Rejected(
            "limit_exceeded", f"a note of {len(note)} characters; at most {board.limits.text_chars_max}"
        )
    return note


def _post(
    board: Board, command: cm.PostEntry, author: Author, now_ms: int, posted: tuple[EntryId, ...]
) -> tuple[list[ev.Event], EntryId]:
    known = board.types.get(command.type)
    if known is None:
        hint = _closest(command.type, board.types)
        listed = ", ".join(list(board.types)[:20]) or "none yet"
        raise Rejected(
            "unknown_type", f"board {board.id!r} has no type {command.type!r}{hint}; it has {listed}"
        )
    if author.produces and command.type not in author.produces:
        listed = ", ".join(author.produces)
        raise Rejected(
            "forbidden",
            f"source {author.name!r} declared that it produces {listed}, not {command.type}",
        )
    check_data(known.validator, command.data, type_name=command.type)
    confidence = check_fraction(command.confidence, name="confidence")
    premises = _premises(board, author, command.because, posted)
    for link in command.links:
        if link.kind == "supersedes":
            premises = _without(board, premises, board.entry(_resolve(link.target, posted)))
    note = _check_note(board, command.note)
    identity = board.identity_of(known.definition, command.data)
    standing = board.identities.get(identity) if identity is not None else None
    if standing is not None:
        old = board.entries[standing]
        data = _merge(old, command, known.definition)
        if data is not None:
            check_data(known.validator, data, type_name=command.type)
        merged: ev.Event = ev.EntryMerged(
            entry=standing,
            confidence=confidence,
            author=author.name,
            data=data,
            premises=premises,
            activation=author.activation,
            keep=command.keep or author.keeps,
            note=note,
        )
        entry_id, events = standing, list[ev.Event]((merged,))
    else:
        entry_id = board.entry_count + 1
        events = [_new_entry(board, command, author, premises, confidence=confidence, now_ms=now_ms)]
    for link in command.links:
        target = _resolve(link.target, posted)
        events += _link(
            board,
            entry_id,
            cm.NewLink(kind=link.kind, target=target, weight=link.weight, reason=link.reason),
            author,
            keep=command.keep,
        )
    return events, entry_id


def _new_entry(
    board: Board,
    command: cm.PostEntry,
    author: Author,
    premises: tuple[Premise, ...],
    *,
    confidence: Fraction,
    now_ms: int,
) -> ev.Event:
    definition = board.types[command.type].definition
    ttl_ms = command.ttl_ms if command.ttl_ms is not None else definition.ttl_ms
    if ttl_ms is not None and ttl_ms < 1:
        raise Rejected("invalid_params", f"ttl_ms is {ttl_ms}; expected 1 or more")
    return ev.EntryPosted(
        entry=board.entry_count + 1,
        type=command.type,
        data=command.data,
        confidence=confidence,
        author=author.name,
        premises=premises,
        activation=author.activation,
        keep=command.keep or author.keeps,
        expires_ms=None if ttl_ms is None else now_ms + ttl_ms,
        note=command.note,
        trust=author.trust,
    )


def _merge(old: Entry, command: cm.PostEntry, definition: EntryType) -> Data | None:
    """Return the merged data, or `None` if it stays as it is.

    What is out for want of support contradicts nobody: the new data takes its place.

    Raises:
        Rejected: `identity_conflict` if a field differs and no rule says what then.
    """
    if old.status == "unsupported":
        return None if command.data == old.data else command.data
    merged = dict(old.data)
    is_surer = to_millionths(command.confidence) > old.confidence
    for field, value in command.data.items():
        if field in old.data and old.data[field] != value and field not in definition.identity:
            rule = definition.merge.get(field)
            if rule is None:
                raise Rejected(
                    "identity_conflict",
                    f"{definition.name} #{old.id} has {field} {old.data[field]!r}, this post has {value!r}; "
                    f"the type names no merge rule for {field!r}",
                )
            merged[field] = _merge_field(rule, old.data[field], value, is_surer=is_surer)
        elif field not in old.data:
            merged[field] = value
    return None if merged == old.data else merged


def _merge_field(rule: MergeRule, standing: object, value: object, *, is_surer: bool) -> object:
    match rule:
        case "keep":
            return standing
        case "newest":
            return value
        case "most_confident":
            return value if is_surer else standing
        case "union":
            if not is_array(standing) or not is_array(value):
                raise Rejected("identity_conflict", "the merge rule 'union' is for arrays only")
            return [*standing, *(item for item in value if item not in standing)]
        case _:
            assert_never(rule)


def _revise(
    board: Board, command: cm.ReviseEntry, author: Author, posted: tuple[EntryId, ...]
) -> tuple[list[ev.Event], EntryId]:
    entry = board.entry(_resolve(command.entry, posted))
    _check_owner(entry, author)
    if not entry.is_live:
        raise Rejected("illegal_move", f"#{entry.id} is {entry.status}; only a live entry can be revised")
    if command.version != entry.version:
        raise Rejected(
            "version_conflict", f"#{entry.id} is at version {entry.version}, not {command.version}"
        )
    if command.data is None and command.confidence is None:
        raise Rejected("invalid_params", "a revision needs data, confidence or both")
    confidence = None if command.confidence is None else check_fraction(command.confidence, name="confidence")
    data = None if command.data == entry.data else command.data
    if data is not None:
        _check_revised(board, entry, data)
    elif confidence is None:
        return [], entry.id
    else:
        _check_reclaimed(entry, command, author)
    event = ev.EntryRevised(
        entry=entry.id,
        author=author.name,
        data=data,
        confidence=confidence,
        premises=_revised_premises(board, entry, author, command.because, posted),
        activation=author.activation,
        note=_check_note(board, command.note),
    )
    return [event], entry.id


def _revised_premises(
    board: Board, entry: Entry, author: Author, because: tuple[EntryId, ...], posted: tuple[EntryId, ...]
) -> tuple[Premise, ...]:
    """Return what revised data rests on; if its author was bound to the entry, also what that rested on."""
    premises = _premises(board, author, because, posted)
    if all(premise.entry != entry.id for premise in author.premises):
        return tuple(premise for premise in premises if premise.entry != entry.id)
    return _without(board, premises, entry)


def _without(board: Board, premises: tuple[Premise, ...], entry: Entry) -> tuple[Premise, ...]:
    """Return `premises` with `entry`, which is about to be replaced, replaced by what it rested on itself."""
    others = tuple(premise for premise in premises if premise.entry != entry.id)
    if len(others) == len(premises):
        return premises
    whole = [each for each in entry.justifications if is_whole(board, each)]
    if not whole:
        return others
    reason = min(whole, key=lambda each: each.activation is not None)
    named = {premise.entry for premise in others}
    return (*others, *(each for each in reason.premises if each.entry not in {*named, entry.id}))


def _check_reclaimed(entry: Entry, command: cm.ReviseEntry, author: Author) -> None:
    if command.because:
        raise Rejected("invalid_params", "a revision of the confidence alone keeps its reasons; omit because")
    if not any(each.author == author.name and not each.withdrawn for each in entry.justifications):
        raise Rejected(
            "not_the_owner",
            f"{author.name!r} makes no claim on #{entry.id} that could be revised; revise its data",
        )


def _check_revised(board: Board, entry: Entry, data: Data) -> None:
    known = board.types[entry.type]
    check_data(known.validator, data, type_name=entry.type)
    for field in known.definition.identity:
        if data.get(field) != entry.data.get(field):
            raise Rejected(
                "identity_conflict", f"#{entry.id}: {field!r} identifies the entry and cannot be revised"
            )


def _check_owner(entry: Entry, author: Author) -> None:
    claimants = {each.author for each in entry.justifications}
    if author.kind == "agent" and author.name not in claimants:
        raise Rejected("not_the_owner", f"#{entry.id} was posted by {entry.author!r}, not by {author.name!r}")


def _link(
    board: Board, source_id: EntryId, link: cm.NewLink, author: Author, *, keep: bool = False
) -> list[ev.Event]:
    """Judge a link from `source_id`, which stands or is being posted in the same breath."""
    source = board.entries.get(source_id)
    target = board.entry(link.target)
    if source_id == link.target:
        raise Rejected("link_conflict", f"#{source_id} cannot be linked to itself")
    if source is not None and not source.is_live:
        raise Rejected("link_conflict", f"#{source_id} is {source.status}; links start at live entries")
    if not STATUS_MOVES[target.status]:
        raise Rejected("link_conflict", f"#{target.id} is {target.status} for good; link to a standing entry")
    if link.kind == "supersedes":
        next_status(target.status, "supersede")
    weight = check_fraction(link.weight, name="weight")
    old = board.links_out.get(source_id, {}).get((link.kind, link.target, author.name))
    if old is not None:
        if old.weight == to_millionths(weight) and old.reason == link.reason:
            return []
    elif len(board.links_in.get(link.target, ())) >= board.limits.links_per_entry_max:
        raise Rejected(
            "limit_exceeded", f"#{link.target} has {board.limits.links_per_entry_max} links already"
        )
    return [
        ev.EntriesLinked(
            kind=link.kind,
            source=source_id,
            target=link.target,
            weight=weight,
            author=author.name,
            activation=author.activation,
            keep=author.keeps or keep,
            reason=_check_note(board, link.reason),
        )
    ]


def _judge(
    board: Board, command: cm.JudgeEntry, author: Author, posted: tuple[EntryId, ...]
) -> tuple[list[ev.Event], EntryId]:
    entry = board.entry(_resolve(command.entry, posted))
    next_status(entry.status, command.verdict)
    reason = _check_note(board, command.reason)
    event = ev.EntryJudged(entry=entry.id, verdict=command.verdict, author=author.name, reason=reason)
    return [event], entry.id


def _retract(
    board: Board, command: cm.RetractEntry, author: Author, posted: tuple[EntryId, ...]
) -> tuple[list[ev.Event], EntryId]:
    entry = board.entry(_resolve(command.entry, posted))
    next_status(entry.status, "retract")
    _check_owner(entry, author)
    reason = _check_note(board, command.reason)
    others = any(each.author != author.name and not each.withdrawn for each in entry.justifications)
    if author.kind == "agent" and others:
        return [ev.ClaimWithdrawn(entry=entry.id, author=author.name, reason=reason)], entry.id
    return [ev.EntryRetracted(entry=entry.id, author=author.name, reason=reason)], entry.id
