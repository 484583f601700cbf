"""The keeper of a session's connection: it connects, watches over it, and makes the next one when it is lost.

One task waits for the end of the connection, dials again with growing waits, says hello, and runs the hooks
by which watches and agents resume what the old connection carried. A hook that fails in passing makes the
connection again, since nothing must be left half resumed; one that fails for good ends the session.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

from blackboard.client.backoff import Backoff
from blackboard.client.link import LOG, Link, LinkOwner, open_link
from blackboard.client.options import SessionOptions
from blackboard.client.transport import Transport
from blackboard.core.errors import BlackboardError

__all__ = ["Hook", "Keeper", "KeeperOwner"]

Hook: TypeAlias = Callable[[], Awaitable[None]]

_CLOSE_SECONDS: Final = 1.0
"""How long a closing handshake may take before the connection is dropped."""


class KeeperOwner(LinkOwner, Protocol):
    """The session, as its keeper sees it."""

    def hello(self) -> dict[str, Any]:
        """Return the params of the next hello."""
        ...

    def connected(self, answer: dict[str, Any]) -> None:
        """The hello was accepted; requests may be sent, and unanswered ones are to be sent again."""
        ...

    def disconnected(self) -> None:
        """The connection was lost; another one is going to be made."""
        ...

    def finished(self, error: BlackboardError) -> None:
        """The session has ended for good; told once."""
        ...


class Keeper:
    """Keeps one session connected.

    Args:
        owner: The session.
        url: Address of the server.
        options: Bounds and seams.
    """

    def __init__(self, owner: KeeperOwner, url: str, options: SessionOptions) -> None:
        self._owner = owner
        self._url = url
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(options.random, options.backoff_first, options.backoff_cap)
        self._connected_at = 0.0
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._closing: Transport | None = None
        self._hooks: list[Hook] = []
        self._lost_hooks: list[Callable[[], None]] = []
        self.link: Link | None = None
        self.end: BlackboardError | None = None
        self.ended: asyncio.Future[BlackboardError] = self._loop.create_future()

    def on_connected(self, hook: Hook) -> None:
        """Have `hook` run after every reconnect."""
        self._hooks.append(hook)

    def on_lost(self, hook: Callable[[], None]) -> None:
        """Have `hook` called whenever a connection is lost."""
        self._lost_hooks.append(hook)

    def remove_hooks(self, connected: Hook, lost: Callable[[], None] | None) -> None:
        """Undo `on_connected` and `on_lost`."""
        self._hooks.remove(connected)
        if lost is not None:
            self._lost_hooks.remove(lost)

    async def start(self) -> None:
        """Connect for the first time; unlike later losses, a failure is raised at once."""
        await self._connect()
        self._task = self._loop.create_task(self._keep(), name="blackboard session")

    async def close(self) -> None:
        """End the session and wait until its connection is closed."""
        self.finish(BlackboardError("connection_lost", "the session was closed"))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._closing is not None:
            await self._closing.wait_ended(_CLOSE_SECONDS)

    def finish(self, error: BlackboardError) -> None:
        """End the session for good; later reasons are ignored."""
        if self.end is not None:
            return
        self.end = error
        self._drop_link()
        self._owner.finished(error)
        self._lost.set()
        self.ended.set_result(error)

    def link_ended(self, link: Link, error: BlackboardError) -> None:
        """Note the end of a connection; the task makes the next one."""
        if link is not self.link:
            return
        LOG.info("%s", error.message)
        self.link = None
        self._owner.disconnected()
        for hook in list(self._lost_hooks):
            hook()
        self._lost.set()

    async def _keep(self) -> None:
        try:
            while True:
                await self._watch_over()
                if self.end is not None or not await self._reconnect():
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
            assert self.link is not None, "while it is not lost there is a connection"
            transport = self.link.transport
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
                    self.finish(error)
                    return False
                LOG.info("%s; trying again", error.message)
            else:
                if self._resuming is not None:
                    self._resuming.cancel()
                self._resuming = self._loop.create_task(self._resume(), name="blackboard session resume")
                return True

    async def _connect(self) -> None:
        self._lost.clear()
        link, answer = await open_link(self._owner, self._url, self._owner.hello(), self._options)
        self._connected_at = self._loop.time()
        self.link = link
        self._owner.connected(answer)

    async def _resume(self) -> None:
        for hook in list(self._hooks):
            try:
                await hook()
            except BlackboardError as error:
                if not error.retryable:
                    self.finish(error)
                elif self.link is not None:
                    LOG.warning("resuming failed, so the connection is made again: %s", error.message)
                    self.link.transport.abort()
                return

    def _drop_link(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.transport.close()
            self._closing = link.transport
