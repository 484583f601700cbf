"""Who watches which board, and how each change reaches them: once, in order, without a seam.

A watch begins after a revision. What is in the store already is read from there in bounded chunks (catching
up); once the watch has reached the revision that was released last it is live, and gets each commit as the
writer releases it. Both steps are decided in one synchronous stretch, so nothing is missed or sent twice.

Backpressure: while a connection's queue is above its mark, nothing more is put into it. Its live watches
fall behind, which costs no memory, and catch up from the store once the queue has drained. So a slow reader
is served at its own pace, and nobody else notices.

A commit is encoded once per filter in use, and framed once per subscription number; since numbers count
from 1 on each connection, a thousand watchers of one board share one frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from blackboard.core.entry import EntryId
from blackboard.core.errors import BlackboardError, Rejected, error_row
from blackboard.core.events import EntriesLinked, Event
from blackboard.core.limits import Limits
from blackboard.core.record import Commit, Record, decode_row
from blackboard.core.values import Millionths
from blackboard.server.metrics import Counters
from blackboard.wire.broadcast import Broadcast, changed
from blackboard.wire.codec import encode_notice
from blackboard.wire.frames import frame_text

__all__ = ["BoardFeed", "Filter", "History", "Outlet", "Subscriptions", "Watch"]

logger = logging.getLogger(__name__)

CHUNK_COMMITS: Final = 64
"""Commits read from the store at a time."""

CATCH_UPS_MAX: Final = 16
"""Chunks of the past held in memory at a time, for all watchers together; the others wait their turn."""

STRETCH_RECORDS: Final = 200
"""Records decoded in one stretch; reading the past must not keep the loop from the present."""


class Outlet(Protocol):
    """The connection of a watcher."""

    @property
    def is_paused(self) -> bool:
        """Whether its queue is above its mark."""
        ...

    def send_frame(self, frame: bytes) -> None:
        """Queue a frame."""
        ...


class History(Protocol):
    """Where past commits are read."""

    async def read(self, board: str, *, after: int = 0, limit: int | None = None) -> list[Commit]:
        """Return whole commits in ascending order, beginning with the one that holds `after + 1`."""
        ...


class Filter(msgspec.Struct, frozen=True):
    """Which records a watcher wants.

    Args:
        types: Of the events that concern entries, only those of entries of these types; `None` for all.
    """

    types: frozenset[str] | None = None


class BoardFeed(Protocol):
    """What a watch needs to know of its board."""

    @property
    def board(self) -> str:
        """Its name."""
        ...

    @property
    def durable_revision(self) -> int:
        """The revision that was released last."""
        ...

    def type_of(self, entry: EntryId) -> str | None:
        """Return the type of an entry, if there is such an entry."""
        ...


class Watch:
    """One subscription of one connection.

    Args:
        number: Its number on the connection.
        outlet: The connection.
        feed: The board.
        wanted: The filter.
        position: Revision up to which everything was sent.
    """

    __slots__ = ("feed", "is_live", "is_open", "number", "outlet", "position", "task", "wanted")

    def __init__(self, number: int, outlet: Outlet, feed: BoardFeed, wanted: Filter, position: int) -> None:
        self.number = number
        self.outlet = outlet
        self.feed = feed
        self.wanted = wanted
        self.position = position
        self.is_live = False
        self.is_open = True
        self.task: asyncio.Task[None] | None = None


class Subscriptions:
    """All watches of a server.

    Args:
        history: Where past commits are read.
        counters: Counters of the server.
        limits: How many watches a connection may have.
    """

    def __init__(self, history: History, *, counters: Counters, limits: Limits) -> None:
        self._history = history
        self._counters = counters
        self._per_connection_max = limits.subscriptions_per_connection_max
        self._by_board: dict[str, dict[Filter, dict[Watch, None]]] = {}
        self._by_outlet: dict[Outlet, dict[int, Watch]] = {}
        self._last_numbers: dict[Outlet, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(CATCH_UPS_MAX)

    def statistics(self) -> dict[str, int]:
        """Return how many watches there are, and how many of them are catching up."""
        watches = [watch for group in self._by_outlet.values() for watch in group.values()]
        return {"watches": len(watches), "behind": sum(not watch.is_live for watch in watches)}

    def open(self, outlet: Outlet, feed: BoardFeed, *, after: int | None, wanted: Filter) -> Watch:
        """Register a watch; nothing is sent before `start`, so that the answer to the request goes first.

        Raises:
            Rejected: `limit_exceeded`, or `gone` if the board never was at revision `after`.
        """
        mine = self._by_outlet.setdefault(outlet, {})
        if len(mine) >= self._per_connection_max:
            raise Rejected("limit_exceeded", f"this connection has {len(mine)} subscriptions; end one first")
        if after is not None and after > feed.durable_revision:
            raise Rejected(
                "gone",
                f"board {feed.board!r} is at revision {feed.durable_revision}; it has no revision {after}",
            )
        number = self._last_numbers[outlet] = self._last_numbers.get(outlet, 0) + 1
        watch = Watch(number, outlet, feed, wanted, feed.durable_revision if after is None else after)
        mine[number] = watch
        self._by_board.setdefault(feed.board, {}).setdefault(wanted, {})[watch] = None
        return watch

    def start(self, watch: Watch) -> None:
        """Begin to send."""
        self._go_on(watch)

    def end(self, outlet: Outlet, number: int) -> None:
        """End one subscription.

        Raises:
            Rejected: `invalid_params` if the connection has no such subscription.
        """
        watch = self._by_outlet.get(outlet, {}).get(number)
        if watch is None:
            raise Rejected("invalid_params", f"this connection has no subscription {number}")
        self._forget(watch)

    def leave(self, outlet: Outlet) -> None:
        """End everything that a closed connection watched."""
        for watch in list(self._by_outlet.get(outlet, {}).values()):
            self._forget(watch)
        self._by_outlet.pop(outlet, None)
        self._last_numbers.pop(outlet, None)

    def drained(self, outlet: Outlet) -> None:
        """Go on with the watches of a connection whose queue has fallen below its mark."""
        for watch in self._by_outlet.get(outlet, {}).values():
            if not watch.is_live:
                self._go_on(watch)

    def released(
        self,
        feed: BoardFeed,
        records: Sequence[Record],
        beliefs: Mapping[EntryId, Millionths],
    ) -> None:
        """Deliver one commit to all live watches of its board."""
        groups = self._by_board.get(feed.board)
        if not groups or not records:
            return
        last = records[-1].revision
        for wanted, watches in groups.items():
            message, is_wanted = _message(feed, records, beliefs, wanted)
            for watch in watches:
                if not watch.is_live:
                    continue
                assert watch.position < last, "a commit is released once, and only then sent"
                if watch.outlet.is_paused:
                    watch.is_live = False
                    continue
                watch.position = last
                if is_wanted:
                    watch.outlet.send_frame(message.frame(watch.number))
                    self._counters.deliveries += 1

    async def close(self) -> None:
        """End everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._by_board.clear()
        self._by_outlet.clear()

    def _go_on(self, watch: Watch) -> None:
        """Make a watch live if it has seen everything, else read on for it, unless someone does already."""
        if not watch.is_open or watch.outlet.is_paused:
            return
        if watch.position >= watch.feed.durable_revision:
            watch.is_live = True
        elif watch.task is None:
            self._counters.catch_ups += 1
            task = asyncio.get_running_loop().create_task(self._catch_up(watch))
            watch.task = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _catch_up(self, watch: Watch) -> None:
        """Send from the store until the watch is live, its connection is full, or it ends."""
        feed = watch.feed
        try:
            while watch.is_open and not watch.outlet.is_paused and watch.position < feed.durable_revision:
                async with self._turns:
                    after = watch.position
                    commits = await self._history.read(feed.board, after=after, limit=CHUNK_COMMITS)
                    if not commits or commits[0].first > after + 1:
                        self._lose(watch, "gone")
                        return
                    await self._send_past(watch, commits)
        except BlackboardError as error:
            logger.warning("a subscriber lost its history", extra={"board": feed.board, "code": error.code})
            self._lose(watch, error.code)
        finally:
            watch.task = None
        self._go_on(watch)

    async def _send_past(self, watch: Watch, commits: Iterable[Commit]) -> None:
        """Send commits while the watch can take them, letting others have the loop now and then."""
        decoded = 0
        for commit in commits:
            if decoded >= STRETCH_RECORDS:
                decoded = 0
                await asyncio.sleep(0)
            if not watch.is_open or watch.outlet.is_paused:
                return
            if commit.last > watch.feed.durable_revision:
                return  # The store shows it a moment before the writer releases it; it will come live.
            decoded += len(commit.rows)
            records = [decode_row(row, commit.time_ms) for row in commit.rows]
            message, is_wanted = _message(watch.feed, records, None, watch.wanted)
            watch.position = commit.last
            # The last commit of the past is sent even if empty: it tells that catching up is over.
            if is_wanted or commit.last >= watch.feed.durable_revision:
                watch.outlet.send_frame(message.frame(watch.number))
                self._counters.deliveries += 1

    def _lose(self, watch: Watch, code: str) -> None:
        if watch.is_open:
            params = {"subscription": watch.number, "code": code, "advice": error_row(code).advice}
            watch.outlet.send_frame(frame_text(encode_notice("board.lost", params)))
            self._forget(watch)

    def _forget(self, watch: Watch) -> None:
        watch.is_open = watch.is_live = False
        self._by_outlet.get(watch.outlet, {}).pop(watch.number, None)
        groups = self._by_board.get(watch.feed.board, {})
        watches = groups.get(watch.wanted, {})
        watches.pop(watch, None)
        if not watches:
            groups.pop(watch.wanted, None)
        if not groups:
            self._by_board.pop(watch.feed.board, None)


def _message(
    feed: BoardFeed, records: Sequence[Record], beliefs: Mapping[EntryId, Millionths] | None, wanted: Filter
) -> tuple[Broadcast, bool]:
    """Encode one commit as one filter shows it, and say whether anything is left of it."""
    shown = [record for record in records if _is_wanted(record.event, wanted, feed)]
    types = wanted.types
    if beliefs and types is not None:
        beliefs = {entry: value for entry, value in beliefs.items() if feed.type_of(entry) in types}
    broadcast = changed(
        feed.board,
        first=records[0].revision,
        last=records[-1].revision,
        time_ms=records[0].time_ms,
        records=shown,
        beliefs=beliefs or None,
    )
    return broadcast, bool(shown or beliefs)


def _is_wanted(event: Event, wanted: Filter, feed: BoardFeed) -> bool:
    if wanted.types is None:
        return True
    if isinstance(event, EntriesLinked):
        return feed.type_of(event.source) in wanted.types or feed.type_of(event.target) in wanted.types
    entry: EntryId | None = getattr(event, "entry", None)
    return entry is None or feed.type_of(entry) in wanted.types
