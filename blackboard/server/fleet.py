"""Supervised agents: programs of `[agents.NAME]` in `blackboard.toml`, started, watched, scaled and stopped.

Such a program is an agent like any other, in any language: it connects over the port, under the name that it
is told, and works for sources. The server knows no more of it than what its connection shows. An instance
that ends, or that stays without a connection for too long, is started again after a growing wait. When work
of its sources waits and all its instances are busy, another one is started, up to `instances_max`; one that
has had nothing to do for a while is asked to end, down to `instances_min`.

`Fleet.run` is one task; each instance is a task of its own, which owns its process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

from blackboard.config import AgentSettings
from blackboard.core.values import Data
from blackboard.server.workers import (
    BACKOFF_SECONDS_MAX,
    BACKOFF_SECONDS_MIN,
    HEALTHY_SECONDS,
    end_process,
    worker_environment,
)

__all__ = ["Fleet", "InstanceState", "Work"]

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
"""How often the work is looked at."""
BUSY_SECONDS: Final = 3.0
"""How long work must wait before another instance is started."""
IDLE_SECONDS: Final = 30.0
"""How long an instance must have been without work before it is asked to end."""
SILENT_SECONDS: Final = 60.0
"""How long an instance may be without a connection before it is started again."""
DRAIN_SECONDS: Final = 30.0
"""How long an instance that was asked to end may take."""

InstanceState: TypeAlias = Literal["starting", "connected", "waiting", "draining"]
"""`waiting`: it ended, and is started again after a while."""


class Work(Protocol):
    """What the fleet looks at."""

    def is_connected(self, agent: str, /) -> bool:
        """Tell whether an agent is connected."""
        ...

    def leases(self, agent: str, /) -> int:
        """Return how many leases an agent holds."""
        ...

    def is_starved(self, agents: Sequence[str], /) -> bool:
        """Tell whether work waits for the sources of these agents, and nobody has room for it."""
        ...


class _Instance:
    """One process of a program, started again when it ends until it is drained."""

    def __init__(
        self, name: str, command: Sequence[str], directory: str, environment: dict[str, str]
    ) -> None:
        self.name = name
        self.restarts = 0
        self.exit_code: int | None = None
        self.idle_since = asyncio.get_running_loop().time()
        self.silent_since = self.idle_since
        self.is_draining = False
        self.process: asyncio.subprocess.Process | None = None
        self._command = command
        self._directory = directory or None
        self._environment = environment

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = BACKOFF_SECONDS_MIN
        while not self.is_draining:
            started = self.silent_since = loop.time()
            try:
                self.exit_code = await self._run()
                extra = {"agent": self.name, "exit_code": self.exit_code, "restart_seconds": backoff}
                if not self.is_draining:
                    logger.warning("a supervised agent ended", extra=extra)
            except OSError as error:
                extra = {"agent": self.name, "reason": str(error), "restart_seconds": backoff}
                logger.error("a supervised agent cannot be started", extra=extra)
            if self.is_draining:
                return
            if loop.time() - started > HEALTHY_SECONDS:
                backoff = BACKOFF_SECONDS_MIN
            await asyncio.sleep(backoff)
            self.restarts += 1
            backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)

    async def _run(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=self._directory,
            start_new_session=os.name == "posix",
        )
        self.process = process
        try:
            return await process.wait()
        finally:
            self.process = None
            await end_process(process)

    async def drain(self) -> None:
        """Ask it to end, and see to it that it does."""
        self.is_draining = True
        process = self.process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await process.wait()
        await end_process(process)

    async def restart(self) -> None:
        """End a process that does not answer; it is started again."""
        if self.process is not None:
            await end_process(self.process)


class _Program:
    """One program and its instances."""

    def __init__(self, name: str, settings: AgentSettings) -> None:
        self.name = name
        self.settings = settings
        self.instances: dict[_Instance, asyncio.Task[None]] = {}
        self.busy_since: float | None = None

    @property
    def standing(self) -> list[_Instance]:
        """The instances that are not asked to end, oldest first."""
        return [each for each in self.instances if not each.is_draining]


class Fleet:
    """All supervised agents of a server.

    Args:
        settings: The programs by name.
        url: Where they connect.
        token_file: File of the token with which they do.
        environ: Environment of the server, of which they get next to nothing.
        work: What there is to do.
    """

    def __init__(
        self,
        settings: Mapping[str, AgentSettings],
        *,
        url: str,
        token_file: Path,
        environ: Mapping[str, str],
        work: Work,
    ) -> None:
        self._programs = [_Program(name, each) for name, each in settings.items()]
        self._url = url
        self._token_file = token_file
        self._environment = worker_environment(environ)
        self._work = work
        self._others: dict[asyncio.Task[None], None] = {}

    async def run(self) -> None:
        """Start, watch and scale until cancelled; then end everything."""
        try:
            while True:
                for program in self._programs:
                    self._look_at(program)
                await asyncio.sleep(TICK_SECONDS)
        finally:
            tasks = [*self._others, *(task for each in self._programs for task in each.instances.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def views(self) -> list[Data]:
        """Return a `SupervisedView` for each instance, in the order of the settings."""
        return [
            {
                "program": program.name,
                "agent": instance.name,
                "state": self._state(instance),
                "restarts": instance.restarts,
            }
            | ({} if instance.exit_code is None else {"exit_code": instance.exit_code})
            for program in self._programs
            for instance in program.instances
        ]

    def _state(self, instance: _Instance) -> InstanceState:
        if instance.is_draining:
            return "draining"
        if instance.process is None:
            return "waiting"
        return "connected" if self._work.is_connected(instance.name) else "starting"

    # One look.

    def _look_at(self, program: _Program) -> None:
        now = asyncio.get_running_loop().time()
        standing = program.standing
        for instance in standing:
            self._look_at_instance(instance, now)
        if len(standing) < program.settings.instances_min:
            self._start(program)
        elif not self._work.is_starved([each.name for each in standing]):
            program.busy_since = None
            self._shrink(program, now)
        elif program.busy_since is None:
            program.busy_since = now
        elif now - program.busy_since >= BUSY_SECONDS and len(standing) < program.settings.instances_max:
            program.busy_since = None
            self._start(program)

    def _look_at_instance(self, instance: _Instance, now: float) -> None:
        if instance.process is None or self._work.is_connected(instance.name):
            instance.silent_since = now
        elif now - instance.silent_since >= SILENT_SECONDS:
            instance.silent_since = now
            logger.warning("a supervised agent is not connected", extra={"agent": instance.name})
            self._spawn(instance.restart())
        if self._work.leases(instance.name):
            instance.idle_since = now

    def _shrink(self, program: _Program, now: float) -> None:
        standing = program.standing
        if len(standing) <= program.settings.instances_min:
            return
        idle = [each for each in standing if now - each.idle_since >= IDLE_SECONDS]
        if idle:
            self._spawn(idle[-1].drain())

    def _start(self, program: _Program) -> None:
        name = next(name for name in _names(program.name) if name not in {i.name for i in program.instances})
        values = {"url": self._url, "token_file": str(self._token_file), "agent": name}
        settings = program.settings
        told = {f"BLACKBOARD_{key.upper()}": value for key, value in values.items()}
        instance = _Instance(
            name,
            [_filled(word, values) for word in settings.command],
            settings.directory,
            self._environment | told | settings.environment,
        )
        task = asyncio.get_running_loop().create_task(instance.run(), name=f"agent-{name}")
        program.instances[instance] = task
        task.add_done_callback(lambda _: program.instances.pop(instance, None))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._others[task] = None
        task.add_done_callback(lambda done: self._others.pop(done, None))


def _names(program: str) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{program}-{number}"


def _filled(word: str, values: Mapping[str, str]) -> str:
    """Put values in the place of `{url}`, `{token_file}` and `{agent}`; other braces stay."""
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word
