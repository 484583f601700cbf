"""Commands: what anyone may ask of a board, in the imperative.

A `Request` wraps a command with who asks and the key for a repeat. Contributions are the commands that
change entries; they also travel in atomic batches and with the completion of an activation. Inside a batch
the entry number `-n` names the entry that the n-th contribution of this batch posts.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from blackboard.core.activation import ActivationId
from blackboard.core.completion import Settings
from blackboard.core.entry import EntryId, LinkKind
from blackboard.core.entry_type import EntryType
from blackboard.core.fact import Fact
from blackboard.core.source import SourceDeclaration
from blackboard.core.values import Data, Fraction

__all__ = [
    "ApplyBatch",
    "AttachAgent",
    "CancelActivation",
    "CancelBoard",
    "ChangeSettings",
    "Command",
    "CompleteActivation",
    "Contribution",
    "CreateBoard",
    "DeclineActivation",
    "DefineType",
    "DetachAgent",
    "DisableSource",
    "EnableSource",
    "ExpireLease",
    "FailActivation",
    "IssueToken",
    "JudgeEntry",
    "LinkEntries",
    "NewLink",
    "OpenBoard",
    "PauseBoard",
    "PostEntry",
    "Principal",
    "RegisterSource",
    "Request",
    "ResumeBoard",
    "RetractEntry",
    "RetryActivation",
    "ReviseEntry",
    "RevokeToken",
    "SystemCommand",
    "UnregisterSource",
    "Verdict",
]

Verdict: TypeAlias = Literal["accept", "reject", "reopen"]


class Principal(Fact):
    """Who asks.

    Args:
        name: Name of the authenticated token.
        kind: `person` steers, `agent` contributes, `system` is the server itself.
        agent: Instance name under which an agent is connected; it holds the leases.
    """

    name: str
    kind: Literal["person", "agent", "system"] = "person"
    agent: str | None = None


class OpenBoard(Fact, tag="open_board", tag_field="do"):
    """Open a board; the first command of its log. Opened `paused`, it waits until the problem is posted."""

    board: str
    goal: str = ""
    settings: Settings = Settings()
    paused: bool = False


class ChangeSettings(Fact, tag="change_settings", tag_field="do"):
    """Replace the settings while the board runs."""

    settings: Settings


class DefineType(Fact, tag="define_type", tag_field="do"):
    """Make an entry type known; repeating an equal definition changes nothing."""

    type: EntryType


class NewLink(Fact):
    """A link from the entry being posted to `target`."""

    kind: LinkKind
    target: EntryId
    weight: Fraction = 1.0
    reason: str = ""


class PostEntry(Fact, tag="post", tag_field="do"):
    """Post a hypothesis or partial result.

    Args:
        type: Name of its entry type.
        data: Content.
        confidence: The author's claim.
        because: Entries that it rests on, beside those bound by the activation.
        links: Links from it to other entries.
        note: One-line explanation for people.
        ttl_ms: Time to live; `None` takes the type's.
        activation: The activation under which it is posted, with its `token`, for partial results.
        keep: A partial result that stands even if the attempt fails.
    """

    type: str
    data: Data
    confidence: Fraction = 1.0
    because: tuple[EntryId, ...] = ()
    links: tuple[NewLink, ...] = ()
    note: str = ""
    ttl_ms: int | None = None
    activation: ActivationId | None = None
    token: int | None = None
    keep: bool = False


class ReviseEntry(Fact, tag="revise", tag_field="do"):
    """Replace the data, or only the claimed confidence (`data=None`), if `version` is still present."""

    entry: EntryId
    version: int
    data: Data | None = None
    confidence: Fraction | None = None
    because: tuple[EntryId, ...] = ()
    note: str = ""
    activation: ActivationId | None = None
    token: int | None = None


class LinkEntries(Fact, tag="link", tag_field="do"):
    """Link `source` to `target`; `supports` and `refutes` are evidence, scaled by `weight`."""

    kind: LinkKind
    source: EntryId
    target: EntryId
    weight: Fraction = 1.0
    reason: str = ""
    activation: ActivationId | None = None
    token: int | None = None


class JudgeEntry(Fact, tag="judge", tag_field="do"):
    """Accept, reject or reopen an entry."""

    entry: EntryId
    verdict: Verdict
    reason: str = ""
    activation: ActivationId | None = None
    token: int | None = None


class RetractEntry(Fact, tag="retract", tag_field="do"):
    """Take an entry back: a person the whole of it, an author its own claims."""

    entry: EntryId
    reason: str = ""
    activation: ActivationId | None = None
    token: int | None = None


Contribution: TypeAlias = PostEntry | ReviseEntry | LinkEntries | JudgeEntry | RetractEntry


class ApplyBatch(Fact, tag="batch", tag_field="do"):
    """All of `contributions`, or none."""

    contributions: tuple[Contribution, ...]


class EnableSource(Fact, tag="enable_source", tag_field="do"):
    """Let a source act on this board; `replace` supersedes another trigger under the same name."""

    source: SourceDeclaration
    replace: bool = False


class DisableSource(Fact, tag="disable_source", tag_field="do"):
    """Stop triggering a source; what is pending stays, unleased."""

    source: str


class AttachAgent(Fact, tag="attach_agent", tag_field="do"):
    """A live agent can work for `sources`, on at most `credits` activations at a time."""

    agent: str
    sources: tuple[str, ...]
    credits: int = 1


class DetachAgent(Fact, tag="detach_agent", tag_field="do"):
    """The agent takes no more work; its leases run until they expire."""

    agent: str


class CompleteActivation(Fact, tag="complete", tag_field="do"):
    """End an activation and apply its contributions in one commit, if `token` is the live lease's."""

    activation: ActivationId
    token: int
    contributions: tuple[Contribution, ...] = ()


class DeclineActivation(Fact, tag="decline", tag_field="do"):
    """End an activation without a contribution, and say why."""

    activation: ActivationId
    token: int
    reason: str = ""


class FailActivation(Fact, tag="fail", tag_field="do"):
    """Report that the attempt failed; it is retried after a wait unless `retryable` is false."""

    activation: ActivationId
    token: int
    error: str
    retryable: bool = True


class ExpireLease(Fact, tag="expire_lease", tag_field="do"):
    """The shell's timer: the lease was not renewed (or its offer not accepted) in time."""

    activation: ActivationId
    token: int
    accepted: bool = True


class CancelActivation(Fact, tag="cancel_activation", tag_field="do"):
    """Drop a pending or leased activation for good."""

    activation: ActivationId
    reason: str = ""


class RetryActivation(Fact, tag="retry_activation", tag_field="do"):
    """Revive a dead letter."""

    activation: ActivationId


class PauseBoard(Fact, tag="pause_board", tag_field="do"):
    """Grant no leases until resumed; running ones go on."""

    reason: str = ""


class ResumeBoard(Fact, tag="resume_board", tag_field="do"):
    """Undo a pause."""


class CancelBoard(Fact, tag="cancel_board", tag_field="do"):
    """End the board by a person's word."""

    reason: str = ""


Command: TypeAlias = (
    OpenBoard
    | ChangeSettings
    | DefineType
    | PostEntry
    | ReviseEntry
    | LinkEntries
    | JudgeEntry
    | RetractEntry
    | ApplyBatch
    | EnableSource
    | DisableSource
    | AttachAgent
    | DetachAgent
    | CompleteActivation
    | DeclineActivation
    | FailActivation
    | ExpireLease
    | CancelActivation
    | RetryActivation
    | PauseBoard
    | ResumeBoard
    | CancelBoard
)


class CreateBoard(Fact, tag="create_board", tag_field="do"):
    """Reserve the name of a board; the board is opened in its own log after that."""

    board: str


class RegisterSource(Fact, tag="register_source", tag_field="do"):
    """Make a source known to the server, for `boards` or, if that is `None`, for every board."""

    source: SourceDeclaration
    boards: tuple[str, ...] | None = None
    replace: bool = False


class UnregisterSource(Fact, tag="unregister_source", tag_field="do"):
    """Forget a source; boards on which it is enabled disable it."""

    source: str


class IssueToken(Fact, tag="issue_token", tag_field="do"):
    """Let whoever knows the secret behind `hash` (SHA-256, hexadecimal) in, under `name`."""

    name: str
    kind: Literal["person", "agent"]
    scopes: tuple[str, ...]
    hash: str


class RevokeToken(Fact, tag="revoke_token", tag_field="do"):
    """Let nobody in under `name` any more."""

    name: str


SystemCommand: TypeAlias = CreateBoard | RegisterSource | UnregisterSource | IssueToken | RevokeToken
"""Commands to the system board."""


class Request(Fact):
    """A command, who asks it, and the key under which a repeat gets the first answer again.

    Args:
        principal: Who asks, as the server authenticated it.
        command: What is asked.
        command_id: Key for a repeat, unique per principal and board; `None` for none.
    """

    principal: Principal
    command: Command | SystemCommand
    command_id: str | None = None
