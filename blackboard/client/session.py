"""The session: requests and notifications over a connection that is replaced whenever it is lost.

Theory of operation. One task, `_keep`, owns the connection: it waits for its end, dials again with growing
waits, says hello under the same agent name, sends every unanswered request again under its old id, and runs
the hooks by which watches and agents resume what the old connection carried. Callers of `request` notice
nothing but the delay, unless their own deadline passes first. Repeating is safe: a change carries a
`command_id`, under which the server gives the first answer again; all else changes nothing.

The session ends by `close`, by a refusal that no repeat can heal (a bad token, another protocol), or after
`reconnect_seconds` without a server; then every wait fails with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from blackboard.client.backoff import Backoff
from blackboard.client.board import Board
from blackboard.client.link import LOG, Link, open_link
from blackboard.client.options import SessionOptions
from blackboard.client.pending import Pending, PendingTable
from blackboard.client.token import find_token
from blackboard.client.transport import Transport
from blackboard.client.views import BoardInfo, read_as
from blackboard.client.watch import WatchRouter
from blackboard.core.completion import Settings
from blackboard.core.errors import BlackboardError
from blackboard.core.fact import to_data
from blackboard.wire.codec import encode_request

__all__ = ["Session", "open_session"]

Hook = Callable[[], Awaitable[None]]
NoticeHandler = Callable[[dict[str, Any]], None]

_CLOSE_SECONDS: Final = 1.0
"""How long a closing handshake may take before the connection is dropped."""
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
        self._token = token
        self._name = name
        self._options = options
        self._pending = PendingTable()
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._lost: asyncio.Event = asyncio.Event()
        self._room: asyncio.Event = asyncio.Event()
        self._end: BlackboardError | None = None
        self.ended: asyncio.Future[BlackboardError] = self._loop.create_future()
        self._keeper: asyncio.Task[None] | None = None
        self._hooks: list[Hook] = []
        self._lost_hooks: list[Callable[[], None]] = []
        self._notices: dict[str, NoticeHandler] = {}
        self._resuming: asyncio.Task[None] | None = None
        self._backoff = Backoff(options.random, options.backoff_first, options.backoff_cap)
        self._connected_at = 0.0
        self._closing: Transport | None = None
        self.known_types: set[tuple[str, str]] = set()
        self.router = WatchRouter(self)
        self._key_prefix = options.random_bytes(8).hex()
        self._keys = 0

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
        if self._end is not None:
            return True  # to be told so
        is_full = len(self._pending) >= self._options.inflight_max
        return not is_full and (self._link is None or not self._link.transport.is_paused)

    async def _wait_room(self) -> None:
        """Wait until there are few enough unanswered requests, and the operating system takes more."""
        while not self._has_room():
            if len(self._pending) >= self._options.inflight_max:
                self._room.clear()
                await self._room.wait()
            elif self._link is not None:
                await self._link.transport.drain()

    def _send(
        self,
        method: str,
        params: Mapping[str, Any],
        bound: float,
        on_result: Callable[[Any], None] | None,
    ) -> Pending:
        if self._end is not None:
            raise BlackboardError(self._end.code, self._end.message)
        repeat = method not in _ONLY_ON_THIS_CONNECTION
        if self._link is None and not repeat:
            raise BlackboardError("connection_lost", f"{method}: not connected just now")
        id_ = self._pending.next_id()
        payload = encode_request(id_, method, params)
        timer = self._loop.call_later(bound, self._expire, id_, method, bound)
        pending = Pending(id_, method, payload, self._loop.create_future(), timer, repeat, on_result)
        self._pending.add(pending)
        if self._link is not None:
            self._link.transport.send(payload)
        return pending

    def new_command_id(self) -> str:
        """Return a fresh key under which a change can be repeated."""
        self._keys += 1
        return f"{self._key_prefix}-{self._keys}"

    async def close(self) -> None:
        """End the session; unanswered requests fail with `connection_lost`."""
        self._finish(BlackboardError("connection_lost", "the session was closed"))
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._closing is not None:
            await self._closing.wait_ended(_CLOSE_SECONDS)

    # What watches and agents use.

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection just now."""
        return self._link is not None

    @property
    def clock(self) -> Callable[[], float]:
        """The monotonic clock, in seconds."""
        return self._loop.time

    def on_notice(self, method: str, handler: NoticeHandler) -> None:
        """Have `handler` called with the params of every notification `method`."""
        self._notices[method] = handler

    def on_connected(self, hook: Hook) -> None:
        """Have `hook` run after every reconnect; an error that no repeat heals ends the session."""
        self._hooks.append(hook)

    def on_lost(self, hook: Callable[[], None]) -> None:
        """Have `hook` called whenever a connection is lost."""
        self._lost_hooks.append(hook)

    def remove_hooks(self, connected: Hook, lost: Callable[[], None] | None = None) -> None:
        """Undo `on_connected` and `on_lost`."""
        self._hooks.remove(connected)
        if lost is not None:
            self._lost_hooks.remove(lost)

    # The life of the connection.

    async def start(self) -> None:
        """Connect for the first time; unlike later losses, a failure is raised at once."""
        await self._connect()
        self._keeper = self._loop.create_task(self._keep(), name="blackboard session")

    async def _keep(self) -> None:
        try:
            while True:
                await self._watch_over()
                if self._end is not None or not await self._reconnect():
                    return
        finally:
            self._drop_link()
            if self._resuming is not None:
                self._resuming.cancel()
                await asyncio.gather(self._resuming, return_exceptions=True)

    async def _watch_over(self) -> None:
        """Wait until the connection is lost, pinging when it is silent for long."""
        interval = self._options.ping_interval
        while not self._lost.is_set():
            assert self._link is not None, "while it is not lost there is a connection"
            transport = self._link.transport
            silent = self._loop.time() - transport.last_read
            if silent >= 2 * interval:
                transport.abort()
                return
            if silent >= interval:
                transport.ping()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), interval / 2)

    async def _reconnect(self) -> bool:
        options = self._options
        now = self._loop.time()
        if now - self._connected_at > options.backoff_cap:
            self._backoff.reset()  # it was a working connection, not a server that turns us away at once
        give_up = None if options.reconnect_seconds is None else now + options.reconnect_seconds
        while True:
            await asyncio.sleep(self._backoff.next_wait())
            try:
                await self._connect()
            except BlackboardError as error:
                is_late = give_up is not None and self._loop.time() >= give_up
                if is_late or not error.retryable:
                    self._finish(error)
                    return False
                LOG.info("%s; trying again", error.message)
            else:
                self._resume()
                return True

    async def _connect(self) -> None:
        self._lost.clear()
        hello = {"client": self._name, "token": self._token, "agent": self.agent}
        link, answer = await open_link(self, self.url, hello, self._options)
        self.agent, self.principal = str(answer["agent"]), str(answer["principal"])
        self.connections += 1
        self.known_types.clear()
        self._connected_at = self._loop.time()
        self._link = link

    def _resume(self) -> None:
        """Send again what was not answered, then let watches and agents resume."""
        assert self._link is not None, "this follows a successful hello"
        for payload in self._pending.payloads():
            self._link.transport.send(payload)
        if self._resuming is not None:
            self._resuming.cancel()
        self._resuming = self._loop.create_task(self._run_hooks(), name="blackboard session resume")

    async def _run_hooks(self) -> None:
        for hook in list(self._hooks):
            try:
                await hook()
            except BlackboardError as error:
                if not error.retryable:
                    self._finish(error)
                    return
                LOG.warning("resuming failed, so the connection is made again: %s", error.message)
                if self._link is not None:
                    self._link.transport.abort()
                return

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.transport.close()
            self._closing = link.transport

    def _finish(self, error: BlackboardError) -> None:
        if self._end is not None:
            return
        self._end = error
        self._pending.reject_all(error)
        self._room.set()
        self._drop_link()
        self._lost.set()
        if not self.ended.done():
            self.ended.set_result(error)

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
        """Note the end of a connection; `_keep` makes the next one."""
        if link is not self._link:
            return
        LOG.info("%s", error.message)
        self._link = None
        self._pending.connection_lost()
        for hook in list(self._lost_hooks):
            hook()
        self._lost.set()

    def _expire(self, id_: int, method: str, bound: float) -> None:
        message = f"{method} was not answered within {bound:g} s"
        if self._link is None:
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
        token: Secret that says who speaks; by default that of `BLACKBOARD_TOKEN`, or of the nearest
            `.blackboard/token` from the current directory upward.
        agent: Stable name of this agent instance; who reconnects under it resumes its leases.
        name: Name of the program, for people.
        options: Bounds and seams.

    Raises:
        BlackboardError: `unreachable` if there is no server, `unauthorized` if it refuses the token.
    """
    found = token or find_token(environment=os.environ, directory=Path.cwd())
    session = Session(url, token=found, agent=agent, name=name, options=options or SessionOptions())
    await session.start()
    try:
        yield session
    finally:
        await session.close()
