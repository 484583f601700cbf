"""Records and commits: altering any byte of any of them is detected."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from blackboard.core.errors import BlackboardError
from blackboard.core.events import (
    LOGIC_VERSION,
    BoardOpened,
    BoardPaused,
    BoardResumed,
    EntryPosted,
    EntryRevised,
    SupportLost,
)
from blackboard.core.record import (
    GENESIS,
    Commit,
    Origin,
    Record,
    Row,
    decode_row,
    encode_row,
    groups_of,
    link_hash,
    make_commit,
)
from blackboard.engine import Engine
from tests.scenarios.language import parse_request
from tests.scenarios.world import SALT, World

SCRIPT = [
    "open",
    "type Fact fields=n",
    "type Guess fields=n",
    "source look when f:Fact",
    "attach w1 look",
    'post Fact {"n":1} 0.5 id=k1',
    'complete 1 1 post Guess {"n":2} 0.25 note="why"',
    'revise 1 v1 {"n":3}',
]


def _log() -> list[Commit]:
    world = World()
    for at, line in enumerate(SCRIPT):
        world.now_ms = at * 10
        world.turn([parse_request(line)])
    return world.log


def _replays(log: list[Commit]) -> str:
    engine = Engine("b", salts=lambda: SALT)
    for commit in log:
        engine.replay(commit)
    return engine.state_hash()


def _flips(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _altered(commit: Commit) -> Iterator[Commit]:
    replace = msgspec.structs.replace
    for at, row in enumerate(commit.rows):
        rows: list[Row] = [replace(row, body=body) for body in _flips(row.body)]
        if row.data is None:
            rows += [replace(row, data=b"{}"), replace(row, salt=SALT), replace(row, data=b"{}", salt=SALT)]
        else:
            assert row.salt is not None
            rows += [replace(row, data=data) for data in _flips(row.data)]
            rows += [replace(row, salt=salt) for salt in _flips(row.salt)]
            rows += [replace(row, data=None), replace(row, salt=None), replace(row, data=None, salt=None)]
        rows += [replace(row, revision=row.revision + 1)]
        for changed in rows:
            yield replace(commit, rows=(*commit.rows[:at], changed, *commit.rows[at + 1 :]))
        yield replace(commit, rows=(*commit.rows[:at], *commit.rows[at + 1 :]))
        yield replace(commit, rows=(*commit.rows[:at], row, *commit.rows[at:]))
    if len(commit.rows) > 1:
        yield replace(commit, rows=tuple(reversed(commit.rows)))
    yield replace(commit, time_ms=commit.time_ms + 1)
    yield replace(commit, first=commit.first + 1)
    yield replace(commit, board="other")
    yield from (replace(commit, hash=hash_.decode()) for hash_ in _flips(commit.hash.encode()))
    yield from (replace(commit, previous=hash_.decode()) for hash_ in _flips(commit.previous.encode()))


def test_any_change_of_a_stored_commit_is_detected() -> None:
    """Every byte of bodies, data and salts, the time, the order, the place in the chain."""
    log = _log()
    assert _replays(log)
    for at, commit in enumerate(log):
        engine = Engine("b", salts=lambda: SALT)
        for earlier in log[:at]:
            engine.replay(earlier)
        before = engine.state_hash()
        for altered in _altered(commit):
            with pytest.raises(BlackboardError) as caught:
                engine.replay(altered)
            assert caught.value.code == "log_corrupt"
            assert engine.state_hash() == before, "what is refused leaves no trace"


def test_forged_commit_with_a_hash_of_its_own_changes_the_state_hash() -> None:
    """Whoever recomputes the last hash is found out by comparing hashes, and earlier ones by the chain."""
    log = _log()
    truth = _replays(log)
    last = log[-1]
    forged = make_commit("b", previous=last.previous, time_ms=last.time_ms + 1, rows=last.rows)
    assert _replays([*log[:-1], forged]) != truth
    early = make_commit("b", previous=log[3].previous, time_ms=log[3].time_ms + 1, rows=log[3].rows)
    with pytest.raises(BlackboardError, match="does not follow"):
        _replays([*log[:3], early, *log[4:]])


def test_missing_and_repeated_commits_are_detected() -> None:
    """The log is replayed whole and in order."""
    log = _log()
    for wrong in ([*log[:2], *log[3:]], [log[0], log[0]], [log[1]], [log[1], log[0]]):
        with pytest.raises(BlackboardError, match="does not follow"):
            _replays(wrong)


@pytest.mark.parametrize(
    "event",
    [
        EntryPosted(entry=1, type="T", data={"a": [1, 2.5, "ä", None]}, confidence=0.1, author="ann"),
        EntryRevised(entry=1, author="ann", data={}),
        EntryRevised(entry=1, author="ann", confidence=0.5),
        BoardPaused(author="ann"),
    ],
)
def test_row_round_trip(event: EntryPosted) -> None:
    """A record comes back as it was; data are kept apart from the body, with their salt."""
    origin = Origin(principal="ann", command_id="k", digest="d", first=3, entries=(1,))
    record = Record(revision=4, time_ms=9, event=event, origin=origin)
    row = encode_row(record, SALT)
    assert decode_row(row, 9) == record
    has_data = getattr(event, "data", None) is not None
    assert (row.data is not None, row.salt is not None) == (has_data, has_data)
    assert b"2.5" not in row.body


@pytest.mark.parametrize(("body", "data"), [(b"{", None), (b'{"event":{}}', None), (b'{"event":1}', None)])
def test_unreadable_row_is_corrupt(body: bytes, data: bytes | None) -> None:
    """The message names the revision."""
    with pytest.raises(BlackboardError, match="revision 7 cannot be read"):
        decode_row(Row(revision=7, body=body, data=data), 0)


def test_unreadable_data_are_corrupt() -> None:
    """Data that are no JSON are told apart from data that were exchanged."""
    record = Record(revision=7, time_ms=0, event=EntryRevised(entry=1, author="a", data={"a": 1}))
    row = encode_row(record, SALT)
    with pytest.raises(BlackboardError, match="cannot be read"):
        decode_row(msgspec.structs.replace(row, data=b"{"), 0)
    with pytest.raises(BlackboardError, match="was changed"):
        decode_row(msgspec.structs.replace(row, data=b'{"a":2}'), 0)


def test_hash_covers_place_time_and_order() -> None:
    """And the salt keeps equal data from looking equal."""
    one = encode_row(Record(revision=1, time_ms=0, event=BoardPaused(author="a")), SALT)
    two = encode_row(Record(revision=2, time_ms=0, event=BoardPaused(author="a")), SALT)
    hashes = {
        link_hash(GENESIS, 0, (one, two)),
        link_hash(GENESIS, 1, (one, two)),
        link_hash(GENESIS, 0, (two, one)),
        link_hash(GENESIS, 0, (one,)),
        link_hash("1" * 64, 0, (one, two)),
    }
    assert len(hashes) == 5
    event = EntryRevised(entry=1, author="a", data={"a": 1})
    bodies = [encode_row(Record(revision=1, time_ms=0, event=event), salt).body for salt in (SALT, b"x" * 16)]
    assert bodies[0] != bodies[1]
    commit = make_commit("b", previous=GENESIS, time_ms=0, rows=(one, two))
    assert (commit.first, commit.last) == (1, 2)


def test_groups_are_commands_and_single_events_with_what_follows_from_them() -> None:
    """The last record of a command says where its group starts."""
    events = [
        (1, BoardPaused(author="a"), None),
        (2, BoardResumed(author="a"), 1),
        (3, BoardPaused(author="a"), None),
        (4, SupportLost(entry=1), None),
        (5, BoardResumed(author="a"), None),
        (6, BoardPaused(author="a"), 6),
        (7, BoardResumed(author="a"), None),
        (8, SupportLost(entry=1), 7),
    ]
    records = [
        Record(
            revision=revision,
            time_ms=0,
            event=event,
            origin=None if first is None else Origin(principal="p", first=first),
        )
        for revision, event, first in events
    ]
    groups = [[record.revision for record in group] for group in groups_of(records)]
    assert groups == [[1, 2], [3, 4], [5], [6], [7, 8]]
    assert list(groups_of([])) == []


def test_a_log_keeps_the_logic_that_decided_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later release writes its own version, and still reads a log that names none as version 1."""
    monkeypatch.setattr("blackboard.core.events.LOGIC_VERSION", LOGIC_VERSION + 1)
    opened = decode_row(_log()[0].rows[0], 0).event
    assert isinstance(opened, BoardOpened)
    assert opened.logic == LOGIC_VERSION + 1
    silent = Row(revision=1, body=b'{"event":{"event":"board_opened","board":"b","goal":"","settings":{}}}')
    old = decode_row(silent, 0).event
    assert isinstance(old, BoardOpened)
    assert old.logic == 1
