"""Events: the facts of a board, in the past tense. Applying them is the only way a board changes.

The log holds decisions. What follows from them by pure computation (belief, which activations are
triggered, executable or obviated) is recomputed and costs no log. Events are versioned by `LOGIC_VERSION`
in `BoardOpened`; they are never rewritten.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from blackboard.core.activation import ActivationId, RatingTerm
from blackboard.core.commands import Verdict
from blackboard.core.completion import Outcome, Settings
from blackboard.core.entry import EntryId, LinkKind, Premise
from blackboard.core.entry_type import EntryType
from blackboard.core.fact import Fact
from blackboard.core.source import SourceDeclaration
from blackboard.core.values import Data, Fraction

__all__ = [
    "CASCADE_EVENTS",
    "DATA_EVENTS",
    "LOGIC_VERSION",
    "ActivationCancelled",
    "ActivationExecuted",
    "ActivationFailed",
    "ActivationRetried",
    "AgentAttached",
    "AgentDetached",
    "BoardClosing",
    "BoardEnded",
    "BoardOpened",
    "BoardPaused",
    "BoardResumed",
    "ClaimWithdrawn",
    "EntriesLinked",
    "EntryExpired",
    "EntryJudged",
    "EntryMerged",
    "EntryPosted",
    "EntryRetracted",
    "EntryRevised",
    "Event",
    "LeaseExpired",
    "LeaseGranted",
    "LinkWithdrawn",
    "QuiescenceSignalled",
    "SettingsChanged",
    "SourceDisabled",
    "SourceEnabled",
    "SupportLost",
    "SupportRegained",
    "TypeDefined",
]

LOGIC_VERSION: Final = 1
"""Version of the rules by which decisions are made and derived state is computed."""


class BoardOpened(Fact, tag="board_opened", tag_field="event"):
    """The board exists."""

    board: str
    goal: str
    settings: Settings
    # Defaults are left out of the log, so this one must mean the same for ever: no number is version 1.
    logic: int = 1


class SettingsChanged(Fact, tag="settings_changed", tag_field="event"):
    """The board is run by other settings from now on."""

    settings: Settings


class TypeDefined(Fact, tag="type_defined", tag_field="event"):
    """An entry type is known."""

    type: EntryType


class EntryPosted(Fact, tag="entry_posted", tag_field="event"):
    """A new entry stands. `activation` is `None` for a premise."""

    entry: EntryId
    type: str
    data: Data
    confidence: Fraction
    author: str
    premises: tuple[Premise, ...] = ()
    activation: ActivationId | None = None
    keep: bool = False
    expires_ms: int | None = None
    note: str = ""
    trust: str = "local"


class EntryMerged(Fact, tag="entry_merged", tag_field="event"):
    """A post with the identity of a standing entry added a justification, and perhaps new data."""

    entry: EntryId
    confidence: Fraction
    author: str
    data: Data | None = None
    premises: tuple[Premise, ...] = ()
    activation: ActivationId | None = None
    keep: bool = False
    note: str = ""


class EntryRevised(Fact, tag="entry_revised", tag_field="event"):
    """The author changed the data (a new version) or only the claim (`data` is `None`)."""

    entry: EntryId
    author: str
    data: Data | None = None
    confidence: Fraction | None = None
    premises: tuple[Premise, ...] = ()
    activation: ActivationId | None = None
    note: str = ""


class EntriesLinked(Fact, tag="entries_linked", tag_field="event"):
    """A typed link was drawn; `supersedes` also ends its target."""

    kind: LinkKind
    source: EntryId
    target: EntryId
    weight: Fraction
    author: str
    activation: ActivationId | None = None
    keep: bool = False
    reason: str = ""


class LinkWithdrawn(Fact, tag="link_withdrawn", tag_field="event"):
    """A link no longer counts: the attempt that drew it did not finish."""

    kind: LinkKind
    source: EntryId
    target: EntryId
    author: str
    activation: ActivationId
    reason: str = ""


class EntryJudged(Fact, tag="entry_judged", tag_field="event"):
    """Someone accepted, rejected or reopened an entry."""

    entry: EntryId
    verdict: Verdict
    author: str
    reason: str = ""


class EntryRetracted(Fact, tag="entry_retracted", tag_field="event"):
    """An entry was taken back for good."""

    entry: EntryId
    author: str
    reason: str = ""


class ClaimWithdrawn(Fact, tag="claim_withdrawn", tag_field="event"):
    """One author's justifications of an entry (those of `activation`, if given) no longer count."""

    entry: EntryId
    author: str
    activation: ActivationId | None = None
    reason: str = ""


class SupportLost(Fact, tag="support_lost", tag_field="event"):
    """No justification of the entry is whole any more; `cause` is the entry whose loss did it."""

    entry: EntryId
    cause: EntryId | None = None


class SupportRegained(Fact, tag="support_regained", tag_field="event"):
    """A justification of the entry is whole again."""

    entry: EntryId


class EntryExpired(Fact, tag="entry_expired", tag_field="event"):
    """An entry outlived its time to live."""

    entry: EntryId


class SourceEnabled(Fact, tag="source_enabled", tag_field="event"):
    """A source acts on this board from now on, replacing any earlier declaration of that name."""

    source: SourceDeclaration


class SourceDisabled(Fact, tag="source_disabled", tag_field="event"):
    """A source is no longer triggered here; `reason` is given where the board itself suspended it."""

    source: str
    reason: str = ""


class AgentAttached(Fact, tag="agent_attached", tag_field="event"):
    """An agent is live and can work for `sources`."""

    agent: str
    sources: tuple[str, ...]
    credits: int


class AgentDetached(Fact, tag="agent_detached", tag_field="event"):
    """An agent takes no more work."""

    agent: str


class LeaseGranted(Fact, tag="lease_granted", tag_field="event"):
    """An activation was leased to an agent; `rating` and `terms` say why it came first."""

    activation: ActivationId
    source: str
    agent: str
    token: int
    lease_ms: int
    rating: Fraction
    terms: tuple[RatingTerm, ...]


class LeaseExpired(Fact, tag="lease_expired", tag_field="event"):
    """A lease ended by time; `retry_ms` is when the activation may run again, `None` if never."""

    activation: ActivationId
    token: int
    accepted: bool
    retry_ms: int | None


class ActivationExecuted(Fact, tag="activation_executed", tag_field="event"):
    """The work is done; its contributions are the entry events beside this one in the same commit."""

    activation: ActivationId
    token: int
    declined: bool = False
    reason: str = ""


class ActivationFailed(Fact, tag="activation_failed", tag_field="event"):
    """An attempt failed; `retry_ms` is when it may run again, `None` makes it a dead letter."""

    activation: ActivationId
    token: int
    error: str
    retry_ms: int | None


class ActivationCancelled(Fact, tag="activation_cancelled", tag_field="event"):
    """Someone dropped the activation."""

    activation: ActivationId
    author: str
    reason: str = ""


class ActivationRetried(Fact, tag="activation_retried", tag_field="event"):
    """Someone revived a dead letter."""

    activation: ActivationId
    author: str


class BoardPaused(Fact, tag="board_paused", tag_field="event"):
    """No leases are granted until the board is resumed."""

    author: str
    reason: str = ""


class BoardResumed(Fact, tag="board_resumed", tag_field="event"):
    """Leases are granted again."""

    author: str


class QuiescenceSignalled(Fact, tag="quiescence_signalled", tag_field="event"):
    """Nothing was left to do; sources that wait for this may now react."""


class BoardClosing(Fact, tag="board_closing", tag_field="event"):
    """The board will end as said; no new leases, running ones may finish until `until_ms`."""

    outcome: Outcome
    reason: str
    until_ms: int


class BoardEnded(Fact, tag="board_ended", tag_field="event"):
    """The one outcome of the board, with the best answer at that time, likeliest first."""

    outcome: Outcome
    reason: str
    answer: tuple[EntryId, ...] = ()


Event: TypeAlias = (
    BoardOpened
    | SettingsChanged
    | TypeDefined
    | EntryPosted
    | EntryMerged
    | EntryRevised
    | EntriesLinked
    | LinkWithdrawn
    | EntryJudged
    | EntryRetracted
    | ClaimWithdrawn
    | SupportLost
    | SupportRegained
    | EntryExpired
    | SourceEnabled
    | SourceDisabled
    | AgentAttached
    | AgentDetached
    | LeaseGranted
    | LeaseExpired
    | ActivationExecuted
    | ActivationFailed
    | ActivationCancelled
    | ActivationRetried
    | BoardPaused
    | BoardResumed
    | QuiescenceSignalled
    | BoardClosing
    | BoardEnded
)

DATA_EVENTS: Final = (EntryPosted, EntryMerged, EntryRevised)
"""Events that carry an author's data, which the chain covers by a salted commitment only."""

CASCADE_EVENTS: Final = (SupportLost, SupportRegained)
"""Events that never stand alone: they follow from the one before them."""
