"""The composition root: one server, put together, started and stopped.

`Server` opens the store, replays all boards, listens, and stops in order: it takes no more requests, answers
those that it took, closes the connections, ends the workers and lets go of the store.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from blackboard.config import Config
from blackboard.core.commands import ExpireLease, OpenBoard, Request
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.ready import Answer, Offer, Withdrawal
from blackboard.core.values import Data
from blackboard.server.agents import AgentTable
from blackboard.server.auth import TOKEN_FILE, Grant, TokenBook, bearer_of, local_token
from blackboard.server.channels import Channels
from blackboard.server.dispatch import DISPATCH
from blackboard.server.fleet import Fleet
from blackboard.server.host import Host
from blackboard.server.hosted import HostedBoard
from blackboard.server.http import PATH, Page, Site
from blackboard.server.leases import LeaseTable, LiveLease
from blackboard.server.metrics import Metrics
from blackboard.server.plugin import News
from blackboard.server.plugins import Plugins
from blackboard.server.ports import describe_owner
from blackboard.server.seams import SERVER
from blackboard.server.session import Services, Session
from blackboard.server.subscriptions import Subscriptions
from blackboard.server.transport import Channel
from blackboard.store import MemoryStore, SqliteStore, Store
from blackboard.wire.connection import HttpRequest
from blackboard.wire.handshake import LOCAL_HOSTS, check_handshake

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["DATABASE_FILE", "Server"]

logger = logging.getLogger(__name__)

DATABASE_FILE: Final = "board.db"

_GC_THRESHOLDS: Final = (50_000, 20, 100)
"""Collections that seldom run: nearly everything that lives long is on a board, and in no cycle."""

_BACKLOG: Final = 1_024
"""Connections that the operating system may keep waiting for us."""

_LOG_READS_MAX: Final = 4
"""Pages of the log held in memory at a time for export; the others wait their turn."""

_CLOSE_SHARE: Final = 0.35
"""Share of the stop deadline for each of the two waits: for answers, and for good-byes."""


class Server:
    """One server, from the first line of its log to its last connection; an async context manager.

    Args:
        config: How it is run.
        store: Where the logs are kept; by default what the configuration says.
        tell: Told what happens to plugins, for people; by default it goes to the log.

    Raises:
        BlackboardError: On entering, if the port or the store is taken or cannot be used, or the log does
            not verify.
    """

    def __init__(
        self, config: Config, *, store: Store | None = None, tell: Callable[[News], None] | None = None
    ) -> None:
        self.config = config
        self.metrics = Metrics()
        self.token = ""
        self.port = config.port
        self.is_ready = False
        self._store = store
        self._failure: asyncio.Future[None] | None = None
        self._ending: AsyncExitStack | None = None
        self._tell = tell or _log_news
        self._plugins: Plugins | None = None
        self._fleet: Fleet | None = None
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """Where agents connect."""
        return f"ws://{self._authority}{PATH}"

    @property
    def page_url(self) -> str:
        """Where people look, token included; it stands in the fragment, which is never sent."""
        return f"http://{self._authority}/#t={self.token}"

    @property
    def token_file(self) -> Path:
        """Where the local token is kept."""
        return self.config.data_path / TOKEN_FILE

    @property
    def workers(self) -> list[str]:
        """Names of the plugin workers that run."""
        return [] if self._plugins is None else self._plugins.running

    @property
    def _authority(self) -> str:
        host = self.config.host
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - named here, not listened on
        shown = everywhere.get(host, f"[{host}]" if ":" in host else host)
        return f"{shown}:{self.port}"

    # Starting.

    async def __aenter__(self) -> Self:
        """Start; on return the server is ready. Whatever was started is pushed on the stack to be ended."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._ending = stack.pop_all()
        return self

    async def _start(self, stack: AsyncExitStack) -> None:
        config, limits, counters = self.config, self.config.limits, self.metrics.counters
        seconds = limits.stop_deadline_ms / 1_000 * _CLOSE_SHARE
        self._failure = asyncio.get_running_loop().create_future()
        self.token = local_token(config.data_path)
        self._tokens = TokenBook(self.token)
        store = await stack.enter_async_context(self._store or _store_of(config))
        self._leases = LeaseTable(self._lapsed)
        stack.callback(self._leases.close)
        self._subscriptions = Subscriptions(store, counters=counters, limits=limits)
        stack.push_async_callback(self._subscriptions.close)
        self._agents = AgentTable(self._leases, limits=limits)
        self._host = Host(
            store,
            leases=self._leases,
            subscriptions=self._subscriptions,
            counters=counters,
            limits=limits,
            listener=self,
        )
        self._agents.host = self._host
        stack.push_async_callback(self._host.close)
        _hold_collector(stack)
        await self._host.load()
        for token in self._host.system.machine.tokens.values():
            self._tokens.add(token.hash, Grant.of(token.name, token.kind, token.scopes))
        for hosted in self._host:
            self._agents.detach_recorded(hosted)
        await self._open_default_board()
        self._services = Services(
            host=self._host,
            agents=self._agents,
            leases=self._leases,
            subscriptions=self._subscriptions,
            store=store,
            tokens=self._tokens,
            counters=counters,
            limits=limits,
            methods=DISPATCH,
            log_reads=asyncio.Semaphore(_LOG_READS_MAX),
            plugins=self._plugin_views,
            supervised=self._supervised_views,
            version=_version(),
        )
        self._channels = Channels(self, limits=limits, counters=counters)
        stack.push_async_callback(self._channels.close, seconds)
        self._site = Site(tokens=self._tokens, metrics=self.metrics, is_ready=lambda: self.is_ready)
        self._add_gauges(store)
        _settle_memory(stack)
        stack.push_async_callback(self._quiet, seconds)
        await self._listen(stack)
        self.is_ready = True
        self._start_plugins()
        self._start_fleet()
        logger.info("serving", extra={"url": self.url, "boards": len(self._host)})

    async def _listen(self, stack: AsyncExitStack) -> None:
        config = self.config
        loop = asyncio.get_running_loop()
        own = f"[{config.host}]" if ":" in config.host else config.host
        named = (*LOCAL_HOSTS, own.lower(), *(host.lower() for host in config.hosts))
        self._hosts = frozenset(named)
        try:
            listener = await loop.create_server(
                self._channels.make, config.host, config.port, backlog=_BACKLOG
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                what = f"port {config.port} is in use{describe_owner(config.port)}"
            else:
                what = f"cannot listen on {config.host} port {config.port}: {error.strerror or error}"
            raise BlackboardError(
                "invalid_settings", f"{what}. Open http://{self._authority} or pass --port 0."
            ) from error
        stack.callback(listener.close)
        self.port = listener.sockets[0].getsockname()[1]

    async def _open_default_board(self) -> None:
        name = self.config.default_board
        if not name or self._host.find(name) is not None:
            return
        opened: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        command = OpenBoard(board=name, goal="Whatever is posted here")
        self._host.open(Request(principal=SERVER, command=command), command, (), opened.set_result)
        answer = await opened
        if isinstance(answer, Rejected):
            raise BlackboardError(answer.code, f"the default board cannot be opened: {answer.message}")

    def _start_plugins(self) -> None:
        config = self.config
        if not config.sources_dir:
            return
        self._plugins = Plugins(
            Path(config.sources_dir),
            settings=config.workers,
            url=self.url,
            token_file=self.token_file.absolute(),
            environ=os.environ,
            tell=self._tell,
            retire=self._retire,
        )
        task = asyncio.get_running_loop().create_task(self._plugins.run(), name="plugins")
        self._keepers.append(task)

    def _start_fleet(self) -> None:
        if not self.config.agents:
            return
        self._fleet = Fleet(
            self.config.agents,
            url=self.url,
            token_file=self.token_file.absolute(),
            environ=os.environ,
            work=self._agents,
        )
        self._keepers.append(asyncio.get_running_loop().create_task(self._fleet.run(), name="fleet"))

    def _supervised_views(self) -> list[Data]:
        return [] if self._fleet is None else self._fleet.views()

    def _plugin_views(self) -> list[Data]:
        return [] if self._plugins is None else self._plugins.views()

    def _retire(self, source: str, agents: Sequence[str]) -> bool:
        return self._agents.retire(source, without=agents)

    async def _stop_keepers(self) -> None:
        for task in self._keepers:
            task.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def _add_gauges(self, store: Store) -> None:
        gauge, host = self.metrics.gauge, self._host
        gauge("boards", "Boards served.", lambda: len(host))
        gauge("open_connections", "Connections open now.", lambda: len(self._channels))
        gauge("connected_agents", "Agents connected now.", lambda: len(self._agents))
        gauge("live_leases", "Leases that are live now.", lambda: len(self._leases))
        gauge("watches", "Subscriptions.", lambda: self._subscriptions.statistics()["watches"])
        gauge(
            "watches_behind", "Subscriptions catching up.", lambda: self._subscriptions.statistics()["behind"]
        )
        gauge("inbox_requests", "Requests that wait for a turn.", lambda: host.statistics()["inbox"])
        gauge("ahead_batches", "Batches on their way to disk.", lambda: host.statistics()["ahead"])
        gauge("store_queued_commits", "Commits that wait for the store.", lambda: store.statistics().queued)
        gauge("outgoing_bytes", "Bytes queued for all connections.", self._channels.queued_bytes)

    # Stopping.

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop within `stop_deadline_ms`, stalled peers or not."""
        self.is_ready = False
        ending, self._ending = self._ending, None
        if ending is not None:
            await ending.aclose()

    async def _quiet(self, seconds: float) -> None:
        """End the workers, and meanwhile answer what was taken."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stop_keepers())
            group.create_task(_within(seconds, self._host.drain()))

    async def wait_failed(self) -> None:
        """Wait until the server cannot go on.

        Raises:
            BlackboardError: Why: `storage_failed` or `log_corrupt`.
        """
        assert self._failure is not None, "the server was started"
        await asyncio.shield(self._failure)

    # What the host says.

    def offered(self, offer: Offer) -> None:
        """Send a lease to its agent."""
        self._agents.offered(offer)

    def withdrawn(self, withdrawal: Withdrawal) -> None:
        """Tell an agent that its lease is over."""
        self._agents.withdrawn(withdrawal)

    def opened(self, hosted: HostedBoard) -> None:
        """Bring sources and agents to a board that was opened."""
        self._agents.opened(hosted)

    def failed(self, error: BlackboardError) -> None:
        """Acknowledge nothing more; whoever waits in `wait_failed` ends the server."""
        self.is_ready = False
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)
            self._failure.exception()  # It is no fault if nobody waits for it.

    def _lapsed(self, lease: LiveLease) -> None:
        self.metrics.counters.leases_lapsed += 1
        offer = lease.offer
        hosted = self._host.find(offer.board)
        if hosted is not None:
            command = ExpireLease(activation=offer.activation, token=offer.token, accepted=lease.accepted)
            hosted.writer.insist(command)

    # What the channels say.

    def http(self, channel: Channel, request: HttpRequest) -> None:
        """Open a session, or answer a plain request."""
        connection = channel.connection
        fault = check_handshake(request.headers, allowed_hosts=self._hosts)
        if fault is not None:
            self.metrics.counters.connections_refused += 1
            connection.reject(403, fault)
        elif request.upgrade and request.target.partition("?")[0] == PATH:
            channel.session = Session(channel, self._services, bearer=bearer_of(request.headers))
            channel.handle(connection.accept())
        else:
            page = self._page(request)
            connection.respond(page.status, page.all_headers, page.body)

    def _page(self, request: HttpRequest) -> Page:
        try:
            return self._site.answer(request)
        except Exception:
            logger.exception("a page failed", extra={"path": request.target.partition("?")[0][:200]})
            return Page(500, "text/plain; charset=utf-8", b"The server failed; see its log.\n")

    def texts(self, channel: Channel, payloads: list[bytes]) -> None:
        """Pass messages to their session."""
        assert isinstance(channel.session, Session), "messages come only once a websocket is open"
        channel.session.texts(payloads)

    def drained(self, channel: Channel) -> None:
        """Go on with what waited for the connection."""
        self._subscriptions.drained(channel)

    def closed(self, channel: Channel) -> None:
        """End the session."""
        if isinstance(channel.session, Session):
            channel.session.closed()


def _log_news(news: News) -> None:
    level = logging.WARNING if news.error else logging.INFO
    names = [each.source for each in news.sources]
    extra = {"plugin": news.plugin, "sources": names, "error": news.error}
    logger.log(level, "a plugin was %s", news.kind, extra=extra)


async def _within(seconds: float, work: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        logger.warning("not everything could be answered before stopping")


def _store_of(config: Config) -> Store:
    if config.is_ephemeral:
        return MemoryStore()
    path = config.data_path / DATABASE_FILE
    return SqliteStore(path, durability="relaxed" if config.durability == "relaxed" else "full")


def _hold_collector(stack: AsyncExitStack) -> None:
    """Keep the garbage collector from searching, again and again, what is being loaded."""
    if gc.isenabled():
        stack.callback(gc.enable)
        gc.disable()
    stack.callback(gc.set_threshold, *gc.get_threshold())


def _settle_memory(stack: AsyncExitStack) -> None:
    """Take what was loaded out of the collector's sight: with many live objects it costs the most."""
    stack.callback(gc.unfreeze)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.enable()


def _version() -> str:
    try:
        return version("blackboard-server")
    except PackageNotFoundError:
        return "0"
