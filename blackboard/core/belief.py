"""Belief: how claims and evidence combine into one number per entry, in integers.

Policies are named in the entry type. `claimed` takes the strongest standing claim. `noisy_or` (Pearl,
Probabilistic Reasoning in Intelligent Systems, 1988, section 4.3.2) combines independent causes:

    belief = (1 - Π(1 - pro)) · Π(1 - con)

Pro are the standing, whole claims and the entries that support it (weight times belief); con are the entries
that refute it. Evidence is combined over disjoint root premises: strongest first, an item counts only if it
shares no root with one already counted on its side, so authors who reasoned from the same root count once.

Belief may run in circles (two hypotheses that refute each other). It is refreshed in rounds over the
entries whose inputs changed, in the order of their numbers, an entry at most `belief_rounds_max` times; the
same events therefore give the same beliefs everywhere. Chains of any length are followed to their end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from blackboard.core.board import Board, Root, Touched
from blackboard.core.entry import Entry, EntryId, Justification
from blackboard.core.support import is_whole
from blackboard.core.values import ONE, Millionths

__all__ = ["Evidence", "evidence_of", "noisy_or", "refresh"]

EVIDENCE_KINDS: Final = ("supports", "refutes")


class Evidence(msgspec.Struct, frozen=True):
    """One item for or against an entry.

    Args:
        strength: In millionths.
        roots: The root premises it was reasoned from.
        pro: For, or against.
        origin: Author of the claim, or number of the linked entry.
    """

    strength: Millionths
    roots: frozenset[Root]
    pro: bool
    origin: str | EntryId


def refresh(board: Board, changed: Iterable[EntryId], touched: Touched) -> None:
    """Recompute belief and roots of the `changed` entries and of all that depends on them."""
    pending = sorted(set(changed))
    turns: dict[EntryId, int] = {}
    while pending:
        following: dict[EntryId, None] = {}
        for entry_id in pending:
            turns[entry_id] = turns.get(entry_id, 0) + 1
            if _refresh_one(board, entry_id, touched):
                following.update(_readers(board, entry_id))
        pending = sorted(each for each in following if turns.get(each, 0) < board.limits.belief_rounds_max)


def _refresh_one(board: Board, entry_id: EntryId, touched: Touched) -> bool:
    """Recompute one entry; tell whether others must follow."""
    entry = board.entries[entry_id]
    roots = _roots(board, entry)
    belief = _belief(board, entry)
    before = touched.get(entry_id, entry)
    moved = before is None or before.is_live != entry.is_live or before.version != entry.version
    if roots != board.roots_of(entry_id):
        board.put(board.roots, entry_id, roots)
        moved = True
    if belief != entry.belief:
        board.put_entry(msgspec.structs.replace(entry, belief=belief), touched)
        moved = True
    return moved


def _readers(board: Board, entry_id: EntryId) -> dict[EntryId, None]:
    found = dict.fromkeys(board.dependents.get(entry_id, ()))
    links = board.links_out.get(entry_id, {}).values()
    found.update(dict.fromkeys(link.target for link in links if link.kind in EVIDENCE_KINDS))
    found.pop(entry_id, None)
    return found


def _roots(board: Board, entry: Entry) -> frozenset[Root]:
    """Return the root premises of all standing justifications; background is root of nothing."""
    if board.types[entry.type].definition.background:
        return frozenset()
    found: frozenset[Root] = frozenset()
    for each in entry.justifications:
        if not each.withdrawn:
            if each.premises:
                found |= _premise_roots(board, entry, each)
            elif each.activation is None:
                found |= {entry.id}
    return found


def _premise_roots(board: Board, entry: Entry, justification: Justification) -> frozenset[Root]:
    others = [premise.entry for premise in justification.premises if premise.entry != entry.id]
    nothing: frozenset[Root] = frozenset()
    return nothing.union(*map(board.roots_of, others))


def _belief(board: Board, entry: Entry) -> Millionths:
    if board.types[entry.type].definition.belief == "claimed":
        return _strongest_claim(board, entry)
    if len(entry.justifications) == 1 and entry.id not in board.links_in:
        return _strongest_claim(board, entry)
    return noisy_or(evidence_of(board, entry))


def _strongest_claim(board: Board, entry: Entry) -> Millionths:
    whole = (each.confidence for each in entry.justifications if is_whole(board, each))
    return max(whole, default=0)


def evidence_of(board: Board, entry: Entry) -> list[Evidence]:
    """Return all that speaks for and against an entry, claims first, then links in the order drawn."""
    found = _claims(board, entry)
    for link in board.links_in.get(entry.id, {}).values():
        source = board.entries[link.source]
        if link.kind in EVIDENCE_KINDS and source.is_live:
            roots = board.roots_of(link.source) or frozenset((source.author,))
            strength = link.weight * source.belief // ONE
            found.append(Evidence(strength, roots, pro=link.kind == "supports", origin=link.source))
    return found


def _claims(board: Board, entry: Entry) -> list[Evidence]:
    """Return the whole claims; one that rests on the entry itself shares the roots of all the others."""
    whole = [each for each in entry.justifications if is_whole(board, each)]
    roots = [_premise_roots(board, entry, each) or frozenset((each.author,)) for each in whole]
    circular = [any(premise.entry == entry.id for premise in each.premises) for each in whole]
    nothing: frozenset[Root] = frozenset()
    others = nothing.union(
        *(each for each, is_circular in zip(roots, circular, strict=True) if not is_circular)
    )
    return [
        Evidence(each.confidence, own | others if is_circular else own, pro=True, origin=each.author)
        for each, own, is_circular in zip(whole, roots, circular, strict=True)
    ]


def noisy_or(evidence: Iterable[Evidence]) -> Millionths:
    """Combine evidence; ties in strength are taken in the given order."""
    ranked = sorted(evidence, key=lambda each: -each.strength)
    doubt = _joint_doubt(each for each in ranked if each.pro)
    survival = _joint_doubt(each for each in ranked if not each.pro)
    return (ONE - doubt) * survival // ONE


def _joint_doubt(ranked: Iterable[Evidence]) -> Millionths:
    """Return Π(1 - strength) over items with disjoint roots, strongest first."""
    doubt = ONE
    seen: set[Root] = set()
    for each in ranked:
        if seen.isdisjoint(each.roots):
            seen |= each.roots
            doubt = doubt * (ONE - each.strength) // ONE
    return doubt
