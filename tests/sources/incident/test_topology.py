"""The call graph: depths, shares, cycles and unknown names."""

import pytest
from blackboard_sources.incident.analysis import Topology

LOOP = Topology.of((), [("a", "b"), ("b", "c"), ("c", "a"), ("c", "c"), ("c", "d")])


def test_a_call_to_oneself_is_none() -> None:
    """It would make a service its own cause."""
    assert LOOP.callees_of("c") == ("a", "d")


def test_depths_end_in_a_cycle() -> None:
    """Each service once, at its fewest calls."""
    assert LOOP.depths_from("a") == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_an_unknown_target_may_depend_on_anything() -> None:
    """No source may object to a service because of a graph that lacks the target."""
    assert LOOP.depths_from("x") == {"x": 0, "a": 1, "b": 1, "c": 1, "d": 1}
    assert LOOP.share_reaching("x", "d", {}) == 1.0
    assert LOOP.callees_of("x") == LOOP.callers_of("x") == ()


def test_load_is_shared_out_by_traffic() -> None:
    """With some benefit of the doubt, and evenly where traffic is unknown."""
    graph = Topology.of((), [("a", "s"), ("b", "s")])
    assert graph.share_of("a", "s", {"a": 10.0, "b": 90.0}) == pytest.approx(0.125)
    assert graph.share_of("b", "s", {"a": 10.0, "b": 90.0}) == 1.0
    assert graph.share_of("a", "s", {}) == 0.5


def test_a_share_through_a_cycle_is_finite() -> None:
    """A call that closes a cycle adds nothing."""
    assert 0.0 < LOOP.share_reaching("a", "d", dict.fromkeys("abcd", 1.0)) <= 1.0
