"""Mistakes of authors: each line marked `error` is refused by both type checkers. It is never imported."""

from blackboard import (
    Context,
    Entry,
    Hypothesis,
    Post,
    absent,
    between,
    has,
    knowledge_source,
    on,
    one_of,
    prefix,
    var,
    when,
)


class Spike(Hypothesis, level="symptom"):
    service: str
    ratio: float
    tags: list[str] = []


class Deploy(Hypothesis, level="signal"):
    service: str
    at: float


SPIKE, DEPLOY = var(Spike), var(Deploy)

on(SPIKE, SPIKE.ratoi >= 3)  # error
on(SPIKE, SPIKE.ratio >= "3")  # error
on(SPIKE, SPIKE.service == 3)  # error
on(DEPLOY, DEPLOY.service == SPIKE.ratio)  # error
on(SPIKE, SPIKE.service)  # error
on(SPIKE, one_of(SPIKE.service, [1, 2]))  # error
on(SPIKE, between(SPIKE.ratio, "a", "b"))  # error
on(SPIKE, prefix(SPIKE.ratio, "p"))  # error
on(SPIKE, has(SPIKE.tags, 3))  # error
on(3)  # error
on(SPIKE, min_beleif=0.5)  # error
when(absent(SPIKE), on(DEPLOY))  # error


@knowledge_source(when(on(SPIKE), on(DEPLOY)))  # error
async def too_few(ctx: Context, spike: Entry[Spike]) -> None: ...


@knowledge_source(when(on(SPIKE), on(DEPLOY)))  # error
async def wrong_order(ctx: Context, deploy: Entry[Deploy], spike: Entry[Spike]) -> None: ...


@knowledge_source(when(on(SPIKE)))  # error
async def wrong_result(ctx: Context, spike: Entry[Spike]) -> int:
    return 3


@knowledge_source(when(on(SPIKE)), priority=3)  # error
async def wrong_option(ctx: Context, spike: Entry[Spike]) -> None: ...


@knowledge_source
async def wrong_field(ctx: Context, spike: Entry[Spike]) -> Post:
    return Post(Spike(service=spike.data.servise, ratio=1))  # error
