"""The conformance kit for authors of knowledge sources: `await check_source(source, examples=[...])`.

It runs the source on the real engine, twice per example, on a virtual clock and one activation at a time, and
says everything that is wrong with it at once.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from blackboard.authoring import Context, Entry, Fatal, Hypothesis, KnowledgeSource, SourceLike, as_source
from blackboard.core.contradiction import contradictions
from blackboard.core.fact import from_data, to_data
from blackboard.core.source import SourceDeclaration
from blackboard.testing.board import TestBoard

__all__ = ["Claimed", "Example", "check_source"]

Claimed: TypeAlias = tuple[Hypothesis, float]
"""An entry and the confidence with which it is claimed."""

Example: TypeAlias = Sequence[Hypothesis | Claimed]
"""Entries that are posted in this order and together call for the source."""

ACTIVATIONS_MAX: Final = 100
"""How often a source may act on one example; one that goes on longer feeds itself."""


async def check_source(source: SourceLike, examples: Sequence[Example]) -> None:
    """Check that a source keeps to what every source promises.

    - Its declaration survives the wire, and its trigger can match.
    - It acts on each example.
    - Each time it declines, or returns contributions that a board takes, of types that it declares.
    - It leaves the entries that it is given as they are.
    - It comes to an end, and acts alike when everything is alike: it asks `ctx.clock()` for the time, and
      draws no random numbers of its own.

    Args:
        source: What `knowledge_source` made.
        examples: Entries on which it is to act, at least one group.

    Raises:
        AssertionError: All that is wrong, one line each.
    """
    subject = as_source(source)
    problems = _problems_of(subject.declaration)
    if not examples:
        problems.append("no example; give at least one group of entries on which it acts")
    for number, example in enumerate(examples, 1):
        problems += [f"example {number}: {each}" for each in await _problems_with(subject, example)]
    if problems:
        raise AssertionError("\n".join([f"{subject.name} ({subject.location}):", *problems]))


def _problems_of(declaration: SourceDeclaration) -> list[str]:
    problems = [f"its trigger can never match: {each}" for each in contradictions(declaration.trigger)]
    if from_data(to_data(declaration), SourceDeclaration) != declaration:
        problems.append("its declaration changes on its way over the wire")
    return problems


async def _problems_with(source: KnowledgeSource, example: Example) -> list[str]:
    first, second = await _run(source, example), await _run(source, example)
    if first.problems or second.problems:
        return first.problems or second.problems
    for one, other in zip(first.log, second.log, strict=False):
        if one != other:
            return [f"it acts differently the second time:\n  {one}\n  {other}"]
    if len(first.log) != len(second.log):
        return [f"it acts differently the second time: {len(first.log)} events, then {len(second.log)}"]
    return []


@dataclass(slots=True)
class _Run:
    """What one run showed."""

    log: list[str]
    problems: list[str] = field(default_factory=list[str])


async def _run(source: KnowledgeSource, example: Example) -> _Run:
    watched = _Watched(source)
    async with TestBoard(watched.source, credits=1) as board:
        for each in example:
            data, confidence = each if isinstance(each, tuple) else (each, 1.0)
            await board.post(data, confidence=confidence)
        try:
            await board.settle()
        except TimeoutError as error:
            watched.problems.append(str(error))
        activations = board.activations()
        run = _Run(board.transcript().splitlines(), watched.problems)
    if not activations:
        run.problems.append("nothing is triggered; do these entries meet the trigger?")
    run.problems += [
        f"activation {each.id} is {each.state}: {each.reason}"
        for each in activations
        if each.state in {"dead", "backing_off"} and not watched.problems
    ]
    return run


class _Watched:
    """A source whose handler is watched."""

    def __init__(self, source: KnowledgeSource) -> None:
        self.problems: list[str] = []
        self.source = replace(source, handler=self._handle)
        self._handler = source.handler
        self._calls = 0

    async def _handle(self, context: Context, *entries: Entry[Any]) -> Any:
        self._calls += 1
        if self._calls > ACTIVATIONS_MAX:
            self.problems.append(f"it still acts after {ACTIVATIONS_MAX} activations; it feeds itself")
            raise Fatal("it feeds itself")
        before = copy.deepcopy(entries)
        handler: Any = self._handler
        if inspect.iscoroutinefunction(handler):
            result = await handler(context, *entries)
        else:
            result = await asyncio.to_thread(handler, context, *entries)
        self.problems += [
            f"it changed the {now.type} that it was given; entries are read only"
            for was, now in zip(before, entries, strict=True)
            if was != now
        ]
        return result
