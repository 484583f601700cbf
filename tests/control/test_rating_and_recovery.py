"""Ratings and waits: small pure functions, as tables."""

from __future__ import annotations

import pytest
from blackboard_control.rating import check_weights, combine, rate
from blackboard_control.recovery import BACKOFF_MS_MAX, retry_at

from blackboard.core.activation import RatingTerm
from blackboard.core.entry import Entry, Premise
from blackboard.core.errors import Rejected
from blackboard.core.source import SourceDeclaration
from tests.scenarios.language import parse_trigger


def _entry(number: int, belief: int) -> Entry:
    return Entry(
        id=number,
        type="T",
        level="l",
        data={},
        version=1,
        status="proposed",
        author="a",
        justifications=(),
        belief=belief,
        posted_ms=0,
        posted_revision=1,
        data_revision=1,
    )


ENTRIES = {1: _entry(1, 900_000), 2: _entry(2, 300_000)}
SOURCE = SourceDeclaration(name="s", trigger=parse_trigger("a:A"), rating=0.8, attempts_max=3, backoff_ms=100)


@pytest.mark.parametrize(
    ("bound", "weights", "rating"),
    [
        ((1,), {}, 825_000),
        ((1, 2), {}, 675_000),
        ((), {}, 850_000),
        ((1,), {"declared": 0}, 900_000),
        ((1,), {"belief": 0}, 800_000),
        ((1,), {"declared": 1, "belief": 1}, 850_000),
        ((1,), {"declared": 0, "belief": 0}, 0),
    ],
)
def test_rating_is_the_weighted_mean(bound: tuple[int, ...], weights: dict[str, int], rating: int) -> None:
    """Of what the source says of itself and of the weakest bound entry."""
    terms = rate(SOURCE, tuple(Premise(entry, 1) for entry in bound), ENTRIES, weights)
    assert combine(terms) == rating
    assert all(term.weight > 0 for term in terms)


def test_terms_are_named() -> None:
    """So that every choice can be explained."""
    terms = rate(SOURCE, (Premise(1, 1),), ENTRIES, {})
    assert terms == (RatingTerm("declared", 0.8, 3), RatingTerm("belief", 0.9, 1))


def test_weights_are_checked() -> None:
    """Unknown terms and negative weights are refused."""
    check_weights({"declared": 0, "belief": 9})
    with pytest.raises(Rejected, match="no rating term 'speed'; there is declared, belief"):
        check_weights({"speed": 1})
    with pytest.raises(Rejected, match="the weight of 'belief' is -1"):
        check_weights({"belief": -1})


@pytest.mark.parametrize(
    ("attempts", "options", "expected"),
    [
        (1, {}, 1_100),
        (2, {}, 1_200),
        (3, {}, None),
        (4, {}, None),
        (1, {"retryable": False}, None),
        (1, {"wait": False}, 1_000),
        (0, {"wait": False}, 1_000),
        (3, {"wait": False}, None),
    ],
)
def test_wait_doubles_until_the_last_attempt(
    attempts: int, options: dict[str, bool], expected: int | None
) -> None:
    """The first wait is the source's; none after the last attempt, or when retrying is of no use."""
    assert retry_at(SOURCE, attempts, now_ms=1_000, **options) == expected


def test_wait_is_bounded() -> None:
    """However often an attempt failed."""
    patient = SourceDeclaration(name="s", trigger=SOURCE.trigger, attempts_max=10_000, backoff_ms=1_000)
    assert retry_at(patient, 9_999, now_ms=0) == BACKOFF_MS_MAX
