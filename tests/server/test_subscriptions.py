"""Every change reaches every watcher once, in order, at the watcher's own pace."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.events import AgentAttached, EntriesLinked, EntryPosted, EntryRetracted, Event
from blackboard.core.limits import Limits
from blackboard.core.record import GENESIS, Commit, Record, encode_row, make_commit
from blackboard.server.metrics import Counters
from blackboard.server.subscriptions import CATCH_UPS_MAX, Filter, Subscriptions
from blackboard.wire.frames import frame_extent


class FakeOutlet:
    """Keeps what was sent; the test says when it is full."""

    def __init__(self) -> None:
        self.is_paused = False
        self.messages: list[dict[str, Any]] = []
        self.frames: list[bytes] = []

    def send_frame(self, frame: bytes) -> None:
        self.frames.append(frame)
        extent = frame_extent(frame, 0)
        assert extent is not None
        self.messages.append(json.loads(frame[extent[0] : extent[1]])["params"])

    @property
    def revisions(self) -> list[int]:
        return [record["revision"] for message in self.messages for record in message["records"]]


class FakeBoard:
    """A board's log and feed; `commit` makes a change durable and releases it."""

    def __init__(self) -> None:
        self.board = "b"
        self.durable_revision = 0
        self.commits: list[Commit] = []
        self.types: dict[int, str] = {}
        self.floor = 0
        self.reads = 0
        self.gate: asyncio.Event | None = None
        self.error: BlackboardError | None = None
        self.hub = Subscriptions(self, counters=Counters(), limits=Limits())

    def type_of(self, entry: int) -> str | None:
        return self.types.get(entry)

    def commit(self, *events: Event, beliefs: Mapping[int, int] | None = None, release: bool = True) -> None:
        first = self.durable_revision + 1
        records = [
            Record(revision=first + offset, time_ms=5, event=event) for offset, event in enumerate(events)
        ]
        rows = tuple(encode_row(record, b"s" * 16) for record in records)
        self.commits.append(make_commit("b", previous=GENESIS, time_ms=5, rows=rows))
        self.durable_revision = records[-1].revision
        if release:
            self.hub.released(self, records, beliefs or {})

    def post(self, count: int = 1, *, type_name: str = "T") -> None:
        for _ in range(count):
            number = len(self.types) + 1
            self.types[number] = type_name
            self.commit(posted(number, type_name))

    async def read(self, board: str, *, after: int = 0, limit: int | None = None) -> list[Commit]:
        self.reads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [each for each in self.commits if each.last > max(after, self.floor)][:limit]

    def watch(self, outlet: FakeOutlet, *, after: int | None = None, wanted: Filter | None = None):
        watch = self.hub.open(outlet, self, after=after, wanted=wanted or Filter())
        self.hub.start(watch)
        return watch


def posted(number: int, type_name: str = "T") -> EntryPosted:
    return EntryPosted(entry=number, type=type_name, data={"n": number}, confidence=1.0, author="a")


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_watch_without_after_gets_only_what_comes():
    """The past is not sent."""
    board, outlet = FakeBoard(), FakeOutlet()
    board.post(3)
    board.watch(outlet)
    board.post(2)
    await settle()
    assert outlet.revisions == [4, 5]
    assert board.reads == 0


async def test_a_watch_from_the_start_gets_everything_once_without_a_seam():
    """Commits made while the past is read arrive once, after it."""
    board, outlet = FakeBoard(), FakeOutlet()
    board.post(200)
    board.gate = asyncio.Event()
    board.watch(outlet, after=0)
    await settle()
    board.post(3)
    board.gate.set()
    board.gate = None
    for _ in range(10):
        board.post()
        await asyncio.sleep(0)
    await settle()
    board.post()
    assert outlet.revisions == list(range(1, 215))


async def test_what_the_store_shows_before_its_release_is_sent_once_and_live():
    """A commit is durable a moment before the writer hears of it; a reader may come in between."""
    board, outlet = FakeBoard(), FakeOutlet()
    board.post(2)
    board.commit(posted(3), release=False)
    board.durable_revision = 2
    board.watch(outlet, after=0)
    await settle()
    assert outlet.revisions == [1, 2]
    board.durable_revision = 3
    board.hub.released(board, [Record(revision=3, time_ms=5, event=posted(3))], {3: 1_000_000})
    board.post()
    assert outlet.revisions == [1, 2, 3, 4]
    assert outlet.messages[2]["beliefs"] == {"3": 1.0}


async def test_a_commit_is_delivered_whole():
    """A commit of three records is one message, live and from the store alike."""
    board, early, late = FakeBoard(), FakeOutlet(), FakeOutlet()
    board.watch(early)
    board.commit(posted(1), posted(2), EntryRetracted(entry=1, author="a"), beliefs={1: 0, 2: 500_000})
    board.watch(late, after=0)
    await settle()
    assert early.messages[0]["beliefs"] == {"1": 0.0, "2": 0.5}
    for outlet in (early, late):
        assert outlet.revisions == [1, 2, 3]
        assert [(message["first"], message["last"]) for message in outlet.messages] == [(1, 3)]
        assert outlet.messages[0]["records"][0]["event"]["data"] == {"n": 1}


async def test_all_watchers_share_one_frame():
    """A commit is encoded once, however many watch."""
    board = FakeBoard()
    outlets = [FakeOutlet() for _ in range(5)]
    for outlet in outlets:
        board.watch(outlet)
    board.post()
    frames = {id(outlet.frames[0]) for outlet in outlets}
    assert len(frames) == 1


async def test_a_full_connection_falls_behind_and_catches_up_from_the_store():
    """Nothing is buffered for it meanwhile; others go on; in the end it has seen everything once."""
    board, slow, quick = FakeBoard(), FakeOutlet(), FakeOutlet()
    board.watch(slow)
    board.watch(quick)
    board.post(2)
    slow.is_paused = True
    board.post(100)
    assert slow.revisions == [1, 2]
    assert quick.revisions == list(range(1, 103))
    assert board.hub.statistics() == {"watches": 2, "behind": 1}
    slow.is_paused = False
    board.hub.drained(slow)
    board.post(3)
    await settle()
    board.post()
    assert slow.revisions == list(range(1, 107))


async def test_a_connection_that_fills_up_while_catching_up_is_waited_for():
    """Reading stops in the midst of a chunk and goes on from there."""
    board, outlet = FakeBoard(), FakeOutlet()
    board.post(50)

    class Narrow(FakeOutlet):
        def send_frame(self, frame: bytes) -> None:
            super().send_frame(frame)
            self.is_paused = len(self.messages) % 10 == 0

    outlet = Narrow()
    board.watch(outlet, after=0)
    await settle()
    assert outlet.revisions == list(range(1, 11))
    while outlet.is_paused:
        outlet.is_paused = False
        board.hub.drained(outlet)
        await settle()
        if len(outlet.messages) == 50:
            break
    assert outlet.revisions == list(range(1, 51))


async def test_types_select_the_events_that_concern_entries():
    """Events about entries of other types are left out; a link counts for both of its ends."""
    board, outlet = FakeBoard(), FakeOutlet()
    board.watch(outlet, wanted=Filter(types=frozenset({"A"})))
    board.post(type_name="A")
    board.post(type_name="B")
    link = EntriesLinked(kind="supports", source=2, target=1, weight=1.0, author="a")
    board.commit(link, EntryRetracted(entry=2, author="a"), beliefs={1: 1_000_000, 2: 1})
    board.commit(AgentAttached(agent="x", sources=(), credits=1))
    assert outlet.revisions == [1, 3, 5]
    assert outlet.messages[1]["beliefs"] == {"1": 1.0}


async def test_catching_up_ends_with_the_last_commit_even_if_it_is_filtered_away():
    """So the watcher learns that it has seen all of the past."""
    board, outlet = FakeBoard(), FakeOutlet()
    board.post(type_name="A")
    board.post(2, type_name="B")
    board.watch(outlet, after=0, wanted=Filter(types=frozenset({"A"})))
    await settle()
    assert [(message["last"], len(message["records"])) for message in outlet.messages] == [(1, 1), (3, 0)]


async def test_history_that_is_gone_is_said_before_any_event():
    """A watch from below the floor of the log ends with `gone`."""
    board, outlet = FakeBoard(), FakeOutlet()
    board.post(5)
    board.floor = 3
    board.watch(outlet, after=0)
    await settle()
    assert [message.get("code") for message in outlet.messages] == ["gone"]
    board.post()
    assert len(outlet.messages) == 1


async def test_a_revision_that_never_was_is_refused():
    """A client that comes back to a board that lost its memory is told so."""
    board = FakeBoard()
    board.post(2)
    with pytest.raises(Rejected) as caught:
        board.watch(FakeOutlet(), after=3)
    assert caught.value.code == "gone"


async def test_a_store_that_cannot_be_read_ends_the_watch():
    """The watcher is told the code."""
    board, outlet = FakeBoard(), FakeOutlet()
    board.post(2)
    board.error = BlackboardError("storage_failed", "unreadable")
    board.watch(outlet, after=0)
    await settle()
    assert [message["code"] for message in outlet.messages] == ["storage_failed"]


async def test_ended_watches_get_nothing_more():
    """By request, or because the connection closed."""
    board, one, two = FakeBoard(), FakeOutlet(), FakeOutlet()
    watch = board.watch(one)
    board.watch(two)
    board.hub.end(one, watch.number)
    board.hub.leave(two)
    board.post()
    assert one.messages == two.messages == []
    with pytest.raises(Rejected):
        board.hub.end(one, watch.number)
    assert board.hub.statistics() == {"watches": 0, "behind": 0}


async def test_subscriptions_of_a_connection_are_bounded_and_numbered():
    """Numbers are not reused."""
    board, outlet = FakeBoard(), FakeOutlet()
    first = board.watch(outlet)
    board.hub.end(outlet, first.number)
    assert board.watch(outlet).number == 2
    for _ in range(63):
        board.watch(outlet)
    with pytest.raises(Rejected) as caught:
        board.watch(outlet)
    assert caught.value.code == "limit_exceeded"


async def test_many_that_catch_up_at_once_hold_a_bounded_number_of_chunks():
    """All get everything in the end."""
    board = FakeBoard()
    board.post(10)
    board.gate = asyncio.Event()
    outlets = [FakeOutlet() for _ in range(CATCH_UPS_MAX + 10)]
    for outlet in outlets:
        board.watch(outlet, after=0)
    await settle()
    assert board.reads == CATCH_UPS_MAX
    board.gate.set()
    await settle()
    assert all(outlet.revisions == list(range(1, 11)) for outlet in outlets)
