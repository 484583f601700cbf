"""What the server shows, read into what users handle. Unknown fields of a newer server are ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from blackboard.authoring.entry import Entry
from blackboard.core.completion import Outcome
from blackboard.core.entry import EntryId, LinkKind, Status
from blackboard.core.errors import BlackboardError
from blackboard.core.events import Event
from blackboard.core.record import Origin, Record
from blackboard.core.values import Data

__all__ = [
    "BoardInfo",
    "Change",
    "OfferView",
    "Why",
    "WhyEdge",
    "read_as",
    "read_change",
    "read_entry",
    "read_offer",
    "read_why",
]

S = TypeVar("S")


class BoardInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One board as it stands.

    Args:
        board: Name.
        goal: What is to be found out.
        status: `open`, `paused`, `closing` or `ended`.
        revision: Latest revision.
        entries: How many entries it has.
        outcome: How it ended; `None` until then.
        reason: Why it ended, is closing or is paused.
        answer: The best answer so far: entry numbers, likeliest first.
        sources: Names of the sources enabled on it.
    """

    board: str
    goal: str
    status: Literal["open", "paused", "closing", "ended"]
    revision: int
    entries: int
    outcome: Outcome | None = None
    reason: str | None = None
    answer: tuple[EntryId, ...] = ()
    sources: tuple[str, ...] = ()


class WhyEdge(msgspec.Struct, frozen=True, kw_only=True):
    """One reason: `source` bears on `target`; `because` means that it rests on it."""

    kind: LinkKind | Literal["because"]
    source: EntryId
    target: EntryId
    author: str
    weight: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    """The neighbourhood of an entry: what it rests on, what speaks for and against it."""

    entry: EntryId
    nodes: dict[EntryId, Entry[Data]]
    edges: tuple[WhyEdge, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One commit of a watched board.

    Args:
        board: The board.
        first: First revision of the commit.
        last: Last revision of the commit.
        records: Its events, as far as the watch asked for them.
        beliefs: New belief of each entry whose belief changed; only when live.
    """

    board: str
    first: int
    last: int
    records: tuple[Record, ...]
    beliefs: dict[EntryId, float]


@dataclass(frozen=True, slots=True)
class OfferView:
    """An activation offered to this agent; the offer is the lease. Times are seconds.

    Args:
        board: The board.
        activation: Number of the activation.
        token: Fencing token, to be shown with every act under this lease.
        source: Knowledge source that is to run.
        entries: The bound entries as they stand, with plain data, in the order of the trigger's variables.
        attempt: 1 for the first attempt.
        lease: Term of the lease without renewal.
        timeout: Longest run, renewals included.
    """

    board: str
    activation: int
    token: int
    source: str
    entries: tuple[Entry[Data], ...]
    attempt: int
    lease: float
    timeout: float


class _EntryShape(msgspec.Struct, frozen=True, kw_only=True):
    id: EntryId
    type: str
    level: str
    data: Data
    version: int
    status: Status
    author: str
    confidence: float
    belief: float
    posted_ms: int = 0
    because: tuple[EntryId, ...] = ()
    activation: int | None = None
    note: str = ""


class _RecordShape(msgspec.Struct, frozen=True, kw_only=True):
    revision: int
    event: Event
    origin: Origin | None = None


class _ChangeShape(msgspec.Struct, frozen=True, kw_only=True):
    board: str
    first: int
    last: int
    time_ms: int
    records: tuple[_RecordShape, ...]
    beliefs: dict[EntryId, float] | None = None


class _OfferShape(msgspec.Struct, frozen=True, kw_only=True):
    board: str
    activation: int
    token: int
    source: str
    entries: tuple[_EntryShape, ...]
    attempt: int
    lease_ms: int
    timeout_ms: int


class _WhyShape(msgspec.Struct, frozen=True, kw_only=True):
    entry: EntryId
    nodes: dict[EntryId, _EntryShape]
    edges: tuple[WhyEdge, ...]


def read_as(kind: type[S], data: Any) -> S:
    """Read plain data as `kind`.

    Raises:
        BlackboardError: `internal_error` if the server sent something else; the release may be too new.
    """
    try:
        return msgspec.convert(data, kind, str_keys=True)
    except msgspec.ValidationError as error:
        raise BlackboardError(
            "internal_error", f"the server sent what this release cannot read ({kind.__name__}: {error})"
        ) from error


def read_entry(data: Any) -> Entry[Data]:
    """Read an entry, with plain data."""
    return _entry(read_as(_EntryShape, data))


def _entry(shape: _EntryShape) -> Entry[Data]:
    return Entry(
        id=shape.id,
        type=shape.type,
        level=shape.level,
        data=shape.data,
        confidence=shape.confidence,
        belief=shape.belief,
        version=shape.version,
        status=shape.status,
        author=shape.author,
        because=shape.because,
        note=shape.note,
        posted_ms=shape.posted_ms,
        activation=shape.activation,
    )


def read_why(data: Any) -> Why:
    """Read the answer to `entry.why`."""
    shape = read_as(_WhyShape, data)
    return Why(shape.entry, {id_: _entry(node) for id_, node in shape.nodes.items()}, shape.edges)


def read_change(data: Any) -> Change:
    """Read a `board.changed` notification."""
    shape = read_as(_ChangeShape, data)
    records = tuple(
        Record(revision=each.revision, time_ms=shape.time_ms, event=each.event, origin=each.origin)
        for each in shape.records
    )
    return Change(shape.board, shape.first, shape.last, records, shape.beliefs or {})


def read_offer(data: Any) -> OfferView:
    """Read an `activation.offered` notification."""
    shape = read_as(_OfferShape, data)
    return OfferView(
        shape.board,
        shape.activation,
        shape.token,
        shape.source,
        tuple(map(_entry, shape.entries)),
        shape.attempt,
        shape.lease_ms / 1000,
        shape.timeout_ms / 1000,
    )
