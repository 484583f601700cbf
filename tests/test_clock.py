"""Engine time never goes back."""

from blackboard.clock import EngineClock


class Dial:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def test_time_starts_at_the_wall_clock_and_follows_the_monotonic_one():
    """The wall clock is read once; from then on only elapsed monotonic time counts."""
    monotonic, wall = Dial(50.0), Dial(1_000.0)
    clock = EngineClock(monotonic=monotonic, wall=wall)
    assert clock.now_ms() == 1_000_000
    wall.seconds = 5.0
    monotonic.seconds = 51.5
    assert clock.now_ms() == 1_001_500


def test_a_wall_clock_behind_the_log_does_not_take_time_back():
    """After a restart with a wrong wall clock, time goes on from the last recorded one."""
    monotonic = Dial(7.0)
    clock = EngineClock(9_000_000, monotonic=monotonic, wall=Dial(1.0))
    assert clock.now_ms() == 9_000_000
    monotonic.seconds = 7.25
    assert clock.now_ms() == 9_000_250


def test_an_observed_time_is_a_floor():
    """A log found later, with a later time, lifts the clock; an earlier one does nothing."""
    monotonic = Dial(0.0)
    clock = EngineClock(monotonic=monotonic, wall=Dial(10.0))
    clock.observe(12_000)
    clock.observe(11_000)
    assert clock.now_ms() == 12_000
    monotonic.seconds = 5.0
    assert clock.now_ms() == 15_000


def test_the_wait_for_a_past_deadline_is_zero():
    """Waits are seconds and never negative."""
    clock = EngineClock(monotonic=Dial(0.0), wall=Dial(10.0))
    assert clock.seconds_until(9_000) == 0.0
    assert clock.seconds_until(10_500) == 0.5
