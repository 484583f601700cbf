"""What must hold of an engine at all times, computed afresh and naively."""

from __future__ import annotations

from collections import Counter

from blackboard_control.completion import matches as meets_goal

from blackboard.core.activation import ENDED, PENDING, Activation
from blackboard.core.belief import _belief, _roots
from blackboard.core.board import Board
from blackboard.core.entry import Entry
from blackboard.core.values import ONE
from blackboard.engine import Engine
from tests.control.matching_oracle import blocked_now, matches_now

__all__ = ["check_invariants"]


def check_invariants(engine: Engine, *, beliefs_settle: bool = True) -> None:
    """Check support, belief, agenda, roster and goals against what the entries alone say.

    Args:
        engine: The engine between two turns.
        beliefs_settle: Whether the evidence is free of circles, so that every belief is at its fixed point.
    """
    _check_support(engine.board)
    _check_beliefs(engine.board, settle=beliefs_settle)
    _check_identities(engine.board)
    for activation in engine.control.agenda.activations.values():
        _check_activation(engine, activation)
    _check_matches(engine)
    _check_roster(engine)
    _check_goals(engine)


def _check_support(board: Board) -> None:
    grounded: set[int] = set()
    computed = {each.id for each in board.entries.values() if each.is_live or each.status == "unsupported"}
    while True:
        more = {
            number
            for number in computed - grounded
            if any(_holds(board, board.entries[number], at, grounded) for at in range(99))
        }
        if not more:
            break
        grounded |= more
    for number in computed:
        entry = board.entries[number]
        assert entry.is_live == (number in grounded), f"#{number} is {entry.status} without cause"


def _holds(board: Board, entry: Entry, at: int, grounded: set[int]) -> bool:
    if at >= len(entry.justifications):
        return False
    reason = entry.justifications[at]
    if reason.withdrawn:
        return False
    return reason.activation is None or all(
        premise.entry in grounded and board.entries[premise.entry].version == premise.version
        for premise in reason.premises
    )


def _check_beliefs(board: Board, *, settle: bool) -> None:
    for entry in board.entries.values():
        assert 0 <= entry.belief <= ONE
        if settle:
            assert _roots(board, entry) == board.roots_of(entry.id), f"roots of #{entry.id} are stale"
            assert _belief(board, entry) == entry.belief, f"belief of #{entry.id} is stale"


def _check_identities(board: Board) -> None:
    """Among the entries that are not gone for good, an identity is held once, and is found."""
    for entry in board.entries.values():
        if entry.status in {"retracted", "expired", "superseded"}:
            continue
        identity = board.identity_of(board.types[entry.type].definition, entry.data)
        if identity is not None:
            assert board.identities[identity] == entry.id


def _check_activation(engine: Engine, activation: Activation) -> None:
    control, board = engine.control, engine.board
    assert (activation.lease is not None) == (activation.state == "leased")
    if activation.state in ENDED:
        return
    for premise in activation.bindings:
        entry = board.entries[premise.entry]
        assert entry.is_live, f"a{activation.id} binds #{entry.id}, which is {entry.status}"
        assert entry.version == premise.version
    source = control.roster.sources[activation.source]
    if activation.state not in PENDING or not source.is_enabled:
        return
    trigger = source.declaration.trigger
    entries = list(board.entries.values())
    blocked = blocked_now(trigger, activation.bindings, entries)
    unmatched = activation.bindings not in matches_now(trigger, entries)
    expected_wait = blocked or unmatched
    assert (activation.state == "triggered") == expected_wait, f"a{activation.id} is {activation.state}"


def _check_matches(engine: Engine) -> None:
    """Every match of a source that acts on what is there has its activation."""
    control = engine.control
    entries = list(engine.board.entries.values())
    for name, source in control.roster.sources.items():
        declaration = source.declaration
        if not source.is_enabled or declaration.since == "now" or declaration.trigger.signal is not None:
            continue
        for bindings in matches_now(declaration.trigger, entries):
            key = (name, declaration.trigger_hash, bindings)
            assert control.agenda.find(key) is not None, f"{name} did not fire on {bindings}"


def _check_roster(engine: Engine) -> None:
    control = engine.control
    leased = control.agenda.in_state("leased")
    by_source = Counter(each.source for each in leased)
    by_agent = Counter(each.lease.agent for each in leased if each.lease is not None)
    tokens = [each.lease.token for each in leased if each.lease is not None]
    assert len(set(tokens)) == len(tokens)
    assert all(token <= control.last_token for token in tokens)
    for name, source in control.roster.sources.items():
        assert source.leases == by_source[name]
    for name, agent in control.roster.agents.items():
        assert agent.leases == by_agent[name]
    for state in ("triggered", "executable", "leased", "backing_off", "executed", "obviated", "dead"):
        counted = sum(1 for each in control.agenda.activations.values() if each.state == state)
        assert control.agenda.count(state) == counted


def _check_goals(engine: Engine) -> None:
    for pattern, met in engine.control._goals._met:
        fresh = [each.id for each in engine.board.entries.values() if meets_goal(pattern, each)]
        assert sorted(met) == fresh
