"""The agenda: refraction, indexes, and which activation is picked next."""

from __future__ import annotations

import pytest
from blackboard_control.agenda import Agenda
from blackboard_control.strategy import best_first, strategy_named
from hypothesis import given, settings
from hypothesis import strategies as st

from blackboard.core.activation import Activation
from blackboard.core.entry import Premise
from blackboard.core.errors import Rejected

ORDERS = {"s": 1, "t": 2}


def _agenda() -> Agenda:
    return Agenda(lambda activation: best_first(activation, ORDERS[activation.source]))


def _add(agenda: Agenda, source: str, *entries: int, rating: int = 5, sequence: int = 1) -> Activation:
    bindings = tuple(Premise(entry, 1) for entry in entries)
    added = agenda.add(source, "hash", bindings, sequence=sequence)
    return agenda.move(added.id, "enable", rating=rating)


def _pick(agenda: Agenda, now_ms: int = 0, *, minimum: int = 0, sources: str = "st") -> int | None:
    found = agenda.pick(sources, now_ms=now_ms, minimum=minimum)
    return None if found is None else found.id


def test_order_is_rating_then_sequence_then_source_then_binding() -> None:
    """The least key of all sources asked for goes first."""
    agenda = _agenda()
    _add(agenda, "t", 1, rating=5, sequence=1)
    _add(agenda, "s", 1, rating=5, sequence=2)
    _add(agenda, "s", 3, rating=5, sequence=1)
    _add(agenda, "s", 2, rating=5, sequence=1)
    _add(agenda, "t", 9, rating=6, sequence=9)
    order = []
    while (number := _pick(agenda)) is not None:
        order.append(number)
        agenda.move(number, "cancel")
    assert order == [5, 4, 3, 1, 2]


def test_only_the_sources_asked_for_and_the_ratings_above_the_minimum_count() -> None:
    """At the minimum is enough."""
    agenda = _agenda()
    _add(agenda, "s", 1, rating=5)
    _add(agenda, "t", 1, rating=7)
    assert _pick(agenda, sources="s") == 1
    assert _pick(agenda, minimum=7) == 2
    assert _pick(agenda, minimum=8) is None
    assert _pick(agenda, sources="") is None


def test_changed_rating_counts_at_once() -> None:
    """Outdated items of the queue are skipped, up as well as down."""
    agenda = _agenda()
    _add(agenda, "s", 1, rating=5)
    _add(agenda, "s", 2, rating=6)
    agenda.rerate(2, rating=4)
    assert _pick(agenda) == 1
    agenda.rerate(2, rating=7)
    assert _pick(agenda) == 2
    agenda.move(2, "disable")
    agenda.rerate(2, reason="waits")
    assert _pick(agenda) == 1


def test_backing_off_is_picked_when_its_time_has_come() -> None:
    """And not before; the next such time is known."""
    agenda = _agenda()
    _add(agenda, "s", 1)
    agenda.move(1, "lease")
    assert agenda.next_ready_ms() is None
    agenda.move(1, "retry", ready_ms=50)
    agenda.rerate(1, rating=6)
    assert agenda.next_ready_ms() == 50
    agenda.release_due(49)
    assert _pick(agenda, 49) is None
    agenda.release_due(50)
    assert _pick(agenda, 50) == 1
    assert agenda.next_ready_ms() is None


def test_abandoned_backoff_is_forgotten() -> None:
    """What was cancelled meanwhile wakes nobody."""
    agenda = _agenda()
    _add(agenda, "s", 1)
    agenda.move(1, "lease")
    agenda.move(1, "retry", ready_ms=50)
    agenda.move(1, "cancel")
    assert agenda.next_ready_ms() is None


def test_instantiation_fires_once() -> None:
    """It is found whatever became of it, unless it was obviated; then it may fire again."""
    agenda = _agenda()
    first = _add(agenda, "s", 1)
    with pytest.raises(AssertionError, match="fires once"):
        _add(agenda, "s", 1)
    assert agenda.find(first.key) is not None
    agenda.move(1, "lease")
    agenda.move(1, "complete")
    assert agenda.find(first.key) is not None
    _add(agenda, "s", 2)
    agenda.move(2, "obviate")
    assert _add(agenda, "s", 2).id == 3


def test_indexes_follow_the_life_cycle() -> None:
    """By entry, by source and by state; the ended are in no one's way, the revived are back."""
    agenda = _agenda()
    for entry in (1, 2):
        _add(agenda, "s", entry, 7)
    agenda.move(1, "lease")
    assert [each.id for each in agenda.bound_to(7)] == [1, 2]
    assert [each.id for each in agenda.open_of("s")] == [1, 2]
    assert [each.id for each in agenda.pending_of("s")] == [2]
    assert [each.id for each in agenda.in_state("leased")] == [1]
    agenda.move(1, "bury")
    assert [each.id for each in agenda.bound_to(7)] == [2]
    assert agenda.count("dead") == 1
    agenda.move(1, "retry", ready_ms=3)
    assert [each.id for each in agenda.bound_to(7)] == [2, 1]
    assert agenda.bound_to(99) == agenda.open_of("x") == []
    assert set(agenda.state()) == {"1", "2"}


@given(
    st.lists(st.tuples(st.sampled_from("st"), st.integers(0, 3), st.integers(0, 3)), max_size=12), st.data()
)
@settings(max_examples=60, deadline=None)
def test_pick_is_the_least_key(made: list[tuple[str, int, int]], data: st.DataObject) -> None:
    """As a search through all activations would find it, whatever happened to them before."""
    agenda = _agenda()
    for number, (source, rating, sequence) in enumerate(made):
        _add(agenda, source, number, rating=rating, sequence=sequence)
    for number in list(agenda.activations):
        match data.draw(st.sampled_from(["stay", "disable", "rerate", "lease", "cycle"])):
            case "disable":
                agenda.move(number, "disable")
            case "rerate":
                agenda.rerate(number, rating=data.draw(st.integers(0, 3)))
            case "lease":
                agenda.move(number, "lease")
            case "cycle":
                agenda.move(number, "disable")
                agenda.move(number, "enable", rating=data.draw(st.integers(0, 3)))
            case _:
                pass
        executable = agenda.in_state("executable")
        least = min(executable, key=lambda each: best_first(each, ORDERS[each.source]), default=None)
        assert _pick(agenda) == (None if least is None else least.id)


def test_unknown_strategy_is_refused() -> None:
    """The message names those that there are."""
    assert strategy_named("best_first") is best_first
    with pytest.raises(Rejected, match="no strategy 'worst'; there is best_first"):
        strategy_named("worst")
