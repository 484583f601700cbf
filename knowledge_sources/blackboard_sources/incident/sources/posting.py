"""What the sources of this package share: judgements of the analysis as contributions to the board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from blackboard.authoring import Context, Contribution, Entry, Link, Post, refutes
from blackboard_sources.incident.analysis import Claim, Refutation
from blackboard_sources.incident.analysis import Signal as SignalFacts
from blackboard_sources.incident.analysis.corroboration import Support
from blackboard_sources.incident.analysis.signal import SignalKey
from blackboard_sources.incident.vocabulary import (
    Anomaly,
    Finding,
    Objection,
    RootCause,
    ServiceFault,
    Signal,
    claim_of,
)

__all__ = [
    "Picture",
    "anomaly",
    "faults",
    "finding",
    "look",
    "objection",
    "refutation_links",
    "support_links",
]


def anomaly(claim: Claim | None) -> Post | None:
    """Return the post of an anomaly."""
    if claim is None:
        return None
    return Post(Anomaly(service=claim.service, aspect=claim.about), claim.confidence, note=claim.reason)


def objection(refutation: Refutation | None, ground: str, target: Entry[Anomaly]) -> Post | None:
    """Return the post of an objection that refutes `target`."""
    if refutation is None:
        return None
    data = Objection(service=refutation.service, about=refutation.about, ground=ground)
    links = [refutes(target, reason=refutation.reason)]
    return Post(data, refutation.confidence, links=links, note=refutation.reason)


class Picture:
    """All signals and anomalies of a board, for sources that need the whole.

    Args:
        signals: Every signal.
        anomalies: Every anomaly.
    """

    def __init__(self, signals: Sequence[Entry[Signal]], anomalies: Sequence[Entry[Anomaly]]) -> None:
        self.signals: list[SignalFacts] = [each.data.facts() for each in signals]
        self.claims: list[Claim] = [claim_of(each) for each in anomalies]
        self.signal_ids: Mapping[SignalKey, Entry[Signal]] = {
            (each.data.service, each.data.aspect): each for each in signals
        }
        self.anomaly_ids: Mapping[SignalKey, Entry[Anomaly]] = {
            (each.data.service, each.data.aspect): each for each in anomalies
        }


async def look(ctx: Context) -> Picture:
    """Read all signals and anomalies as they stand."""
    return Picture(await ctx.entries(Signal), await ctx.entries(Anomaly))


def faults(claims: Iterable[Claim], picture: Picture) -> list[Post]:
    """Return the posts of service faults, each resting on the signals that its claim names."""
    return [
        Post(
            ServiceFault(service=claim.service, kind=claim.about),
            claim.confidence,
            because=[picture.signal_ids[key] for key in claim.rests_on if key in picture.signal_ids],
            note=claim.reason,
        )
        for claim in claims
    ]


def support_links(supports: Iterable[Support], picture: Picture) -> list[Contribution]:
    """Return, per support, the root cause it speaks for and the link from the anomaly that does."""
    found: list[Contribution] = []
    for support in supports:
        evidence = picture.anomaly_ids.get(support.by)
        if evidence is not None:
            cause = Post(RootCause(service=support.service), confidence=0.0)
            found += [cause, Link("supports", evidence, cause, support.weight, support.reason)]
    return found


def refutation_links(
    refutations: Iterable[Refutation], picture: Picture, standing: Iterable[Entry[ServiceFault]]
) -> list[Contribution]:
    """Return the links by which anomalies refute the service faults that stand, the strongest per pair."""
    targets = {(fault.data.service, fault.data.kind): fault for fault in standing}
    strongest: dict[tuple[SignalKey, SignalKey], Refutation] = {}
    for each in refutations:
        assert each.by is not None, "a reducer names the anomaly that does the refuting"
        pair = (each.by, (each.service, each.about))
        if pair not in strongest or strongest[pair].confidence < each.confidence:
            strongest[pair] = each
    return [
        Link("refutes", picture.anomaly_ids[by], targets[about], each.confidence, each.reason)
        for (by, about), each in strongest.items()
        if by in picture.anomaly_ids and about in targets
    ]


def finding(author: str, links: Sequence[Contribution]) -> list[Contribution]:
    """Return `links` together with the word that `author` has had its look."""
    return [Post(Finding(author=author, links=len(links)), confidence=0.0), *links]
