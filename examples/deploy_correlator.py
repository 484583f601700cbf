"""Blames a deploy for an error spike that follows it. Drop this file in knowledge_sources/."""

from blackboard import Context, Entry, Hypothesis, Post, absent, knowledge_source, on, var, when


class Deploy(Hypothesis, level="signal"):
    service: str
    version: str
    at: float


class ErrorSpike(Hypothesis, level="symptom"):
    service: str
    at: float
    ratio: float


class Cause(Hypothesis, level="cause", identity=("service", "version")):
    service: str
    version: str
    summary: str


DEPLOY, SPIKE, CAUSE = var(Deploy), var(ErrorSpike), var(Cause)


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
    """The closer the spike follows the deploy, the surer the blame; after 15 minutes, none."""
    gap = spike.data.at - deploy.data.at
    if gap > 900:
        return None  # declined, and logged as such
    cause = Cause(
        service=deploy.data.service,
        version=deploy.data.version,
        summary=f"errors x{spike.data.ratio:g} {gap:.0f}s after {deploy.data.version}",
    )
    return Post(cause, confidence=spike.confidence * (1 - gap / 1800))
