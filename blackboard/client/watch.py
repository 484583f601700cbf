"""Watching a board: every change after a revision, ascending, each once, across reconnects.

The board's log is the buffer. What has come but has not been consumed is kept up to a bound; beyond it the
subscription is given up, what is kept is consumed, and the watch subscribes again after the last revision
that it handed on. So a slow consumer costs bounded memory and misses nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, Self

from blackboard.client.views import Change, read_change
from blackboard.core.errors import BlackboardError

if TYPE_CHECKING:
    from blackboard.client.session import Session

__all__ = ["Watch", "WatchRouter"]

CHANGES_KEPT_MAX: Final = 1_000


class WatchRouter:
    """Hands the notifications of one session to its watches, by the number of the subscription."""

    def __init__(self, session: Session) -> None:
        self._watches: dict[int, Watch] = {}
        session.on_notice("board.changed", self._changed)
        session.on_notice("board.lost", self._lost)
        session.on_lost(self._watches.clear)

    def add(self, subscription: int, watch: Watch) -> None:
        """Route a subscription of the present connection."""
        self._watches[subscription] = watch

    def remove(self, subscription: int) -> None:
        """Drop what still comes for a subscription."""
        self._watches.pop(subscription, None)

    def _changed(self, params: dict[str, Any]) -> None:
        watch = self._watches.get(params["subscription"])
        if watch is not None:
            watch.deliver(params)

    def _lost(self, params: dict[str, Any]) -> None:
        watch = self._watches.pop(params["subscription"], None)
        if watch is not None:
            watch.subscription_lost(str(params["code"]), str(params["advice"]))


class Watch:
    """An asynchronous iterator over the changes of one board; `Board.watch` makes it.

    Use it as a context manager where the subscription has to stand before something is done.

    Args:
        session: The session.
        router: The session's router.
        board: Name of the board.
        after: Revision after which to begin; `None` for what comes from now on.
        types: Of the events that concern one entry, only those of entries of these types.
        kept_max: Most changes kept for the consumer.
    """

    def __init__(
        self,
        session: Session,
        router: WatchRouter,
        board: str,
        *,
        after: int | None,
        types: Collection[str] | None,
        kept_max: int = CHANGES_KEPT_MAX,
    ) -> None:
        self.board = board
        self.revision = after
        self._session = session
        self._router = router
        self._types = None if types is None else sorted(types)
        self._kept_max = kept_max
        self._kept: deque[Change] = deque()
        self._arrived = asyncio.Event()
        self._subscription: int | None = None
        self._is_started = False
        self._is_overrun = False
        self._error: BlackboardError | None = None

    async def start(self) -> None:
        """Subscribe, if that has not been done.

        Raises:
            BlackboardError: Why the server refuses, or that it did not answer.
        """
        if self._is_started:
            return
        self._is_started = True
        self._session.on_connected(self._resume)
        self._session.on_lost(self._connection_lost)
        self._session.ended.add_done_callback(self._session_ended)
        try:
            await self._subscribe()
        except BlackboardError as error:
            if error.code != "connection_lost":
                await self.close()
                raise
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        """Unsubscribe; what is kept is dropped."""
        if not self._is_started:
            return
        self._is_started = False
        self._session.remove_hooks(self._resume, self._connection_lost)
        self._session.ended.remove_done_callback(self._session_ended)
        self._fail(BlackboardError("connection_lost", f"the watch of {self.board!r} was closed"))
        self._kept.clear()
        await self._unsubscribe()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        await self.start()
        while not self._kept:
            if self._error is not None:
                raise self._error
            if self._is_overrun:
                self._is_overrun = False
                await self._resume()
                continue
            self._arrived.clear()
            await self._arrived.wait()
        return self._kept.popleft()

    def deliver(self, params: dict[str, Any]) -> None:
        """Keep a change that came; what was handed on before a reconnect is dropped."""
        try:
            change = read_change(params)
        except BlackboardError as error:
            self._fail(error)
            return
        assert self.revision is not None, "the answer to board.watch comes before its changes"
        if change.last <= self.revision:
            return
        if len(self._kept) >= self._kept_max:
            self._is_overrun = True
            subscription, self._subscription = self._subscription, None
            assert subscription is not None, "changes come under a subscription"
            self._router.remove(subscription)
            self._session.request_nowait("board.unwatch", {"subscription": subscription})
            return
        if self._types is None and change.first > self.revision + 1:
            self._fail(
                BlackboardError(
                    "internal_error",
                    f"board {self.board!r} jumped from revision {self.revision} to {change.first}",
                )
            )
            return
        self.revision = change.last
        self._kept.append(change)
        self._arrived.set()

    def subscription_lost(self, code: str, advice: str) -> None:
        """Note that the server ended the subscription."""
        self._subscription = None
        if code == "gone":
            self._fail(BlackboardError("gone", f"board {self.board!r}: {advice}"))
        else:
            self._is_overrun = True
            self._arrived.set()

    def _connection_lost(self) -> None:
        self._subscription = None

    def _session_ended(self, ended: asyncio.Future[BlackboardError]) -> None:
        self._fail(ended.result())

    async def _resume(self) -> None:
        """Subscribe again; while the connection is lost the next one will do it."""
        if self._is_overrun or self._error is not None:
            return
        try:
            await self._subscribe()
        except BlackboardError as error:
            if error.code != "connection_lost":
                self._fail(error)

    async def _subscribe(self) -> None:
        params: dict[str, Any] = {"board": self.board}
        if self.revision is not None:
            params["after"] = self.revision
        if self._types is not None:
            params["types"] = self._types
        await self._session.request("board.watch", params, on_result=self._subscribed)

    def _subscribed(self, result: dict[str, Any]) -> None:
        self._subscription = int(result["subscription"])
        if self.revision is None:
            self.revision = int(result["revision"])
        self._router.add(self._subscription, self)

    async def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self._router.remove(subscription)
            self._session.request_nowait("board.unwatch", {"subscription": subscription})

    def _fail(self, error: BlackboardError) -> None:
        self._error = self._error or error
        self._arrived.set()
