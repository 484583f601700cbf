"""The onset, and how much each sample counts."""

from collections.abc import Sequence

import pytest
from blackboard_sources.incident.analysis import Ticket, open_ticket

STEP = (1.0, 1.1, 3.0, 3.1, 2.9)


def opened(target: Sequence[float | None], at_s: int = 630, metric: str = "latency") -> Ticket:
    times = [300 * i for i in range(len(target))]
    return open_ticket(
        service="front", metric=metric, statistic="Average", at_s=at_s, times_s=times, target=target
    )


@pytest.mark.parametrize("at_s", [-300, 0, 300, 630, 900, 1200, 1500])
def test_the_target_corrects_a_ticket_that_is_early_or_late(at_s: int) -> None:
    """The onset is where the target itself rose, whatever the ticket says."""
    assert opened(STEP, at_s).before == (0, 1)


@pytest.mark.parametrize(
    ("target", "before"),
    [
        ((None,) * 5, (0, 1)),
        ((None, None, 3.0, None, None), (0, 1)),
        ((2.0, 2.0, 2.0, 2.0, 2.0), (0, 1)),
        ((3.0, 3.1, 1.0, 1.0, 1.1), (0, 1)),
        ((1.0, 3.0, 3.0, 3.0, 3.0), (0,)),
        ((1.0, 1.0, 1.0, 3.0, 3.0), (0, 1, 2)),
        ((1.0, 3.0, 1.1, 1.0, 1.1), (0,)),
    ],
    ids=["missing", "one sample", "flat", "better after", "earlier", "later", "over already"],
)
def test_onset(target: Sequence[float | None], before: tuple[int, ...]) -> None:
    """Without a clear step in the target, the ticket's own time stands."""
    assert opened(target).before == before


def test_falling_availability_is_a_rise_of_badness() -> None:
    """Larger is worse, whatever the metric."""
    assert opened((99.9, 99.9, 80.0, 90.0, 99.0), 0, "availability").before == (0, 1)


@pytest.mark.parametrize(
    "target", [STEP, (None,) * 5, (1.0,), (None,), (3.0, 2.0), (1.0, None, 3.0, None, 2.0)]
)
def test_weights_add_up_and_are_zero_before_the_onset(target: Sequence[float | None]) -> None:
    """Also of a window of one sample, and with cells missing."""
    ticket = opened(target)
    assert len(ticket.weights) == len(target)
    assert sum(ticket.weights) == pytest.approx(1.0)
    assert all(ticket.weights[i] == 0.0 for i in ticket.before)


def test_the_most_hurt_sample_counts_most() -> None:
    """Every sample after the onset counts something."""
    weights = opened((1.0, 1.0, 5.0, 3.0, 1.0)).weights
    assert weights[2] > weights[3] > weights[4] > 0.0
