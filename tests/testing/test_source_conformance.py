"""The kit for authors passes what keeps to the rules, and names each rule that is broken."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from blackboard import Context, Entry, Hypothesis, Post, knowledge_source, on, var, when
from blackboard.testing import board, check_source

EXAMPLE = Path(__file__).parents[2] / "examples" / "deploy_correlator.py"


class Item(Hypothesis, level="item"):
    n: int
    tags: list[str] = []


class Other(Hypothesis, level="other"):
    n: float


ITEM = var(Item)


def plugin(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_example_of_the_readme_conforms() -> None:
    """It acts on one group of entries, and declines another."""
    module = plugin(EXAMPLE)
    deploy, spike = module.Deploy(service="a", version="1", at=0), module.ErrorSpike
    await check_source(
        module.deploy_correlator,
        examples=[
            [deploy, (spike(service="a", at=60, ratio=5), 0.9)],
            [deploy, spike(service="a", at=5_000, ratio=5)],
        ],
    )


async def test_plain_functions_conform_too() -> None:
    @knowledge_source(produces=[Other])
    def act(ctx: Context, item: Entry[Item]) -> Post:
        return Post(Other(n=ctx.clock()))

    await check_source(act, examples=[[Item(n=1), Item(n=2)]])


@knowledge_source(produces=[Other])
async def changes_its_input(ctx: Context, item: Entry[Item]) -> Post:
    item.data.tags.append("seen")
    return Post(Other(n=1))


@knowledge_source(produces=[Other])
async def fails(ctx: Context, item: Entry[Item]) -> Post:
    raise LookupError("no such thing")


@knowledge_source(produces=[Item])
async def says_what_it_did_not_declare(ctx: Context, item: Entry[Item]) -> Post:
    return Post(Other(n=1))


@knowledge_source(produces=[Item])
async def feeds_itself(ctx: Context, item: Entry[Item]) -> Post:
    return Post(Item(n=item.data.n + 1))


@knowledge_source(produces=[Other])
async def draws_lots(ctx: Context, item: Entry[Item]) -> Post:
    return Post(Other(n=random.random()))


COUNT = itertools.count()


@knowledge_source(produces=[Other])
async def counts(ctx: Context, item: Entry[Item]) -> list[Post]:
    return [Post(Other(n=1)) for _ in range(1 + next(COUNT))]


@knowledge_source(when(on(ITEM, ITEM.n > 5, ITEM.n < 3)), produces=[Other])
async def never_matches(ctx: Context, item: Entry[Item]) -> None: ...


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (changes_its_input, "example 1: it changed the Item that it was given; entries are read only"),
        (fails, "example 1: activation 1 is backing_off: LookupError: no such thing"),
        (says_what_it_did_not_declare, "example 1: activation 1 is dead: .*Other"),
        (feeds_itself, "example 1: it still acts after 100 activations; it feeds itself"),
        (draws_lots, "example 1: it acts differently the second time:"),
        (counts, "example 1: it acts differently the second time"),
        (never_matches, "its trigger can never match: Item: n > 5 and n < 3 never holds"),
        (never_matches, "example 1: nothing is triggered; do these entries meet the trigger"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
async def test_broken_rule_is_named(source: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said) as caught:
        await check_source(source, examples=[[Item(n=1)]])
    assert str(caught.value).startswith(f"{source.name} ({__file__}:")


async def test_source_without_an_example_is_not_checked() -> None:
    with pytest.raises(AssertionError, match="no example; give at least one group"):
        await check_source(fails, examples=[])


async def test_handler_that_waits_for_ever_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "SETTLE_SECONDS_MAX", 0.1)

    @knowledge_source
    async def waits(ctx: Context, item: Entry[Item]) -> None:
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match=r"still running after 0\.1 s: waits"):
        await check_source(waits, examples=[[Item(n=1)]])
