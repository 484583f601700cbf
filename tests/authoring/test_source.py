"""`knowledge_source` in its three forms, what it declares, and what it refuses."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from blackboard.authoring import (
    Context,
    Entry,
    Post,
    as_source,
    knowledge_source,
    on,
    quiescent,
    var,
    view_entry,
    when,
)
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.authoring.source import KnowledgeSource
from blackboard.core import entry as core
from blackboard.core.errors import BlackboardError
from blackboard.core.trigger import describe


class Word(Hypothesis, level="word"):
    text: str


class Phrase(Hypothesis, level="phrase"):
    text: str


WORD, WORD2 = var(Word), var(Word)
anything: Any = knowledge_source
CONTEXT = cast(Context, None)


@knowledge_source(
    when(on(WORD), on(WORD2, WORD2.text != WORD.text)),
    produces=[Phrase],
    rating=0.75,
    timeout=2.5,
    attempts=2,
    lease=3,
    concurrency=4,
    since="now",
)
async def join_words(ctx: Context, first: Entry[Word], second: Entry[Word]) -> Post:
    """Joins two words.

    More prose.
    """
    return Post(Phrase(text=f"{first.data.text} {second.data.text}"))


def entry(number: int, text: str) -> Entry[Any]:
    claim = core.Justification(author="me", confidence=400_000, premises=(core.Premise(7, 1),))
    standing = core.Entry(
        id=number,
        type="Word",
        level="word",
        data={"text": text},
        version=2,
        status="proposed",
        author="me",
        justifications=(claim,),
        belief=250_000,
        posted_ms=5,
        posted_revision=1,
        data_revision=1,
    )
    return view_entry(standing)


def test_options_become_the_declaration() -> None:
    declared = join_words.declaration
    assert (declared.name, declared.description) == ("join-words", "Joins two words.")
    assert (declared.rating, declared.timeout_ms, declared.attempts_max) == (0.75, 2500, 2)
    assert (declared.lease_ms, declared.concurrency_max, declared.since) == (3000, 4, "now")
    assert (declared.produces, [each.name for each in declared.types]) == (("Phrase",), ["Word", "Phrase"])
    assert describe(declared.trigger) == "Word and Word(text != first.text)"
    assert join_words.location == f"{__file__}:{join_words.handler.__code__.co_firstlineno}"


async def test_handler_gets_typed_views_of_the_bound_entries() -> None:
    seen: list[Entry[Word]] = []

    @knowledge_source
    async def look(ctx: Context, word: Entry[Word]) -> None:
        seen.append(word)

    assert await look.run(CONTEXT, [entry(3, "hi")]) is None
    word = seen[0]
    assert (word.id, word.data, word.version, word.because) == (3, Word(text="hi"), 2, (7,))
    assert (word.confidence, word.belief, word.status) == (0.4, 0.25, "proposed")


async def test_data_of_another_shape_is_refused_with_the_place() -> None:
    wrong = dataclasses.replace(entry(1, "a"), data={"txt": "a"})
    with pytest.raises(BlackboardError, match="entry #1 is no Word: at 'text'"):
        await join_words.run(CONTEXT, [wrong, entry(2, "b")])


async def test_handler_returns_what_it_returns() -> None:
    result = await join_words.run(CONTEXT, [entry(1, "a"), entry(2, "b")])
    assert isinstance(result, Post)
    assert result.data == Phrase(text="a b")


async def test_plain_function_runs_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    @knowledge_source
    def look(ctx: Context, word: Entry[Word]) -> None:
        threads.append(threading.current_thread())

    await asyncio.wait_for(look.run(CONTEXT, [entry(3, "hi")]), 5)
    assert threads != [threading.main_thread()]


def test_short_form_implies_a_pattern_per_annotation() -> None:
    @knowledge_source(name="both")
    async def anything(ctx: Context, word: Entry[Word], phrase: Entry[Phrase]) -> None: ...

    assert describe(anything.declaration.trigger) == "Word and Phrase"
    assert [each.variable for each in anything.declaration.trigger.patterns] == ["word", "phrase"]
    assert anything.name == "both"


async def test_class_form_reads_its_options_from_attributes() -> None:
    @knowledge_source
    class WordCounter:
        """Counts."""

        when = when(on(WORD))
        rating = 0.25

        def __init__(self) -> None:
            self.count = 0

        async def run(self, ctx: Context, word: Entry[Word]) -> None:
            self.count += 1

    source = as_source(WordCounter)
    assert (source.name, source.declaration.rating, source.declaration.description) == (
        "word-counter",
        0.25,
        "Counts.",
    )
    await source.run(CONTEXT, [entry(1, "a")])
    await source.run(CONTEXT, [entry(1, "a")])
    assert cast(Any, source.handler).__self__.count == 2


def test_changing_the_handler_does_not_change_the_trigger() -> None:
    def declare(answer: str) -> KnowledgeSource:
        @knowledge_source(when(on(WORD)))
        async def same(ctx: Context, word: Entry[Word]) -> Post:
            return Post(Phrase(text=answer))

        return same

    assert declare("a").declaration.trigger_hash == declare("b").declaration.trigger_hash


async def too_few(ctx: Context, word: Entry[Word]) -> None: ...
async def wrong_model(ctx: Context, a: Entry[Phrase], b: Entry[Word]) -> None: ...
async def bare_model(ctx: Context, a: Word, b: Entry[Word]) -> None: ...
async def bare_entry(ctx: Context, a: Entry, b: Entry[Word]) -> None: ...  # type: ignore[type-arg, unused-ignore]
async def no_model(ctx: Context, a: Entry[int], b: Entry[Word]) -> None: ...
async def keyword(ctx: Context, a: Entry[Word], *, b: Entry[Word]) -> None: ...
async def optional(ctx: Context, a: Entry[Word], b: Entry[Word] | None = None) -> None: ...
async def unresolved(ctx: Context, a: "Missing", b: Entry[Word]) -> None: ...  # type: ignore[name-defined, unused-ignore]  # noqa: F821
async def nothing() -> None: ...


TWO: Any = when(on(WORD), on(WORD2))


@pytest.mark.parametrize(
    ("handler", "advice"),
    [
        (too_few, "write (ctx: Context, word: Entry[Word], word: Entry[Word])"),
        (wrong_model, "parameter 'a' is an Entry[Phrase]"),
        (bare_model, "write Entry[Word]; the data is in .data"),
        (bare_entry, "expected Entry[<a Hypothesis>]"),
        (no_model, "expected a subclass of Hypothesis"),
        (keyword, "expected plain parameters only"),
        (optional, "expected plain parameters only"),
        (unresolved, "annotation 'Missing' cannot be resolved"),
        (nothing, "the first one receives the context"),
    ],
)
def test_handler_that_does_not_match_is_refused_with_file_and_fix(handler: Any, advice: str) -> None:
    with pytest.raises(BlackboardError) as caught:
        knowledge_source(TWO)(handler)
    assert caught.value.code == "invalid_source"
    assert advice in caught.value.message
    assert f"test_source.py:{handler.__code__.co_firstlineno}: {handler.__name__}" in caught.value.message


async def unannotated(ctx: Any, word: Any) -> None: ...


del unannotated.__annotations__["word"]


class NoRun:
    when = when(quiescent())


class WrongAttribute:
    when = when(quiescent())
    priority = 3

    async def run(self, ctx: Context) -> None: ...


@pytest.mark.parametrize(
    ("declare", "advice"),
    [
        (lambda: anything(unannotated), "write word: Entry[...]"),
        (lambda: anything(lambda ctx: None), "it waits for nothing"),
        (lambda: anything(NoRun), "async def run"),
        (lambda: anything(WrongAttribute), "no option 'priority'"),
        (lambda: anything(when(on(WORD)))(NoRun), "bare @knowledge_source"),
        (lambda: anything(when(on(WORD)), ratng=1), "did you mean 'rating'?"),
        (lambda: anything(3), "expected when(...), a function or a class"),
        (lambda: anything(when(on(WORD)), rating=3)(too_few), "rating of source 'too-few'"),
        (lambda: anything(when(on(WORD)), timeout=0)(too_few), "timeout_ms must be at least 1"),
        (lambda: as_source(cast(Any, too_few)), "put @knowledge_source above it"),
    ],
)
def test_wrong_use_is_refused_with_the_fix_named(declare: Callable[[], object], advice: str) -> None:
    with pytest.raises(BlackboardError) as caught:
        declare()
    assert caught.value.code == "invalid_source"
    assert advice in caught.value.message
