"""Completion: whether a board is done, with which outcome, and what its best answer is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

import msgspec

from blackboard.core.board import Board
from blackboard.core.completion import AllOf, Completion, Deadline, Goal, Outcome, Quiescent, Spent
from blackboard.core.condition import evaluate
from blackboard.core.entry import Entry, EntryId
from blackboard.core.fact import Fact
from blackboard.core.trigger import Pattern
from blackboard.core.values import to_millionths

__all__ = [
    "ANSWERS_MAX",
    "Goals",
    "Progress",
    "Verdict",
    "best_answer",
    "deadlines_of",
    "is_spent",
    "judge",
    "matches",
]

ANSWERS_MAX = 10
"""How many entries the recorded best answer names at most."""


class Progress(Fact):
    """What completion conditions ask of control.

    Args:
        is_quiescent: Nothing is left to do, and it was signalled to no avail.
        leases_granted: On this board so far.
        leases_live: How many of them are live.
    """

    is_quiescent: bool
    leases_granted: int
    leases_live: int


class Goals:
    """Which entries meet which goal, kept up as entries change so that judging costs nothing per entry."""

    __slots__ = ("_met",)

    def __init__(self, conditions: tuple[Completion, ...], entries: Iterable[Entry]) -> None:
        patterns = [each.pattern for each in _leaves(conditions) if isinstance(each, Goal)]
        self._met: list[tuple[Pattern, dict[EntryId, None]]] = [(pattern, {}) for pattern in patterns]
        if patterns:
            for entry in entries:
                self.update(entry)

    def update(self, entry: Entry) -> None:
        """Take note of an entry as it now stands."""
        for pattern, met in self._met:
            if matches(pattern, entry):
                met[entry.id] = None
            else:
                met.pop(entry.id, None)

    def met(self, pattern: Pattern) -> EntryId | None:
        """Return the lowest entry that meets a goal, `None` if none does."""
        return next((min(met, default=None) for each, met in self._met if each == pattern), None)


class Verdict(Fact):
    """The board is done: its outcome, and why in words."""

    outcome: Outcome
    reason: str


def judge(board: Board, goals: Goals, progress: Progress, *, now_ms: int) -> Verdict | None:
    """Return the first completion condition that holds, in the order of the settings, or `None`."""
    for condition in board.settings.completion:
        verdict = _judge(board, condition, goals, progress, now_ms)
        if verdict is not None:
            return verdict
    return None


def _judge(
    board: Board, condition: Completion, goals: Goals, progress: Progress, now_ms: int
) -> Verdict | None:
    match condition:
        case Goal(pattern=pattern):
            found = goals.met(pattern)
            if found is None:
                return None
            return Verdict(outcome="solved", reason=f"goal reached by #{found} {pattern.type}")
        case Quiescent():
            return (
                Verdict(outcome="quiescent", reason="nothing is left to do")
                if progress.is_quiescent
                else None
            )
        case Deadline(after_ms=after_ms):
            if now_ms - board.opened_ms >= after_ms:
                return Verdict(outcome="exhausted", reason=f"the deadline of {after_ms} ms has passed")
            return None
        case Spent(activations=activations):
            if progress.leases_granted >= activations and progress.leases_live == 0:
                return Verdict(
                    outcome="exhausted", reason=f"the budget of {activations} activations is spent"
                )
            return None
        case AllOf(conditions=conditions):
            verdicts = [_judge(board, each, goals, progress, now_ms) for each in conditions]
            return verdicts[-1] if all(verdicts) else None
        case _:
            assert_never(condition)


def is_spent(board: Board, leases_granted: int) -> bool:
    """Tell whether the budget of activations allows no further lease; those that run may finish."""
    bounds = (each.activations for each in board.settings.completion if isinstance(each, Spent))
    return any(leases_granted >= bound for bound in bounds)


def deadlines_of(board: Board) -> list[int]:
    """Return the engine times of all deadlines among the completion conditions, passed ones included."""
    return [
        board.opened_ms + each.after_ms
        for each in _leaves(board.settings.completion)
        if isinstance(each, Deadline)
    ]


def _leaves(conditions: tuple[Completion, ...]) -> list[Completion]:
    found: list[Completion] = []
    for each in conditions:
        found += _leaves(each.conditions) if isinstance(each, AllOf) else [each]
    return found


def best_answer(board: Board) -> tuple[EntryId, ...]:
    """Return the candidates for the answer, most believed first, ties by number.

    Candidates are the live entries that match `Settings.answer`; by default the first goal's pattern without
    its thresholds, so that a board that ran out of time still names what came closest; failing that, the
    live entries of the most abstract level.
    """
    pattern = board.settings.answer or _goal_pattern(board)
    if pattern is not None:
        found = [entry for entry in board.live_entries() if matches(pattern, entry)]
    else:
        top = board.settings.levels[-1] if board.settings.levels else None
        found = [entry for entry in board.live_entries() if entry.level == top]
    found.sort(key=lambda entry: (-entry.belief, entry.id))
    return tuple(entry.id for entry in found[:ANSWERS_MAX])


def _goal_pattern(board: Board) -> Pattern | None:
    goals = (each.pattern for each in _leaves(board.settings.completion) if isinstance(each, Goal))
    goal = next(goals, None)
    return None if goal is None else msgspec.structs.replace(goal, min_confidence=0.0, min_belief=0.0)


def matches(pattern: Pattern, entry: Entry) -> bool:
    """Tell whether an entry meets a pattern that stands alone."""
    return (
        entry.type == pattern.type
        and entry.is_live
        and entry.confidence >= to_millionths(pattern.min_confidence)
        and entry.belief >= to_millionths(pattern.min_belief)
        and all(evaluate(condition, entry.data, {}) for condition in pattern.conditions)
    )
