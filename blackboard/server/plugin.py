"""One plugin: the process that serves its last good version, and the next version on trial beside it.

A version is the bytes that were read, not the file: they are handed to the worker over its standard input,
so a restart runs what ran before, whatever stands in the file by then. A new version starts as a second
process. Only when the server has taken its sources does it serve, and the former process drains: it takes no
more work, finishes what it runs, and ends. A version that cannot be imported, is refused, or does not get
ready in time is ended and reported, and the former one goes on.

What that means for work, on every board that a source covers:

- same trigger: what is pending goes on, with the new code;
- another trigger: what is pending under the former one is void, what is leased runs to its end;
- source or file gone: its source is disabled and what is pending waits, unleased, for its return.

Lives as one task per plugin (`Plugin.run`), which owns all processes of that plugin.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from blackboard.server.workers import (
    BACKOFF_SECONDS_MAX,
    BACKOFF_SECONDS_MIN,
    HEALTHY_SECONDS,
    end_process,
)

__all__ = ["Keeper", "Loaded", "LoadedSource", "News", "Plugin", "State", "Version"]

logger = logging.getLogger(__name__)

READY_SECONDS: Final = 60.0
"""How long a version may take to import and register."""
SUPERSEDED_SECONDS: Final = 3.0
"""How long it may take once a newer version is there."""
DRAIN_MARGIN_SECONDS: Final = 2.0
"""How much longer than its longest timeout a former version may take to finish."""
DRAINING_MAX: Final = 4
"""Former versions that finish at a time; beyond it the oldest gives its work back."""
REPORT_BYTES_MAX: Final = 1_048_576
"""Longest report of a worker."""

State: TypeAlias = Literal["starting", "serving", "stale", "failing"]
"""`stale`: an older version serves, since the newest was refused; `failing`: none serves."""


class LoadedSource(msgspec.Struct, frozen=True):
    """A source that a worker says it works for."""

    source: str
    trigger: str
    produces: tuple[str, ...] = ()


class Loaded(msgspec.Struct, frozen=True):
    """What a worker says when it is ready, or why it is not."""

    agent: str = ""
    sources: tuple[LoadedSource, ...] = ()
    drain_seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """Something to run: equal digests mean equal behaviour.

    Args:
        digest: Identity of the content.
        command: Command line of the worker, without its channel to us.
        code: What it reads on its standard input first.
    """

    digest: str
    command: tuple[str, ...]
    code: bytes | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What happened to a plugin, for people.

    Args:
        kind: What.
        plugin: Its name.
        sources: The sources that it concerns.
        error: What is wrong, with file and line.
        serving_since: When the version that goes on began to serve, in seconds since 1970.
    """

    kind: Literal["loaded", "reloaded", "retired", "refused"]
    plugin: str
    sources: tuple[LoadedSource, ...] = ()
    error: str = ""
    serving_since: float | None = None


class Keeper(Protocol):
    """Who owns the plugins."""

    environment: dict[str, str]
    """The environment of every worker."""

    def tell(self, news: News, /) -> None:
        """Tell people."""
        ...

    def retire(self, source: str, agents: Sequence[str], /) -> bool:
        """Disable a source for which nobody but `agents` works; tell whether it was."""
        ...


@dataclass(eq=False, slots=True)
class _Process:
    version: Version
    process: asyncio.subprocess.Process
    report: asyncio.Task[Loaded]
    ended: asyncio.Task[int]
    started: float
    loaded: Loaded = field(default_factory=Loaded)

    @property
    def is_running(self) -> bool:
        return not self.ended.done()


class Plugin:
    """One plugin.

    Args:
        name: Its name: that of its file, or of its module.
        version: What to run first.
        keeper: Who owns it.
    """

    def __init__(self, name: str, version: Version, keeper: Keeper) -> None:
        self.name = name
        self.error = ""
        self.restarts = 0
        self.since: float | None = None
        self._keeper = keeper
        self._wanted = version
        self._refused: Version | None = None
        self._good: Version | None = None
        self._serving: _Process | None = None
        self._trial: _Process | None = None
        self._agents: dict[str, None] = {}
        self._draining: dict[asyncio.Task[None], None] = {}
        self._changed = asyncio.Event()
        self._is_removed = False
        self._backoff = BACKOFF_SECONDS_MIN
        self._loop = asyncio.get_running_loop()

    # Questions.

    @property
    def sources(self) -> tuple[LoadedSource, ...]:
        """The sources of the version that serves."""
        return () if self._serving is None else self._serving.loaded.sources

    @property
    def state(self) -> State:
        """How it stands."""
        if self._serving is not None and self._serving.is_running:
            return "stale" if self.error else "serving"
        return "failing" if self.error else "starting"

    # What the keeper asks.

    def update(self, version: Version) -> None:
        """Run this version from now on, as soon as it proves good."""
        if version == self._wanted:
            return
        self._wanted = version
        if version == self._good and self.error:
            self.error, self._refused = "", None
            self._tell("reloaded", sources=self.sources)
        self._changed.set()

    def remove(self) -> None:
        """Disable its sources, let it finish, and end."""
        self._is_removed = True
        self._changed.set()

    async def run(self) -> None:
        """Keep the plugin until it is removed; cancelling ends all its processes."""
        try:
            while not self._is_removed:
                self._changed.clear()
                version = self._next()
                if version is not None:
                    await self._try(version)
                else:
                    await self._wait_news()
            self._retire(self.sources)
            if self._serving is not None:
                self._drain(self._serving)
            while self._draining:
                await asyncio.wait(self._draining)
        finally:
            await self._end_all()

    # Its turns.

    @property
    def _is_newer_wanted(self) -> bool:
        return self._wanted not in (self._good, self._refused)

    def _next(self) -> Version | None:
        """Return the version to start now, if any."""
        if self._is_newer_wanted:
            return self._wanted
        if self._serving is not None and self._serving.is_running:
            return None
        return self._good or self._wanted

    async def _wait_news(self) -> None:
        """Wait until something is to be done; a process that ended is started again after a while."""
        assert self._serving is not None, "there is something to start as long as nothing serves"
        process = self._serving
        await self._first(process.ended, None)
        if process.is_running:
            return
        code = process.ended.result()
        self.restarts += 1
        if self._loop.time() - process.started > HEALTHY_SECONDS:
            self._backoff = BACKOFF_SECONDS_MIN
        self._log_end(code)
        await self._pause()

    def _log_end(self, code: int) -> None:
        name = self.name.removesuffix(".py")
        extra = {"worker": name, "exit_code": code, "restart_seconds": self._backoff}
        logger.warning("a worker ended", extra=extra)

    async def _pause(self) -> None:
        """Wait before the same version is started again, longer each time; a newer version starts at once."""
        if not self._is_newer_wanted and not self._is_removed:
            await self._first(None, self._backoff)
        self._backoff = min(self._backoff * 2, BACKOFF_SECONDS_MAX)

    async def _first(
        self, task: asyncio.Task[int] | asyncio.Task[Loaded] | None, seconds: float | None
    ) -> None:
        """Wait for a task or a change, whichever comes first, at most `seconds`."""
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            waited = [changed] if task is None else [changed, task]
            await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()

    async def _try(self, version: Version) -> None:
        """Start a version; let it serve, or say what is wrong with it."""
        try:
            process = await self._start(version)
        except OSError as error:
            loaded = Loaded(error=f"{self.name}: cannot be started: {error}")
        else:
            loaded = await self._report_of(process)
            if not loaded.error:
                self._serve(process, loaded)
                return
            await self._end_trial()
        if self._is_removed or version not in (self._wanted, self._good):
            return  # There is something newer to try, so nobody needs to know.
        is_known = version == self._refused and loaded.error == self.error
        self.error, self._refused = loaded.error, version
        if not is_known:
            self._tell("refused", error=loaded.error)
        if self._serving is None or not self._serving.is_running:
            await self._pause()

    async def _start(self, version: Version) -> _Process:
        reading, writing = os.pipe()
        try:
            more = ["--status-fd", str(writing)]
            if version.code is not None:
                more += ["--code-bytes", str(len(version.code))]
            process = await asyncio.create_subprocess_exec(
                *version.command,
                *more,
                stdin=asyncio.subprocess.PIPE,
                env=self._keeper.environment,
                start_new_session=os.name == "posix",
                pass_fds=(writing,),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        if version.code is not None and process.stdin is not None:
            process.stdin.write(version.code)
        self._trial = trial = _Process(
            version=version,
            process=process,
            report=self._loop.create_task(_read_report(reading)),
            ended=self._loop.create_task(process.wait()),
            started=self._loop.time(),
        )
        return trial

    async def _report_of(self, process: _Process) -> Loaded:
        """Wait for what a new process says; time is short once there is something newer to try."""
        while not process.report.done():
            is_superseded = self._is_removed or self._wanted != process.version != self._good
            limit = SUPERSEDED_SECONDS if is_superseded else READY_SECONDS
            left = process.started + limit - self._loop.time()
            if left <= 0:
                what = "a newer version came" if is_superseded else f"it was not ready within {limit:g} s"
                return Loaded(error=f"{self.name}: given up, since {what}")
            self._changed.clear()
            await self._first(process.report, left)
        loaded = process.report.result()
        if not loaded.error and not loaded.sources:
            code = await process.ended
            self._log_end(code)
            return Loaded(error=f"{self.name}: its process ended with code {code} before it was ready")
        return loaded

    def _serve(self, process: _Process, loaded: Loaded) -> None:
        process.loaded = loaded
        former, self._serving, self._trial = self._serving, process, None
        is_restart = process.version == self._good
        self._good = process.version
        self._agents[loaded.agent] = None
        if not is_restart or self.since is None:
            self.since = time.time()
        if process.version == self._wanted:
            self.error, self._refused = "", None
        if not is_restart:
            self._backoff = BACKOFF_SECONDS_MIN
            self._tell("loaded" if former is None else "reloaded", sources=loaded.sources)
        if former is not None:
            kept = {each.source for each in loaded.sources}
            self._retire([each for each in former.loaded.sources if each.source not in kept])
            self._drain(former)

    def _retire(self, sources: Sequence[LoadedSource]) -> None:
        gone = tuple(each for each in sources if self._keeper.retire(each.source, list(self._agents)))
        if gone:
            self._tell("retired", sources=gone)

    def _tell(
        self,
        kind: Literal["loaded", "reloaded", "retired", "refused"],
        *,
        sources: tuple[LoadedSource, ...] = (),
        error: str = "",
    ) -> None:
        is_running = self._serving is not None and self._serving.is_running
        since = self.since if is_running else None
        self._keeper.tell(News(kind, self.name, sources, error, since))

    # Endings.

    def _drain(self, process: _Process) -> None:
        """Let a former process finish, apart from everything else."""
        task = self._loop.create_task(self._drained(process))
        self._draining[task] = None
        task.add_done_callback(lambda done: self._draining.pop(done, None))
        for oldest in list(self._draining)[:-DRAINING_MAX]:
            oldest.cancel()

    async def _drained(self, process: _Process) -> None:
        try:
            if process.is_running and process.process.stdin is not None:
                process.process.stdin.write(b"drain\n")
            async with asyncio.timeout(process.loaded.drain_seconds + DRAIN_MARGIN_SECONDS):
                await asyncio.shield(process.ended)
        except TimeoutError:
            logger.warning("a former version is still at work and is ended", extra={"plugin": self.name})
        finally:
            await end_process(process.process)
            self._agents.pop(process.loaded.agent, None)

    async def _end_trial(self) -> None:
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.report.cancel()
            await end_process(trial.process)

    async def _end_all(self) -> None:
        for task in list(self._draining):
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)
        await self._end_trial()
        if self._serving is not None:
            await end_process(self._serving.process)


async def _read_report(descriptor: int) -> Loaded:
    """Read the one line of a worker; one that ends without a word said nothing."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=REPORT_BYTES_MAX)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb", buffering=0))
    try:
        line = await reader.readline()
        return msgspec.json.decode(line, type=Loaded) if line else Loaded()
    except (ValueError, msgspec.MsgspecError) as error:
        return Loaded(error=f"its process said what no worker says: {error}")
    finally:
        with contextlib.suppress(OSError):
            transport.close()
