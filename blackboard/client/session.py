"""The session: requests and notifications over a connection that is replaced whenever it is lost.

Callers of `request` notice nothing of a reconnect but the delay, unless their own deadline passes first:
what was not answered is sent again under its old id. That is safe, since a change carries a `command_id`,
under which the server gives the first answer again, and all else changes nothing. `keeper.py` says how the
connection is kept.

The session ends by `close`, by a refusal that no repeat can heal (a bad token, another protocol), or after
`reconnect_seconds` without a server; then every wait fails with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from blackboard.client.board import Board
from blackboard.client.keeper import Hook, Keeper
from blackboard.client.link import LOG, Link
from blackboard.client.options import SessionOptions
from blackboard.client.pending import Pending, PendingTable
from blackboard.client.token import find_token
from blackboard.client.views import BoardInfo, read_as
from blackboard.client.watch import WatchRouter
from blackboard.core.completion import Settings
from blackboard.core.errors import BlackboardError
from blackboard.core.fact import to_data
from blackboard.wire.codec import encode_request

__all__ = ["Session", "open_session"]

NoticeHandler: TypeAlias = Callable[[dict[str, Any]], None]

_ONLY_ON_THIS_CONNECTION: Final = frozenset({"board.watch", "board.unwatch", "token.issue"})
"""Methods that are not repeated on the next connection; watches resume by a hook."""


class Session:
    """A session with one server; open it with `open_session`.

    Args:
        url: `ws://HOST:PORT/v1`.
        token: Secret that says who speaks; `None` for none.
        agent: Stable name of this agent instance; `None` lets the server make one up, which is then kept.
        name: Name of the program, for people.
        options: Bounds and seams.
    """

    def __init__(
        self, url: str, *, token: str | None, agent: str | None, name: str, options: SessionOptions
    ) -> None:
        self.url = url
        self.agent = agent
        self.principal = ""
        self.connections = 0
        self.known_types: set[tuple[str, str]] = set()
        self._token = token
        self._name = name
        self._options = options
        self._inflight_max = options.inflight_max
        self._loop = asyncio.get_running_loop()
        self._pending = PendingTable()
        self._room = asyncio.Event()
        self._keeper = Keeper(self, url, options)
        self._notices: dict[str, NoticeHandler] = {}
        self._key_prefix = options.random_bytes(8).hex()
        self._keys = 0
        self.router = WatchRouter(self)

    # What users call.

    def board(self, name: str = "default") -> Board:
        """Return a handle to the board `name`, whether or not it exists."""
        return Board(self, name)

    async def open_board(
        self,
        name: str,
        *,
        goal: str = "",
        settings: Settings | None = None,
        paused: bool = False,
        exist_ok: bool = False,
    ) -> Board:
        """Open a board and return a handle to it.

        Args:
            name: Its name.
            goal: What is to be found out, in words.
            settings: How it is run.
            paused: Grant no leases until `resume`, so that the whole problem can be posted first.
            exist_ok: If it exists already, leave it as it is and succeed.

        Raises:
            BlackboardError: `board_exists`, or why the settings are refused.
        """
        params = {
            "board": name,
            "goal": goal,
            "settings": to_data(settings or Settings()),
            "paused": paused,
            "exist_ok": exist_ok,
            "command_id": self.new_command_id(),
        }
        await self.request("board.open", params)
        return Board(self, name)

    async def boards(self) -> list[BoardInfo]:
        """Return the boards that this principal may know of, by name."""
        result = await self.request("board.list", {})
        return [read_as(BoardInfo, each) for each in result["boards"]]

    async def request(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - one bound, across connections
        on_result: Callable[[Any], None] | None = None,
    ) -> Any:
        """Send a request and return its result.

        Args:
            method: Name of the method.
            params: Its parameters, as plain data.
            timeout: Deadline in seconds; `None` takes the session's.
            on_result: Called with the result before anything that came after it is looked at.

        Raises:
            BlackboardError: The server's refusal; `timed_out` at the deadline; why the session ended.
                Cancelling leaves the outcome of a change unknown, as a time-out does.
        """
        bound = self._options.request_timeout if timeout is None else timeout
        if not self._has_room():
            await self._within(bound, self._wait_room(), method)
        pending = self._send(method, params, bound, on_result)
        try:
            return await pending.future
        finally:
            self._pending.discard(pending.id)
            self._room.set()

    def request_nowait(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        on_error: Callable[[BlackboardError], None] | None = None,
    ) -> None:
        """Send a request whose result is of no interest; its error goes to `on_error`, or to the log."""

        def done(future: asyncio.Future[Any]) -> None:
            self._room.set()
            if future.cancelled():
                return
            error = future.exception()
            if isinstance(error, BlackboardError):
                if on_error is None:
                    LOG.debug("%s: %s", method, error.message)
                else:
                    on_error(error)

        try:
            pending = self._send(method, params, self._options.request_timeout, None)
        except BlackboardError as error:
            LOG.debug("%s: %s", method, error.message)
            return
        pending.future.add_done_callback(done)

    def _has_room(self) -> bool:
        if self._keeper.end is not None:
            return True  # to be told so
        is_full = len(self._pending) >= self._inflight_max
        return not is_full and (self._keeper.link is None or not self._keeper.link.transport.is_paused)

    async def _wait_room(self) -> None:
        """Wait until there are few enough unanswered requests, and the operating system takes more."""
        while not self._has_room():
            if len(self._pending) >= self._inflight_max:
                self._room.clear()
                await self._room.wait()
            elif self._keeper.link is not None:
                await self._keeper.link.transport.drain()

    def _send(
        self,
        method: str,
        params: Mapping[str, Any],
        bound: float,
        on_result: Callable[[Any], None] | None,
    ) -> Pending:
        if self._keeper.end is not None:
            raise BlackboardError(self._keeper.end.code, self._keeper.end.message)
        repeat = method not in _ONLY_ON_THIS_CONNECTION
        if self._keeper.link is None and not repeat:
            raise BlackboardError("connection_lost", f"{method}: not connected just now")
        id_ = self._pending.next_id()
        payload = encode_request(id_, method, params)
        timer = self._loop.call_later(bound, self._expire, id_, method, bound)
        pending = Pending(id_, method, payload, self._loop.create_future(), timer, repeat, on_result)
        self._pending.add(pending)
        if self._keeper.link is not None:
            self._keeper.link.transport.send(payload)
        return pending

    def new_command_id(self) -> str:
        """Return a fresh key under which a change can be repeated."""
        self._keys += 1
        return f"{self._key_prefix}-{self._keys}"

    async def start(self) -> None:
        """Connect for the first time; unlike later losses, a failure is raised at once."""
        await self._keeper.start()

    async def close(self) -> None:
        """End the session; unanswered requests fail with `connection_lost`."""
        await self._keeper.close()

    # What watches and agents use.

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection just now."""
        return self._keeper.link is not None

    @property
    def clock(self) -> Callable[[], float]:
        """The monotonic clock, in seconds."""
        return self._loop.time

    def on_notice(self, method: str, handler: NoticeHandler) -> None:
        """Have `handler` called with the params of every notification `method`."""
        self._notices[method] = handler

    def on_connected(self, hook: Hook) -> None:
        """Have `hook` run after every reconnect; an error that no repeat heals ends the session."""
        self._keeper.on_connected(hook)

    def on_lost(self, hook: Callable[[], None]) -> None:
        """Have `hook` called whenever a connection is lost."""
        self._keeper.on_lost(hook)

    def remove_hooks(self, connected: Hook, lost: Callable[[], None] | None = None) -> None:
        """Undo `on_connected` and `on_lost`."""
        self._keeper.remove_hooks(connected, lost)

    @property
    def ended(self) -> asyncio.Future[BlackboardError]:
        """Done once the session has ended for good, with the reason."""
        return self._keeper.ended

    # What the keeper calls.

    def hello(self) -> dict[str, Any]:
        """Return the params of the next hello; `None` is left out."""
        return {"client": self._name, "token": self._token, "agent": self.agent}

    def connected(self, answer: dict[str, Any]) -> None:
        """Send again what was not answered."""
        self.agent, self.principal = str(answer["agent"]), str(answer["principal"])
        self.connections += 1
        self.known_types.clear()
        limits: dict[str, int] = answer.get("limits", {})
        ours = self._options.inflight_max
        self._inflight_max = min(ours, limits.get("connection_inflight_max", ours))
        if self._keeper.link is not None:
            for payload in self._pending.payloads():
                self._keeper.link.transport.send(payload)

    def disconnected(self) -> None:
        """Fail what only made sense on the connection that was lost."""
        self._pending.connection_lost()

    def finished(self, error: BlackboardError) -> None:
        """Fail every wait."""
        self._pending.reject_all(error)
        self._room.set()

    # What comes over the link.

    def take_result(self, id_: int, result: Any) -> None:
        """Give a request its result."""
        self._pending.resolve(id_, result)

    def take_error(self, id_: int, error: BlackboardError) -> None:
        """Give a request its error."""
        self._pending.reject(id_, error)

    def take_notice(self, method: str, params: dict[str, Any]) -> None:
        """Hand on a notification; those of a newer server are ignored."""
        handler = self._notices.get(method)
        if handler is None:
            return
        try:
            handler(params)
        except BlackboardError as error:
            LOG.warning("%s: %s", method, error.message)

    def link_ended(self, link: Link, error: BlackboardError) -> None:
        """Leave it to the keeper to make the next connection."""
        self._keeper.link_ended(link, error)

    def _expire(self, id_: int, method: str, bound: float) -> None:
        message = f"{method} was not answered within {bound:g} s"
        if self._keeper.link is None:
            message += "; the connection is lost and being tried again"
        self._pending.reject(id_, BlackboardError("timed_out", message))

    async def _within(self, bound: float, wait: Awaitable[Any], method: str) -> Any:
        try:
            return await asyncio.wait_for(wait, bound)
        except TimeoutError:
            message = f"{method} was not answered within {bound:g} s"
            raise BlackboardError("timed_out", message) from None


@contextlib.asynccontextmanager
async def open_session(
    url: str,
    *,
    token: str | None = None,
    agent: str | None = None,
    name: str = "blackboard-python",
    options: SessionOptions | None = None,
) -> AsyncGenerator[Session]:
    """Open a session and close it at the end of the block.

    Args:
        url: `ws://HOST:PORT/v1`.
        token: Secret that says who speaks; by default that of `BLACKBOARD_TOKEN` or, for a server on this
            machine, of the nearest `.blackboard/token` from the current directory upward.
        agent: Stable name of this agent instance; who reconnects under it resumes its leases.
        name: Name of the program, for people.
        options: Bounds and seams.

    Raises:
        BlackboardError: `unreachable` if there is no server, `unauthorized` if it refuses the token.
    """
    found = token or find_token(environment=os.environ, directory=Path.cwd(), url=url)
    session = Session(url, token=found, agent=agent, name=name, options=options or SessionOptions())
    await session.start()
    try:
        yield session
    finally:
        await session.close()
