"""Records and commits: the form in which events are kept, chained and shown.

A record is one event at one revision. Its row has three parts: `body` (the event without the author's data,
plus a salted commitment to it), `data` (canonical JSON) and `salt`. The chain covers bodies only, so that
data can be erased later with its salt while the chain stays verifiable. A commit is the records that one
turn of the engine added to one board; it is stored, chained and delivered whole. `hash` is the SHA-256 of
the predecessor's hash, the engine time and the bodies; it also is the commit's id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from blackboard.core.entry import EntryId
from blackboard.core.errors import BlackboardError
from blackboard.core.events import (
    CASCADE_EVENTS,
    DATA_EVENTS,
    EntryMerged,
    EntryPosted,
    EntryRevised,
    Event,
)
from blackboard.core.fact import Fact
from blackboard.core.values import Data, canonical

__all__ = [
    "GENESIS",
    "Commit",
    "Origin",
    "Record",
    "Row",
    "decode_row",
    "encode_row",
    "groups_of",
    "link_hash",
    "make_commit",
]

GENESIS: Final = "0" * 64
"""The predecessor hash of a board's first commit."""


class Origin(Fact):
    """Who caused a group of records: the principal and, where given, its key for repeats.

    `digest` identifies the command's content, `first` the revision where the group starts, and `entries`
    the numbers with which the command was answered.
    """

    principal: str
    command_id: str | None = None
    digest: str = ""
    first: int = 0
    entries: tuple[EntryId, ...] = ()


class Record(Fact):
    """One event at one revision of one board, at an engine time in milliseconds."""

    revision: int
    time_ms: int
    event: Event
    origin: Origin | None = None


class Row(Fact):
    """A record as it is stored. `data` and `salt` are `None` where the event carries no data."""

    revision: int
    body: bytes
    data: bytes | None = None
    salt: bytes | None = None


class Commit(Fact):
    """What one turn of the engine added to one board.

    Args:
        board: The board.
        first: Revision of the first row; the log's head must be `first - 1` for the append to succeed.
        time_ms: Engine time.
        previous: Hash of the predecessor, `GENESIS` for the first.
        hash: Hash of this commit, also its id.
        rows: The records, in order.
    """

    board: str
    first: int
    time_ms: int
    previous: str
    hash: str
    rows: tuple[Row, ...]

    @property
    def last(self) -> int:
        """Revision of the last row."""
        return self.first + len(self.rows) - 1


class _Body(Fact):
    """The chained part of a record; the event's data is replaced by its commitment."""

    event: Event
    origin: Origin | None = None
    commitment: str | None = None


_EMPTY: Final[Data] = {}
_encode_body = msgspec.json.Encoder(order="deterministic").encode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_data = msgspec.json.Decoder(dict).decode


def encode_row(record: Record, salt: bytes) -> Row:
    """Encode a record; `salt` (16 random bytes) is used only if the event carries data."""
    event = record.event
    if isinstance(event, DATA_EVENTS) and event.data is not None:
        data = canonical(event.data)
        bare = _without_data(event)
        commitment = hashlib.sha256(salt + data).hexdigest()
        body = _encode_body(_Body(event=bare, origin=record.origin, commitment=commitment))
        return Row(revision=record.revision, body=body, data=data, salt=salt)
    return Row(revision=record.revision, body=_encode_body(_Body(event=event, origin=record.origin)))


def _without_data(event: EntryPosted | EntryMerged | EntryRevised) -> Event:
    return msgspec.structs.replace(event, data=_EMPTY)


def decode_row(row: Row, time_ms: int) -> Record:
    """Read a stored record back.

    Raises:
        BlackboardError: `log_corrupt` if the row is not one of ours, or its data is not what was committed.
    """
    try:
        body = _decode_body(row.body)
        data = None if row.data is None else _decode_data(row.data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BlackboardError("log_corrupt", f"revision {row.revision} cannot be read: {error}") from error
    event = body.event
    if body.commitment is not None:
        if row.data is None or row.salt is None:
            raise BlackboardError("log_corrupt", f"revision {row.revision} has lost its data")
        if hashlib.sha256(row.salt + row.data).hexdigest() != body.commitment:
            raise BlackboardError("log_corrupt", f"the data of revision {row.revision} was changed")
        assert isinstance(event, DATA_EVENTS), "only events with data carry a commitment"
        event = msgspec.structs.replace(event, data=data)
    elif row.data is not None or row.salt is not None:
        raise BlackboardError("log_corrupt", f"revision {row.revision} has data that nobody committed to")
    return Record(revision=row.revision, time_ms=time_ms, event=event, origin=body.origin)


def groups_of(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Split the records of one commit into the groups of which control hears at once.

    A command's records are one group: the last of them carries the origin, which says where it starts. Any
    other event is a group with the changes of support that follow from it.
    """
    records = tuple(records)
    ends = {record.origin.first: record.revision for record in records if record.origin is not None}
    group: list[Record] = []
    end = 0
    for record in records:
        if group and record.revision > end and not isinstance(record.event, CASCADE_EVENTS):
            yield group
            group = []
        end = ends.get(record.revision, end)
        group.append(record)
    if group:
        yield group


def link_hash(previous: str, time_ms: int, rows: tuple[Row, ...]) -> str:
    """Return the hash of a commit: it covers the predecessor, the time and every body in order."""
    chain = hashlib.sha256(f"{previous}:{time_ms}:{len(rows)}".encode())
    for row in rows:
        chain.update(b"\n%d:%d:" % (row.revision, len(row.body)))
        chain.update(row.body)
    return chain.hexdigest()


def make_commit(board: str, *, previous: str, time_ms: int, rows: tuple[Row, ...]) -> Commit:
    """Chain `rows` (at least one, revisions consecutive) to the log of `board`."""
    assert rows, "a commit holds at least one record"
    digest = link_hash(previous, time_ms, rows)
    return Commit(
        board=board, first=rows[0].revision, time_ms=time_ms, previous=previous, hash=digest, rows=rows
    )
