"""Entries, links and justifications: what stands on a board, and why.

All values are immutable trees, of no concern to the garbage collector (see `fact`); `board.apply` replaces an
entry by a changed copy. Entry numbers are 1, 2, 3 … per board, in the order of posting, and are never reused.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from blackboard.core.errors import Rejected
from blackboard.core.values import Data, Millionths

__all__ = [
    "LIVE",
    "STATUS_MOVES",
    "Entry",
    "EntryId",
    "Justification",
    "Link",
    "LinkKind",
    "Premise",
    "Status",
    "StatusMove",
    "next_status",
]

EntryId: TypeAlias = int

Status: TypeAlias = Literal[
    "proposed", "accepted", "rejected", "superseded", "unsupported", "retracted", "expired"
]
StatusMove: TypeAlias = Literal[
    "accept", "reject", "reopen", "supersede", "unsupport", "support", "retract", "expire"
]

LIVE: Final[frozenset[str]] = frozenset({"proposed", "accepted"})
"""The statuses in which an entry is *in*: it matches triggers, supports others and counts as evidence."""

STATUS_MOVES: Final[dict[Status, dict[StatusMove, Status]]] = {
    "proposed": {
        "accept": "accepted",
        "reject": "rejected",
        "supersede": "superseded",
        "unsupport": "unsupported",
        "retract": "retracted",
        "expire": "expired",
    },
    "accepted": {
        "reject": "rejected",
        "reopen": "proposed",
        "supersede": "superseded",
        "unsupport": "unsupported",
        "retract": "retracted",
        "expire": "expired",
    },
    "rejected": {"accept": "accepted", "reopen": "proposed", "retract": "retracted", "expire": "expired"},
    "unsupported": {"support": "proposed", "retract": "retracted", "expire": "expired"},
    "superseded": {},
    "retracted": {},
    "expired": {},
}
"""The life-cycle of an entry. `unsupported` is the only way out that the board itself takes, and the only
one that it takes back: support is computed, so the entry returns when its support does."""

LinkKind: TypeAlias = Literal["supports", "refutes", "derived_from", "refines", "answers", "supersedes"]


def next_status(status: Status, move: StatusMove) -> Status:
    """Walk the life-cycle one step.

    Raises:
        Rejected: `illegal_move` if the table does not list the move.
    """
    moves = STATUS_MOVES[status]
    if move not in moves:
        legal = ", ".join(moves) or "nothing; that status is final"
        raise Rejected("illegal_move", f"cannot {move} an entry that is {status}; possible: {legal}")
    return moves[move]


class Premise(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entry, at one version of its data, on which a conclusion rests."""

    entry: EntryId
    version: int


class Justification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One author's reason for an entry, and the confidence claimed for it.

    Args:
        author: Who claims it.
        confidence: The claim, in millionths.
        premises: What it rests on; it is whole while each is live at that very version.
        activation: The activation that wrote it; `None` makes the entry a premise, which needs no support.
        withdrawn: The author took it back, or the attempt that made it failed.
    """

    author: str
    confidence: Millionths
    premises: tuple[Premise, ...] = ()
    activation: int | None = None
    withdrawn: bool = False


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A typed edge from `source` to `target`; `weight` (millionths) scales evidence."""

    kind: LinkKind
    source: EntryId
    target: EntryId
    weight: Millionths
    author: str
    activation: int | None = None
    reason: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A typed hypothesis or partial result.

    Args:
        id: Number on its board.
        type: Name of its entry type.
        level: Level of abstraction, from its type.
        data: The content, valid under the type's JSON Schema.
        version: Version of the data, 1 for the first; evidence does not change it.
        status: See `STATUS_MOVES`.
        author: Who posted it first: a source's name or a principal's.
        justifications: Every author's reason, in order of arrival.
        belief: Computed, in millionths.
        posted_ms: Engine time of the post.
        posted_revision: Revision of the post.
        data_revision: Revision of the latest data.
        activation: Activation that posted it first, if any.
        expires_ms: Engine time at which it expires, if it does.
        note: The author's one-line explanation.
        trust: Trust label stamped by the server.
    """

    id: EntryId
    type: str
    level: str
    data: Data
    version: int
    status: Status
    author: str
    justifications: tuple[Justification, ...]
    belief: Millionths
    posted_ms: int
    posted_revision: int
    data_revision: int
    activation: int | None = None
    expires_ms: int | None = None
    note: str = ""
    trust: str = "local"

    @property
    def is_live(self) -> bool:
        """Whether the entry is *in*."""
        return self.status in LIVE

    @property
    def confidence(self) -> Millionths:
        """The strongest standing claim of any author, in millionths."""
        return max((each.confidence for each in self.justifications if not each.withdrawn), default=0)
