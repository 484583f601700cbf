"""Messages about entries: posting, changing and reading them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from blackboard.core.commands import Contribution, Verdict
from blackboard.core.entry import LinkKind, Status
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.wire.messages.base import (
    AsCore,
    BoardName,
    ChangeParams,
    FractionNumber,
    Items,
    Json,
    LimitParam,
    Message,
    Milliseconds,
    Number,
    Reason,
    Revision,
)

__all__ = [
    "ClaimView",
    "ContributionField",
    "EntryBatchParams",
    "EntryGetParams",
    "EntryGetResult",
    "EntryJudgeParams",
    "EntryLinkParams",
    "EntryListParams",
    "EntryListResult",
    "EntryPostParams",
    "EntryRetractParams",
    "EntryReviseParams",
    "EntryView",
    "EntryWhyParams",
    "EntryWhyResult",
    "LinkView",
    "NewLinkParams",
    "PremiseView",
    "WhyEdge",
]

ContributionField: TypeAlias = Annotated[Contribution, AsCore("Contribution")]
"""One change of an entry, told apart by its `do`: post, revise, link, judge, retract."""

Because: TypeAlias = Annotated[
    Items[int], Field(description="Numbers of entries that it rests on, beside those the activation binds.")
]
Note: TypeAlias = Annotated[str, Field(description="One-line explanation for people.")]
Weight: TypeAlias = Annotated[FractionNumber, Field(description="How strong the evidence is, 0 to 1.")]
Claim: TypeAlias = Annotated[FractionNumber, Field(description="How sure the author is, 0 to 1.")]


class UnderLease(ChangeParams):
    """A change that may be part of the work on an activation."""

    activation: int | None = Field(
        default=None, description="The activation under which it is done, for partial results."
    )
    token: int | None = Field(default=None, description="Token of the lease; goes with `activation`.")


class NewLinkParams(Message):
    """A link from the entry being posted."""

    kind: LinkKind = Field(description="Kind of the link.")
    target: int = Field(description="Number of the entry it leads to; -n names the n-th post of the batch.")
    weight: Weight = 1.0
    reason: Reason = ""


class EntryPostParams(UnderLease):
    """Post a hypothesis or partial result."""

    type: str = Field(description="Name of its entry type.")
    data: Json = Field(description="Content, valid under the type's JSON Schema.")
    confidence: Claim = 1.0
    because: Because = ()
    links: Items[NewLinkParams] = Field(default=(), description="Links from it to other entries.")
    note: Note = ""
    ttl_ms: int | None = Field(
        default=None, description="Time to live in milliseconds; left out, the type says."
    )
    keep: bool = Field(default=False, description="Let this partial result stand even if the attempt fails.")


class EntryReviseParams(UnderLease):
    """Replace an entry's data, or only the claim, if it still is at the named version."""

    entry: int = Field(description="Number of the entry.")
    version: int = Field(description="Version of the data that was read; another one is `version_conflict`.")
    data: Json | None = Field(default=None, description="New content; left out, only the claim changes.")
    confidence: Claim | None = Field(default=None, description="New claim, 0 to 1; left out, it stays.")
    because: Because = ()
    note: Note = ""


class EntryLinkParams(UnderLease):
    """Link two entries; `supports` and `refutes` are evidence."""

    kind: LinkKind = Field(description="Kind of the link.")
    source: int = Field(description="Number of the entry it starts from.")
    target: int = Field(description="Number of the entry it leads to.")
    weight: Weight = 1.0
    reason: Reason = ""


class EntryJudgeParams(UnderLease):
    """Accept, reject or reopen an entry."""

    entry: int = Field(description="Number of the entry.")
    verdict: Verdict = Field(description="What to make of it.")
    reason: Reason = ""


class EntryRetractParams(UnderLease):
    """Take an entry back: a person the whole of it, an author its own claims."""

    entry: int = Field(description="Number of the entry.")
    reason: Reason = ""


class EntryBatchParams(ChangeParams):
    """Carry out all contributions, or none."""

    contributions: Items[ContributionField] = Field(
        description=(
            f"Changes, at most {DEFAULT_LIMITS.batch_contributions_max}; each names in `do` what it is. "
            "The entry number -n stands for the entry that the n-th contribution posts."
        )
    )


class PremiseView(Message):
    """One entry, at one version of its data, on which something rests."""

    entry: Number = Field(description="Number of the entry.")
    version: Number = Field(description="Version of its data.")


class ClaimView(Message):
    """One author's reason for an entry."""

    author: str = Field(description="Who claims it.")
    confidence: Claim
    because: Items[PremiseView] = Field(
        default=(), description="What it rests on; the claim stands while each is live at that version."
    )
    activation: Number | None = Field(
        default=None, description="Activation that wrote it; left out for a premise, which needs no support."
    )
    withdrawn: bool = Field(default=False, description="Taken back, or made by an attempt that failed.")


class LinkView(Message):
    """A typed edge between two entries."""

    kind: LinkKind = Field(description="Kind of the link.")
    source: Number = Field(description="Number of the entry it starts from.")
    target: Number = Field(description="Number of the entry it leads to.")
    weight: Weight = 1.0
    author: str = Field(description="Who drew it.")
    activation: Number | None = Field(default=None, description="Activation that drew it, if any.")
    reason: Reason = ""


class EntryView(Message):
    """An entry as the board shows it."""

    id: Number = Field(description="Number on its board.")
    type: str = Field(description="Name of its entry type.")
    level: str = Field(description="Level of abstraction.")
    data: Json = Field(description="Content.")
    version: Number = Field(description="Version of the data; evidence does not change it.")
    status: Status = Field(description="Where it is in its life-cycle; `proposed` and `accepted` are live.")
    author: str = Field(description="Who posted it first.")
    confidence: FractionNumber = Field(description="The strongest standing claim of any author.")
    belief: FractionNumber = Field(description="Computed from claims and evidence.")
    claims: Items[ClaimView] = Field(description="Every author's reason, in order of arrival.")
    because: Items[Number] = Field(
        default=(), description="Numbers of all entries on which a standing claim rests, ascending."
    )
    posted_ms: Milliseconds = Field(description="When it was posted, milliseconds since 1970 (UTC).")
    posted_revision: Revision = Field(description="Revision of its post.")
    data_revision: Revision = Field(description="Revision of its latest data.")
    activation: Number | None = Field(default=None, description="Activation that posted it, if any.")
    expires_ms: Milliseconds | None = Field(default=None, description="When it expires, if it does.")
    note: Note = ""
    trust: str = Field(default="local", description="Trust label, stamped by the server.")
    links_out: Items[LinkView] | None = Field(
        default=None, description="Links from it; left out where the answer gives none."
    )
    links_in: Items[LinkView] | None = Field(
        default=None, description="Links to it; left out where the answer gives none."
    )


class EntryGetParams(Message):
    """Read one entry."""

    board: BoardName
    entry: int = Field(description="Number of the entry.")


class EntryGetResult(EntryView):
    """The entry, with the links in and out."""


class EntryListParams(Message):
    """Read entries in ascending order of their numbers."""

    board: BoardName
    type: str | None = Field(default=None, description="Only entries of this type.")
    level: str | None = Field(default=None, description="Only entries of this level.")
    live: bool | None = Field(default=None, description="Only live entries, or only those that are not.")
    after: Annotated[int, Field(ge=0)] = Field(default=0, description="Only entries with greater numbers.")
    limit: LimitParam = 1_000


class EntryListResult(Message):
    """Entries, ascending."""

    entries: Items[EntryView] = Field(description="The entries, without their links.")
    revision: Revision = Field(description="Revision of the board at which they were read.")
    next: Number | None = Field(default=None, description="Pass as `after` for more; left out at the end.")


class EntryWhyParams(Message):
    """Ask for what an entry rests on and what speaks for and against it."""

    board: BoardName
    entry: int = Field(description="Number of the entry.")
    depth: Annotated[int, Field(ge=1, le=DEFAULT_LIMITS.json_depth_max)] = Field(
        default=3, description="How many steps to follow."
    )


class WhyEdge(Message):
    """One reason: `source` bears on `target`."""

    kind: LinkKind | Literal["because"] = Field(
        description="`because`: `source` rests on `target`; else the kind of the link."
    )
    source: Number = Field(description="Number of the entry it starts from.")
    target: Number = Field(description="Number of the entry it leads to.")
    author: str = Field(description="Who claims it, or who drew the link.")
    weight: Weight = 1.0
    reason: Reason = ""


class EntryWhyResult(Message):
    """The neighbourhood of an entry."""

    entry: Number = Field(description="The entry that was asked about.")
    nodes: dict[str, EntryView] = Field(description="Entries by their numbers, written as text.")
    edges: Items[WhyEdge] = Field(description="Reasons among them.")
