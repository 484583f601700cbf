"""Belief: the arithmetic of noisy-or over disjoint roots, in integers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.core.belief import Evidence, noisy_or
from blackboard.core.values import ONE


def _item(strength: float, *roots: int | str, pro: bool = True) -> Evidence:
    return Evidence(round(strength * ONE), frozenset(roots), pro, "x")


@pytest.mark.parametrize(
    ("items", "belief"),
    [
        ([], 0),
        ([_item(0.5, 1)], 500_000),
        ([_item(0.5, 1), _item(0.5, 2)], 750_000),
        ([_item(0.5, 1), _item(0.6, 1)], 600_000),
        ([_item(0.5, 1), _item(0.6, 1, 2), _item(0.5, 2)], 600_000),
        ([_item(0.5, 1), _item(0.4, 1, 2), _item(0.5, 2)], 750_000),
        ([_item(0.5, 1), _item(0.5, 1, pro=False)], 250_000),
        ([_item(0.5, 1), _item(0.5, 2, pro=False), _item(0.5, 3, pro=False)], 125_000),
        ([_item(0.5, 1), _item(0.5, 2, pro=False), _item(0.4, 2, pro=False)], 250_000),
        ([_item(1, 1), _item(1, 2, pro=False)], 0),
        ([_item(1, "ann"), _item(0.5, "bob", pro=False)], 500_000),
        ([_item(0.9, 1, pro=False)], 0),
    ],
)
def test_noisy_or(items: list[Evidence], belief: int) -> None:
    """Strongest first, an item counts if it shares no root with one that counted on its side."""
    assert noisy_or(items) == belief


EVIDENCE = st.lists(
    st.builds(
        Evidence,
        st.integers(0, ONE),
        st.frozensets(st.integers(1, 4), min_size=1),
        st.booleans(),
        st.just("x"),
    ),
    max_size=8,
)


@given(EVIDENCE, st.integers(0, ONE))
def test_belief_is_a_fraction_and_moves_the_right_way(items: list[Evidence], strength: int) -> None:
    """Independent evidence for never lowers belief, save by rounding, and against never raises it."""
    belief = noisy_or(items)
    assert 0 <= belief <= ONE
    fresh = frozenset((99,))
    assert noisy_or([*items, Evidence(strength, fresh, True, "y")]) >= belief - 1
    assert noisy_or([*items, Evidence(strength, fresh, False, "y")]) <= belief
