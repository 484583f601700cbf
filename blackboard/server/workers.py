"""Plugin workers: one process per plugin file, restarted when it ends, stopped with the server.

The server imports none of them. A worker is `python -m blackboard_sources.worker`, an ordinary client that
connects back; a plugin that crashes, leaks or loops forever harms no other. It inherits no environment but
the few variables that a Python process needs, and learns the token's file, not the token. Its standard
input is a pipe that the server holds: it reads end of file there when the server is gone, however it went.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

__all__ = ["WorkerSupervisor", "find_plugins", "worker_command"]

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


def find_plugins(folder: Path) -> list[Path]:
    """Return the plugin files of a folder by name; names that begin with `_` or `.` are no plugins."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("*.py") if path.name[0] not in "_.")


def worker_command(plugin: Path, *, url: str, token_file: Path) -> list[str]:
    """Return the command line of a plugin's worker."""
    return [
        sys.executable,
        "-m",
        "blackboard_sources.worker",
        "--url",
        url,
        "--token-file",
        str(token_file),
        "--file",
        str(plugin),
    ]


class WorkerSupervisor:
    """Runs one process per command, and starts it again when it ends.

    Args:
        commands: Command lines by name.
        environ: Environment of the server, of which the workers get next to nothing.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], *, environ: Mapping[str, str]) -> None:
        self._commands = commands
        self._environment = {name: environ[name] for name in _ENVIRONMENT if name in environ}
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
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
