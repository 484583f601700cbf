"""Order statistics and confidences."""

import pytest
from blackboard_sources.incident.analysis.robust import (
    CONFIDENCE_MAX,
    Spread,
    confidence_of,
    quantile,
    spread_of,
)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0], 0.9, 3.0), ([1.0, 2.0], 0.5, 1.5), ([1.0, 2.0, 3.0], 0.0, 1.0), ([1.0, 2.0, 3.0], 1.0, 3.0)],
)
def test_quantiles_interpolate(values: list[float], share: float, expected: float) -> None:
    """Also for one value, and at both ends."""
    assert quantile(values, share) == expected


def test_a_short_history_has_no_spread() -> None:
    """Seven values say nothing about one in a hundred; eight are taken, in any order."""
    assert spread_of([1.0] * 7) is None
    assert spread_of([3.0, 1.0, 2.0, 8.0, 5.0, 4.0, 7.0, 6.0]) == spread_of([float(i) for i in range(1, 9)])


def test_one_is_the_shift_of_one_normal_window_in_a_hundred() -> None:
    """The unit is the distance from the median to the 99 % quantile, and never below the floor."""
    assert Spread(1.0, 1.5, 3.0, 100).ratio_of(3.0, floor=0.1) == 1.0
    assert Spread(1.0, 1.0, 1.0, 100).ratio_of(1.5, floor=0.5) == 1.0


@pytest.mark.parametrize(("ratio", "expected"), [(-1.0, 0.0), (0.0, 0.0), (1.0, CONFIDENCE_MAX / 2)])
def test_confidence_grows_from_nothing(ratio: float, expected: float) -> None:
    """Half of the limit at `half`, nothing at or below zero."""
    assert confidence_of(ratio) == expected


def test_no_source_is_ever_quite_sure() -> None:
    """Strictly rising, and below the limit."""
    found = [confidence_of(ratio) for ratio in (0.5, 1.0, 4.0, 100.0)]
    assert found == sorted(set(found))
    assert found[-1] < CONFIDENCE_MAX
