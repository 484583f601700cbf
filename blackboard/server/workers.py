"""Worker processes: one per command, restarted when it ends, stopped with the server.

The server imports none of them. A worker is `python -m blackboard_sources.worker`, an ordinary client that
connects back; one that crashes, leaks or loops forever harms no other. It inherits no environment but the
few variables that a Python process needs, and learns the token's file, not the token. Its standard input is
a pipe that the server holds: it reads end of file there when the server is gone, however it went. Each leads
a process group of its own, and whatever it forked ends with it. Plugins, whose code changes while they run,
are kept by `plugin.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = [
    "BACKOFF_SECONDS_MAX",
    "BACKOFF_SECONDS_MIN",
    "HEALTHY_SECONDS",
    "WorkerSupervisor",
    "end_process",
    "worker_environment",
]

logger = logging.getLogger(__name__)

BACKOFF_SECONDS_MIN: Final = 0.5
BACKOFF_SECONDS_MAX: Final = 30.0
HEALTHY_SECONDS: Final = 30.0
"""A worker that ran this long starts again without delay of earlier failures."""
STOP_SECONDS: Final = 3.0
"""How long a worker may take to end before it is killed."""

_ENVIRONMENT: Final = (
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "PYTHONPATH",
    "SYSTEMROOT",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
)


def worker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a worker inherits of the server's environment."""
    return {name: environ[name] for name in _ENVIRONMENT if name in environ}


class WorkerSupervisor:
    """Runs one process per command, and starts it again when it ends.

    Args:
        commands: Command lines by name.
        environ: Environment of the server, of which the workers get next to nothing.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], *, environ: Mapping[str, str]) -> None:
        self._commands = commands
        self._environment = worker_environment(environ)
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.starts = 0

    @property
    def running(self) -> list[str]:
        """Names of the workers whose process runs."""
        return [name for name, process in self._processes.items() if process.returncode is None]

    def start(self) -> None:
        """Start all workers."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._keep(name, command), name=f"worker-{name}")
            for name, command in self._commands.items()
        ]

    async def stop(self) -> None:
        """Ask all workers to end, and kill those that do not."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _keep(self, name: str, command: Sequence[str]) -> None:
        backoff = BACKOFF_SECONDS_MIN
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                code: int | None = await self._run(name, command)
            except OSError as error:
                logger.error("a worker cannot be started", extra={"worker": name, "reason": str(error)})
                code = None
            if loop.time() - started > HEALTHY_SECONDS:
                backoff = BACKOFF_SECONDS_MIN
            logger.warning(
                "a worker ended", extra={"worker": name, "exit_code": code, "restart_seconds": backoff}
            )
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)

    async def _run(self, name: str, command: Sequence[str]) -> int:
        self.starts += 1
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            env=self._environment,
            start_new_session=os.name == "posix",
        )
        self._processes[name] = process
        try:
            return await process.wait()
        finally:
            del self._processes[name]
            await end_process(process)


async def end_process(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end, kill it if it does not, and then whatever it left behind in its group."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
