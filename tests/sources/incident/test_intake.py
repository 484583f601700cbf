"""From series to signals: what is normal, and what the window shows."""

import random

import pytest
from blackboard_sources.incident.analysis import Signal, open_ticket, signals_of
from blackboard_sources.incident.analysis.intake import Series

TIMES = tuple(300 * i for i in range(5))
TICKET = open_ticket(
    service="front", metric="latency", statistic="Average", at_s=630, times_s=TIMES, target=(1, 1, 3, 3, 3)
)


def history(level: float, *, seed: int = 1, samples: int = 120) -> Series:
    chance = random.Random(seed)
    return [level * chance.lognormvariate(0.0, 0.05) for _ in range(samples)]


def signal_of(
    past: Series, now: Series, metric: str = "latency", statistic: str = "Average"
) -> Signal | None:
    key = ("s", metric, statistic)
    found = signals_of({key: past}, {key: now}, TICKET)
    return found[0] if found else None


def test_a_step_is_unusual_and_a_level_is_not() -> None:
    """Another level than in the history is no shift: weeks may lie between the two."""
    step, level = (signal_of(history(1.0), now) for now in ((1, 1, 2, 2, 2), (2, 2, 2, 2, 2)))
    assert step is not None
    assert level is not None
    assert step.leading.ratio > 5.0
    assert abs(level.leading.ratio) < 1.0


@pytest.mark.parametrize(
    ("past", "now"),
    [
        (history(1.0), (None,) * 5),
        (history(1.0), (1.0, 1.0, None, None, None)),
        (history(1.0, samples=6), (1.0, 1.0, 2.0, 2.0, 2.0)),
        ((None,) * 120, (1.0, 1.0, 2.0, 2.0, 2.0)),
    ],
    ids=["no window", "nothing after the onset", "short history", "empty history"],
)
def test_no_signal_without_samples(past: Series, now: Series) -> None:
    """A service that cannot be judged is not on the board."""
    assert signal_of(past, now) is None


def test_without_samples_before_the_onset_the_history_stands_in() -> None:
    """And the signal says so."""
    found = signal_of(history(1.0), (None, None, 2.0, 2.0, 2.0))
    assert found is not None
    assert not found.leading.anchored
    assert found.leading.reference == pytest.approx(1.0, abs=0.02)


def test_cells_that_are_missing_here_and_there_do_not_matter() -> None:
    """Half of the history and two samples of the window may be lost."""
    past = [value if i % 2 else None for i, value in enumerate(history(1.0))]
    found = signal_of(past, (1.0, None, 2.0, None, 2.0))
    assert found is not None
    assert found.leading.ratio > 3.0


def test_requests_that_are_missing_together_with_latency_are_silence() -> None:
    """A monitor that records nothing saw nothing; a lone lost cell is a lost cell."""
    past = {("s", "requests", "Sum"): history(100.0), ("s", "latency", "Average"): history(1.0)}
    requests = (100.0, 100.0, None, None, None)
    gone = {("s", "requests", "Sum"): requests, ("s", "latency", "Average"): (1.0, 1.0, None, None, None)}
    lost = {("s", "requests", "Sum"): requests, ("s", "latency", "Average"): (1.0,) * 5}
    aspects = [{each.aspect: each for each in signals_of(past, now, TICKET)} for now in (gone, lost)]
    assert aspects[0]["traffic"].leading.ratio > 5.0
    assert "traffic" not in aspects[1]


def test_coupling_tells_who_is_waited_for() -> None:
    """The target's time moves with that of a callee that it waits for, and not with another's."""
    slow, other = history(1.0, seed=2, samples=300), history(1.0, seed=3, samples=300)
    past = {
        ("front", "latency", "Average"): [value + 1.0 for value in slow if value is not None],
        ("waited", "latency", "Average"): slow,
        ("forgotten", "latency", "Average"): other,
    }
    found = {each.service: each for each in signals_of(past, dict.fromkeys(past, (1, 1, 3, 3, 3)), TICKET)}
    assert found["front"].coupling is None
    assert found["waited"].coupling is not None
    assert found["waited"].coupling[0] == pytest.approx(1.0, abs=0.01)
    assert found["forgotten"].coupling is not None
    assert abs(found["forgotten"].coupling[0]) < 0.3


def test_signals_come_in_order_whatever_the_tables() -> None:
    """By service and aspect, so that results never depend on the order of a file."""
    keys = [
        ("b", "latency", "p99"),
        ("a", "requests", "Sum"),
        ("a", "latency", "p50"),
        ("a", "custom", "Max"),
    ]
    past = {key: history(10.0) for key in keys}
    found = signals_of(past, dict.fromkeys(reversed(keys), (10.0,) * 5), TICKET)
    assert [each.key for each in found] == [("a", "central"), ("a", "traffic"), ("b", "tail")]
