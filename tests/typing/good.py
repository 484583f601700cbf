"""What authors write: both type checkers find nothing to say about it. It also imports."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from blackboard import (
    Context,
    Entry,
    Fatal,
    Hypothesis,
    Judge,
    Link,
    Post,
    Retract,
    Revise,
    Settings,
    absent,
    any_of,
    between,
    exists,
    goal,
    has,
    knowledge_source,
    not_,
    on,
    one_of,
    prefix,
    quiescent,
    refutes,
    suffix,
    supports,
    var,
    when,
)
from blackboard.authoring import SourceLike


class Author(BaseModel):
    name: str


class Deploy(Hypothesis, level="signal"):
    service: str
    version: str
    at: float
    author: Author
    tags: list[str] = []
    labels: dict[str, str] = {}


class ErrorSpike(Hypothesis, level="symptom", belief="claimed", ttl=60):
    service: str
    at: float
    ratio: float
    kind: Literal["slow", "failing"] = "slow"
    confirmed: bool = False
    owner: str | None = None


class Cause(Hypothesis, level="cause", identity=("service", "version"), merge={"summary": "newest"}):
    service: str
    version: str
    summary: str


DEPLOY, SPIKE, CAUSE = var(Deploy), var(ErrorSpike), var(Cause)

SETTINGS = Settings(completion=(goal(CAUSE, CAUSE.service != "", min_belief=0.8),))


@knowledge_source(
    when(
        on(SPIKE, SPIKE.ratio >= 3, min_confidence=0.6),
        on(DEPLOY, DEPLOY.service == SPIKE.service, DEPLOY.at <= SPIKE.at),
        absent(CAUSE, CAUSE.service == SPIKE.service, CAUSE.version == DEPLOY.version),
    ),
    produces=[Cause],
    rating=0.8,
    timeout=10,
)
async def deploy_correlator(ctx: Context, spike: Entry[ErrorSpike], deploy: Entry[Deploy]) -> Post | None:
    gap = spike.data.at - deploy.data.at
    if gap > 900:
        return None
    cause = Cause(service=deploy.data.service, version=deploy.data.version, summary=f"after {gap:.0f}s")
    return Post(cause, confidence=spike.confidence * (1 - gap / 1800), links=[supports(spike, weight=0.5)])


@knowledge_source(
    when(
        on(
            SPIKE,
            one_of(SPIKE.service, ["pay", "cart"]),
            one_of(SPIKE.ratio, [1, 2.5]),
            between(SPIKE.ratio, 1, 9),
            any_of(SPIKE.kind == "slow", not_(SPIKE.ratio < 2)),
            prefix(SPIKE.service, "p"),
            suffix(SPIKE.owner, "-team"),
            SPIKE.owner != "nobody",
            SPIKE.confirmed,
        ),
        exists(
            DEPLOY, DEPLOY.author.name == "sam", has(DEPLOY.tags, "canary"), DEPLOY.labels["env"] == "prod"
        ),
        absent(on(CAUSE, CAUSE.service == SPIKE.service), on(DEPLOY, DEPLOY.version == CAUSE.version)),
        quiescent(),
    ),
    since="now",
)
def every_operator(ctx: Context, spike: Entry[ErrorSpike]) -> list[Post | Link]:
    """A plain function runs in a thread."""
    first = Post(Cause(service=spike.data.service, version="?", summary=""), links=[refutes(1)])
    return [first, Link("refines", spike, first)]


@knowledge_source
async def short_form(ctx: Context, cause: Entry[Cause]) -> Cause:
    return cause.data


@knowledge_source(name="another", concurrency=2)
async def short_form_with_options(
    ctx: Context, cause: Entry[Cause], spike: Entry[ErrorSpike]
) -> Sequence[Judge | Retract | Revise]:
    await ctx.post(cause.data, confidence=0.5, because=[spike])
    rivals = await ctx.entries(Cause)
    if any(rival.data.service == "" for rival in rivals):
        raise Fatal("a cause without a service")
    return [Judge(cause, "accept"), Retract(spike), Revise(cause, confidence=1)]


@knowledge_source(when(quiescent()))
async def last_chance(ctx: Context) -> None:
    return None


@knowledge_source
class ClassForm:
    """The class form."""

    when = when(on(CAUSE))
    produces = [Cause]
    timeout = 5.0

    async def run(self, ctx: Context, cause: Entry[Cause]) -> None:
        ctx.progress(f"{ctx.clock():.0f} {cause.data.summary}")


SOURCES: list[SourceLike] = [deploy_correlator, every_operator, short_form, last_chance, ClassForm]
