"""What handlers return becomes the core's commands in one place."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.authoring import Judge, Link, Post, Retract, Revise, refutes, supports, to_contributions
from blackboard.authoring.contributions import Fatal
from blackboard.authoring.entry import Entry
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.core import commands as core
from blackboard.core.errors import BlackboardError


class Word(Hypothesis, level="word"):
    text: str


STANDING: Entry[Word] = Entry(
    id=5,
    type="Word",
    level="word",
    data=Word(text="hi"),
    confidence=1,
    belief=1,
    version=3,
    status="proposed",
    author="me",
)


def test_nothing_is_no_contribution() -> None:
    assert to_contributions(None) == ()
    assert to_contributions([]) == ()


def test_bare_hypothesis_is_posted_with_confidence_one() -> None:
    assert to_contributions(Word(text="a")) == (core.PostEntry(type="Word", data={"text": "a"}),)


def test_post_carries_reasons_links_and_time_to_live() -> None:
    post = Post(
        Word(text="a"),
        confidence=0.5,
        because=[STANDING, 6],
        links=[supports(STANDING, weight=0.25, reason="r"), refutes(7)],
        note="n",
        ttl=1.5,
        keep=True,
    )
    assert to_contributions(post) == (
        core.PostEntry(
            type="Word",
            data={"text": "a"},
            confidence=0.5,
            because=(5, 6),
            links=(
                core.NewLink(kind="supports", target=5, weight=0.25, reason="r"),
                core.NewLink(kind="refutes", target=7),
            ),
            note="n",
            ttl_ms=1500,
            keep=True,
        ),
    )


def test_other_contributions_keep_their_order() -> None:
    assert to_contributions(
        [
            Revise(STANDING, Word(text="b"), because=[1], note="n"),
            Revise(STANDING, confidence=0.25),
            Link("refines", STANDING, 6, weight=0.5, reason="r"),
            Judge(STANDING, "accept", "r"),
            Retract(6, "r"),
        ]
    ) == (
        core.ReviseEntry(entry=5, version=3, data={"text": "b"}, because=(1,), note="n"),
        core.ReviseEntry(entry=5, version=3, confidence=0.25),
        core.LinkEntries(kind="refines", source=5, target=6, weight=0.5, reason="r"),
        core.JudgeEntry(entry=5, verdict="accept", reason="r"),
        core.RetractEntry(entry=6, reason="r"),
    )


def test_post_of_the_same_list_is_named_by_its_place() -> None:
    first, second = Post(Word(text="a")), Post(Word(text="b"))
    batch = to_contributions([Retract(9), first, second, Link("supports", second, first)])
    link = batch[3]
    assert isinstance(link, core.LinkEntries)
    assert (link.source, link.target) == (-3, -2)


@pytest.mark.parametrize(
    ("result", "advice"),
    [
        (3, "the handler returned 3; expected None, a Hypothesis"),
        ({"text": "a"}, "expected None, a Hypothesis"),
        ([None], "the handler returned None"),
        (Post(Word(text="a"), confidence=1.5), "confidence is 1.5"),
        (Post(Word(text="a"), links=[supports(1, weight=-1)]), "weight is -1"),
        (Post(Word(text="a"), because=[Post(Word(text="b"))]), "list it earlier"),
    ],
)
def test_wrong_result_is_refused(result: Any, advice: str) -> None:
    with pytest.raises(BlackboardError) as caught:
        to_contributions(result)
    assert caught.value.code == "invalid_params"
    assert advice in caught.value.message


def test_fatal_says_that_trying_again_cannot_help() -> None:
    assert (Fatal("no").code, Fatal("no").retryable) == ("handler_failed", False)
