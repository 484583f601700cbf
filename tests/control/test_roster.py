"""The roster: who can be asked, and in which order."""

from __future__ import annotations

from blackboard_control.roster import Roster

from blackboard.core.source import SourceDeclaration
from tests.scenarios.language import parse_trigger


def _roster(*names: str, concurrency_max: int = 0) -> Roster:
    roster = Roster()
    for name in names:
        roster.enable(
            SourceDeclaration(name=name, trigger=parse_trigger("a:A"), concurrency_max=concurrency_max)
        )
    return roster


def test_source_keeps_its_place_when_it_is_declared_anew() -> None:
    """And is enabled again."""
    roster = _roster("s", "t")
    roster.sources["s"].is_enabled = False
    assert not roster.sources["s"].has_room
    roster.enable(SourceDeclaration(name="s", trigger=parse_trigger("b:B")))
    assert (roster.sources["s"].order, roster.sources["t"].order) == (1, 2)
    assert roster.sources["s"].has_room


def test_available_are_enabled_sources_with_room_and_a_free_agent() -> None:
    """In the order of the agents; unknown names are passed over."""
    roster = _roster("s", "t", concurrency_max=1)
    assert roster.available() == []
    roster.attach("w1", ("t", "x"), 1, leases=0)
    roster.attach("w2", ("s", "t"), 1, leases=0)
    assert roster.available() == ["t", "s"]
    roster.lease("w1", "t", 1)
    assert roster.available() == ["s"]
    roster.lease("w1", "t", -1)
    roster.sources["s"].is_enabled = False
    assert roster.available() == ["t"]
    assert roster.has_agent("x")
    assert not roster.has_agent("y")


def test_fewest_missed_then_most_room_then_longest_attached_is_asked() -> None:
    """An agent that let offers lapse is asked last, until it attaches anew."""
    roster = _roster("s")
    roster.attach("w1", ("s",), 1, leases=0)
    roster.attach("w2", ("s",), 2, leases=0)
    assert roster.agent_for("s") == "w2"
    roster.lease("w2", "s", 1)
    assert roster.agent_for("s") == "w1"
    roster.agents["w1"].missed = 1
    assert roster.agent_for("s") == "w2"
    roster.attach("w1", ("s",), 3, leases=0)
    assert roster.agent_for("s") == "w1"


def test_leases_of_an_agent_that_left_are_not_counted_to_anyone() -> None:
    """The source's are; the agent's are given when it comes back."""
    roster = _roster("s")
    roster.attach("w1", ("s",), 2, leases=0)
    roster.lease("w1", "s", 1)
    del roster.agents["w1"]
    roster.attach("w1", ("s",), 2, leases=1)
    assert roster.agents["w1"].free == 1
    del roster.agents["w1"]
    roster.lease("w1", "s", -1)
    assert roster.sources["s"].leases == 0
    assert set(roster.state()) == {"sources", "agents"}
