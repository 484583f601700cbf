"""Views: what the board holds, as the models of the wire describe it."""

import msgspec
import orjson
import pytest

from blackboard.core.activation import Activation, ActivationState, Lease, RatingTerm
from blackboard.core.board import Board
from blackboard.core.entry import Entry, Justification, Link, Premise
from blackboard.core.ready import Offer, Withdrawal
from blackboard.core.source import SourceDeclaration
from blackboard.core.trigger import Pattern, Trigger
from blackboard.wire.messages import (
    ActivationOfferedParams,
    ActivationView,
    ActivationWithdrawnParams,
    BoardSummary,
    BoardView,
    EntryView,
    LinkView,
    SourceView,
)
from blackboard.wire.views import (
    activation_view,
    board_summary,
    board_view,
    entry_view,
    link_view,
    offer_view,
    source_view,
    waits_for,
    withdrawal_view,
)

ENTRY = Entry(
    id=3,
    type="Cause",
    level="cause",
    data={"service": "pay"},
    version=2,
    status="accepted",
    author="blame",
    justifications=(
        Justification(
            author="blame", confidence=600_000, premises=(Premise(2, 1), Premise(1, 1)), activation=4
        ),
        Justification(author="other", confidence=900_000, premises=(Premise(9, 1),), withdrawn=True),
    ),
    belief=333_333,
    posted_ms=1_000,
    posted_revision=5,
    data_revision=6,
    activation=4,
    expires_ms=9_000,
    note="errors x5",
    trust="remote",
)
LINK = Link(kind="refutes", source=3, target=1, weight=250_000, author="blame", activation=4, reason="x")
ACTIVATION = Activation(
    id=4,
    source="blame",
    trigger_hash="abc",
    bindings=(Premise(2, 1), Premise(1, 1)),
    state="leased",
    sequence=4,
    attempts=1,
    rating=812_500,
    terms=(RatingTerm("priority", 0.5, 2),),
    lease=Lease(token=7, agent="worker-1", lease_ms=15_000, granted_ms=900),
    reason="best rated",
)


def through_json(view):
    return orjson.loads(orjson.dumps(view))


def test_entry_is_shown_with_fractions_claims_and_links():
    view = through_json(entry_view(ENTRY, links_out=[LINK], links_in=[]))
    EntryView.model_validate(view)
    assert view["confidence"] == 0.6  # the withdrawn claim of 0.9 does not count
    assert view["belief"] == 0.333333
    assert view["because"] == [1, 2]
    assert view["claims"][0]["because"] == [{"entry": 2, "version": 1}, {"entry": 1, "version": 1}]
    assert view["claims"][1]["withdrawn"] is True
    assert view["links_out"][0]["weight"] == 0.25
    assert view["links_in"] == []
    assert set(view) == set(EntryView.model_fields)


def test_plain_premise_leaves_defaults_out():
    entry = msgspec.structs.replace(
        ENTRY,
        justifications=(Justification(author="ann", confidence=1_000_000),),
        activation=None,
        expires_ms=None,
        note="",
        trust="local",
    )
    view = through_json(entry_view(entry))
    read = EntryView.model_validate(view)
    assert (read.because, read.links_in, read.activation, read.trust) == ((), None, None, "local")
    assert not {"because", "links_in", "links_out", "activation", "note", "trust"} & set(view)


def test_link_of_full_weight_leaves_it_out():
    link = Link(kind="supports", source=1, target=2, weight=1_000_000, author="ann")
    assert link_view(link) == {"kind": "supports", "source": 1, "target": 2, "author": "ann"}
    assert LinkView.model_validate(link_view(link)).weight == 1.0
    assert LinkView.model_validate(link_view(LINK)).weight == 0.25


def test_activation_is_shown_with_rating_lease_and_what_it_waits_for():
    view = through_json(activation_view(ACTIVATION, variables=("spike", "deploy")))
    ActivationView.model_validate(view)
    assert view["bindings"][0] == {"variable": "spike", "entry": 2, "version": 1}
    assert view["rating"] == 0.8125
    assert view["terms"] == [{"name": "priority", "value": 0.5, "weight": 2}]
    assert view["lease"] == {"agent": "worker-1", "granted_ms": 900, "lease_ms": 15_000}
    assert view["waits_for"] == "for worker-1"
    assert view["reason"] == "best rated"


def test_activation_says_what_control_says_it_waits_for():
    view = activation_view(ACTIVATION, waits="no live agent works for 'blame'")
    assert view["waits_for"] == "no live agent works for 'blame'"
    assert view["bindings"][0] == {"entry": 2, "version": 1}


@pytest.mark.parametrize("state", ActivationState.__args__)
def test_only_ended_activations_wait_for_nothing(state):
    activation = msgspec.structs.replace(
        ACTIVATION, state=state, lease=None, terms=(), reason="", ready_ms=50
    )
    view = through_json(activation_view(activation))
    ActivationView.model_validate(view)
    assert ("ready_ms" in view) == (state == "backing_off")
    ended = state in {"executed", "obviated", "cancelled", "dead"}
    assert (waits_for(activation) == "") == ended == ("waits_for" not in view)


def test_offer_and_withdrawal_are_the_params_of_their_notifications():
    offer = Offer(
        board="main",
        activation=4,
        token=7,
        agent="worker-1",
        source="blame",
        variables=("spike",),
        entries=(ENTRY,),
        attempt=1,
        lease_ms=15_000,
        accept_ms=5_000,
        timeout_ms=60_000,
    )
    view = through_json(offer_view(offer))
    assert ActivationOfferedParams.model_validate(view).entries[0].id == 3
    assert set(view) == set(ActivationOfferedParams.model_fields)
    withdrawal = Withdrawal(board="main", activation=4, token=7, agent="worker-1", reason="cancelled by ann")
    assert ActivationWithdrawnParams.model_validate(withdrawal_view(withdrawal)).reason == "cancelled by ann"


def test_board_is_shown_in_short_and_at_length():
    board = Board("main")
    board.status, board.goal, board.revision, board.entry_count, board.opened_ms = "open", "why?", 9, 3, 1_000
    assert "outcome" not in board_summary(board)
    assert "reason" not in board_view(board, sources=[], answer=[])
    board.status, board.outcome, board.reason = "ended", "solved", "goal met"
    assert BoardSummary.model_validate(through_json(board_summary(board))).outcome == "solved"
    view = through_json(board_view(board, sources=["blame"], answer=[3, 1]))
    read = BoardView.model_validate(view)
    assert (read.sources, read.answer, read.reason, read.opened_ms) == (("blame",), (3, 1), "goal met", 1_000)
    assert read.settings == board.settings


def test_source_is_shown_with_its_trigger_in_words():
    declaration = SourceDeclaration(
        name="blame", trigger=Trigger(patterns=(Pattern(variable="s", type="Spike"),))
    )
    everywhere = through_json(source_view(declaration, boards=None, agents=[]))
    assert SourceView.model_validate(everywhere).trigger == "Spike"
    assert "boards" not in everywhere
    somewhere = through_json(source_view(declaration, boards=["main"], agents=["worker-1"]))
    read = SourceView.model_validate(somewhere)
    assert (read.boards, read.agents, read.declaration) == (("main",), ("worker-1",), declaration)
