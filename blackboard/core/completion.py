"""Completion: when a board is done, as data, and the settings that bound its work."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from blackboard.core.errors import Rejected
from blackboard.core.fact import Fact
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.trigger import Pattern, Trigger, check_trigger
from blackboard.core.values import Fraction, check_fraction

__all__ = [
    "OUTCOMES",
    "AllOf",
    "Completion",
    "Deadline",
    "Goal",
    "Outcome",
    "Quiescent",
    "Settings",
    "Spent",
    "check_settings",
]

Outcome: TypeAlias = Literal["solved", "quiescent", "exhausted", "failed", "cancelled"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


class Goal(Fact, tag="goal", tag_field="is"):
    """Solved once a live entry matches `pattern`."""

    pattern: Pattern


class Quiescent(Fact, tag="quiescent", tag_field="is"):
    """Nothing is executable, leased, backing off or armed, and sources have had their last chance."""


class Deadline(Fact, tag="deadline", tag_field="is"):
    """`after_ms` have passed since the board was opened."""

    after_ms: int


class Spent(Fact, tag="spent", tag_field="is"):
    """`activations` leases have been granted, retries included."""

    activations: int


class AllOf(Fact, tag="all_of", tag_field="is"):
    """Every one of `conditions` holds; the outcome is that of the last."""

    conditions: tuple["Completion", ...]


Completion: TypeAlias = Goal | Quiescent | Deadline | Spent | AllOf


class Settings(Fact):
    """How one board is run.

    Args:
        completion: Any of these ends the board; the first that holds, in this order, names the outcome.
            Empty: the board ends only by a person's word.
        levels: Levels from the most concrete to the most abstract; empty leaves them open.
        answer: Which entries are candidates for the best answer; default: the first goal's pattern, then
            the entries of the most abstract level.
        parallelism: Most simultaneous leases; 0 for no cap.
        minimum_rating: Activations rated below are not leased.
        weights: Weight of each rating term by name; see `blackboard_control.rating`.
        strategy: Name of the strategy that picks among executable activations.
        grace_ms: How long running leases may finish once the board is closing.
    """

    completion: tuple[Completion, ...] = ()
    levels: tuple[str, ...] = ()
    answer: Pattern | None = None
    parallelism: int = 0
    minimum_rating: Fraction = 0.0
    weights: dict[str, int] = {}
    strategy: str = "best_first"
    grace_ms: int = 2_000


def check_settings(settings: Settings) -> None:
    """Check settings that the type alone cannot.

    Raises:
        Rejected: `invalid_params`, naming the setting.
    """
    if settings.parallelism < 0 or settings.grace_ms < 0:
        raise Rejected("invalid_params", "parallelism and grace_ms must not be negative")
    check_fraction(settings.minimum_rating, name="minimum_rating")
    if len(set(settings.levels)) != len(settings.levels):
        raise Rejected("invalid_params", f"levels {list(settings.levels)} name one twice")
    if settings.answer is not None:
        _check_pattern(settings.answer)
    for condition in settings.completion:
        _check_completion(condition)


def _check_completion(condition: Completion) -> None:
    match condition:
        case Deadline(after_ms=bound) | Spent(activations=bound):
            if bound < 1:
                raise Rejected(
                    "invalid_params", f"{type(condition).__name__.lower()} of {bound}: expected 1 or more"
                )
        case AllOf():
            if not condition.conditions:
                raise Rejected("invalid_params", "all_of needs at least one condition")
            for each in condition.conditions:
                _check_completion(each)
        case Goal(pattern=pattern):
            _check_pattern(pattern)
        case Quiescent():
            pass


def _check_pattern(pattern: Pattern) -> None:
    """A pattern of the settings stands alone: it can name no other variable."""
    check_trigger(Trigger(patterns=(pattern,)), limits=DEFAULT_LIMITS)
