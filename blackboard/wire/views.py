"""From what the board holds to what the wire shows: plain dictionaries, ready for orjson.

Fractions leave as numbers from 0 to 1. Fields at their default are left out, as in the models of
`messages`, against which a test validates every view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from blackboard.core.activation import Activation
from blackboard.core.board import Board
from blackboard.core.entry import Entry, EntryId, Justification, Link
from blackboard.core.fact import to_data
from blackboard.core.ready import Offer, Withdrawal
from blackboard.core.source import SourceDeclaration
from blackboard.core.trigger import describe
from blackboard.core.values import ONE, to_fraction

__all__ = [
    "activation_view",
    "board_summary",
    "board_view",
    "entry_view",
    "link_view",
    "offer_view",
    "source_view",
    "waits_for",
    "withdrawal_view",
]

View: TypeAlias = dict[str, Any]


def entry_view(
    entry: Entry, *, links_out: Iterable[Link] | None = None, links_in: Iterable[Link] | None = None
) -> View:
    """Return an `EntryView`; links are shown where they are given."""
    view: View = {
        "id": entry.id,
        "type": entry.type,
        "level": entry.level,
        "data": entry.data,
        "version": entry.version,
        "status": entry.status,
        "author": entry.author,
        "confidence": to_fraction(entry.confidence),
        "belief": to_fraction(entry.belief),
        "claims": [_claim_view(each) for each in entry.justifications],
        "posted_ms": entry.posted_ms,
        "posted_revision": entry.posted_revision,
        "data_revision": entry.data_revision,
    }
    because = {p.entry for each in entry.justifications if not each.withdrawn for p in each.premises}
    if because:
        view["because"] = sorted(because)
    if entry.activation is not None:
        view["activation"] = entry.activation
    if entry.expires_ms is not None:
        view["expires_ms"] = entry.expires_ms
    if entry.note:
        view["note"] = entry.note
    if entry.trust != "local":
        view["trust"] = entry.trust
    if links_out is not None:
        view["links_out"] = [link_view(each) for each in links_out]
    if links_in is not None:
        view["links_in"] = [link_view(each) for each in links_in]
    return view


def _claim_view(claim: Justification) -> View:
    view: View = {"author": claim.author, "confidence": to_fraction(claim.confidence)}
    if claim.premises:
        view["because"] = [{"entry": each.entry, "version": each.version} for each in claim.premises]
    if claim.activation is not None:
        view["activation"] = claim.activation
    if claim.withdrawn:
        view["withdrawn"] = True
    return view


def link_view(link: Link) -> View:
    """Return a `LinkView`."""
    view: View = {"kind": link.kind, "source": link.source, "target": link.target, "author": link.author}
    if link.weight != ONE:
        view["weight"] = to_fraction(link.weight)
    if link.activation is not None:
        view["activation"] = link.activation
    if link.reason:
        view["reason"] = link.reason
    return view


def board_summary(board: Board) -> View:
    """Return a `BoardSummary`."""
    view: View = {
        "board": board.id,
        "goal": board.goal,
        "status": board.status,
        "revision": board.revision,
        "entries": board.entry_count,
    }
    if board.outcome is not None:
        view["outcome"] = board.outcome
    return view


def board_view(board: Board, *, sources: Iterable[str], answer: Iterable[EntryId]) -> View:
    """Return a `BoardView`.

    Args:
        board: The board.
        sources: Names of the sources enabled on it.
        answer: The best answer so far, likeliest first.
    """
    view = board_summary(board) | {
        "settings": to_data(board.settings),
        "types": list(board.types),
        "sources": list(sources),
        "opened_ms": board.opened_ms,
        "answer": list(answer),
    }
    reason = board.reason or board.closing_reason
    if reason:
        view["reason"] = reason
    return view


def source_view(
    declaration: SourceDeclaration, *, boards: Iterable[str] | None, agents: Iterable[str]
) -> View:
    """Return a `SourceView`; `boards` is `None` for a source that acts on every board."""
    view: View = {
        "source": declaration.name,
        "declaration": to_data(declaration),
        "trigger": describe(declaration.trigger),
        "trigger_hash": declaration.trigger_hash,
        "agents": list(agents),
    }
    if boards is not None:
        view["boards"] = list(boards)
    return view


def activation_view(
    activation: Activation, *, variables: Sequence[str] = (), waits: str | None = None
) -> View:
    """Return an `ActivationView`.

    Args:
        activation: The activation.
        variables: Names of its trigger's variables, where they are known.
        waits: What it waits for, as control knows it; left out, what the state alone tells.
    """
    names: Sequence[str | None] = variables if len(variables) == len(activation.bindings) else ()
    view: View = {
        "id": activation.id,
        "source": activation.source,
        "state": activation.state,
        "bindings": [
            {"variable": name, "entry": each.entry, "version": each.version}
            for name, each in zip(names, activation.bindings, strict=True)
        ]
        if names
        else [{"entry": each.entry, "version": each.version} for each in activation.bindings],
        "rating": to_fraction(activation.rating),
        "attempts": activation.attempts,
    }
    if activation.terms:
        view["terms"] = [
            {"name": each.name, "value": each.value, "weight": each.weight} for each in activation.terms
        ]
    if activation.lease is not None:
        lease = activation.lease
        view["lease"] = {"agent": lease.agent, "granted_ms": lease.granted_ms, "lease_ms": lease.lease_ms}
    if activation.state == "backing_off":
        view["ready_ms"] = activation.ready_ms
    if activation.reason:
        view["reason"] = activation.reason
    words = waits_for(activation) if waits is None else waits
    if words:
        view["waits_for"] = words
    return view


def waits_for(activation: Activation) -> str:
    """Say what an activation waits for, as far as its state tells; empty once it has ended."""
    match activation.state:
        case "triggered":
            return "for its condition to hold again"
        case "executable":
            return "for its turn"
        case "leased":
            return f"for {activation.lease.agent}" if activation.lease else "for its holder"
        case "backing_off":
            return f"until {activation.ready_ms} (engine time in ms) before the next attempt"
        case "held":
            return "for an approval"
        case "executed" | "obviated" | "cancelled" | "dead":
            return ""


def offer_view(offer: Offer) -> View:
    """Return the params of `activation.offered`."""
    return {
        "board": offer.board,
        "activation": offer.activation,
        "token": offer.token,
        "agent": offer.agent,
        "source": offer.source,
        "variables": list(offer.variables),
        "entries": [entry_view(each) for each in offer.entries],
        "attempt": offer.attempt,
        "lease_ms": offer.lease_ms,
        "accept_ms": offer.accept_ms,
        "timeout_ms": offer.timeout_ms,
    }


def withdrawal_view(withdrawal: Withdrawal) -> View:
    """Return the params of `activation.withdrawn`."""
    return {
        "board": withdrawal.board,
        "activation": withdrawal.activation,
        "token": withdrawal.token,
        "agent": withdrawal.agent,
        "reason": withdrawal.reason,
    }
