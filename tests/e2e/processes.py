"""Real processes for tests: servers, agents and commands, each ended with its test.

Everything runs by the installed `blackboard` command, in a folder of the test's own and with an environment
that holds no settings of whoever runs the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

BLACKBOARD = str(Path(sys.executable).with_name("blackboard"))
SECONDS_MAX = 30.0
"""Longest wait for any one condition; the machine may be busy."""

T = TypeVar("T")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a child: ours without settings and colours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BLACKBOARD_")}
    return ours | {"NO_COLOR": "1", "COLUMNS": "200"} | more


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def poll(ask: Callable[[], Awaitable[T]], *, seconds: float = SECONDS_MAX) -> T:
    """Return the first truthy answer; ask again until then."""
    answer = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                answer = await ask()
                if answer:
                    return answer
                await asyncio.sleep(0.02)
    raise AssertionError(f"not so within {seconds} s; the last answer was {answer!r}")


@dataclass
class Child:
    """One process, with its output in files."""

    process: asyncio.subprocess.Process
    out: Path
    err: Path

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    @property
    def said(self) -> str:
        """What it wrote to standard output."""
        return self.out.read_text(encoding="utf-8")

    @property
    def complained(self) -> str:
        """What it wrote to standard error."""
        return self.err.read_text(encoding="utf-8")

    async def until_said(self, words: str) -> str:
        """Wait until it has written `words` to standard output, and return the first line with them."""

        async def line() -> str | None:
            found = next((each for each in self.said.splitlines(keepends=True) if words in each), "")
            if not found.endswith("\n") and self.process.returncode is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.complained}")
            return found if found.endswith("\n") else None

        return str(await poll(line))

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def code(self, seconds: float = SECONDS_MAX) -> int:
        """Wait for the end, and return the exit code."""
        return await asyncio.wait_for(self.process.wait(), seconds)

    async def kill_9(self) -> None:
        """End it without a word."""
        self.send(signal.SIGKILL)
        assert await self.code() == -signal.SIGKILL

    async def stop(self, seconds: float = SECONDS_MAX) -> int:
        """Ask it to end, and return the exit code."""
        self.send(signal.SIGTERM)
        return await self.code(seconds)


_count = 0


@contextlib.asynccontextmanager
async def command(*arguments: str, folder: Path, **variables: str) -> AsyncIterator[Child]:
    """Run `blackboard ARGUMENTS…` in a folder; whatever is left of it at the end is killed."""
    global _count  # noqa: PLW0603 - only names of files
    _count += 1
    out, err = (folder / f".{arguments[0]}-{_count}.{kind}" for kind in ("out", "err"))
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            BLACKBOARD,
            *arguments,
            cwd=folder,
            env=environment(**variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield Child(process, out, err)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(*arguments: str, folder: Path, **variables: str) -> tuple[int, str, str]:
    """Run a command to its end; return its exit code, output and complaints."""
    async with command(*arguments, folder=folder, **variables) as child:
        code = await child.code()
        return code, child.said, child.complained


@dataclass
class Served:
    """A server in a process of its own, in `folder` (with its data in `.blackboard`)."""

    child: Child
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where agents connect."""
        return f"ws://127.0.0.1:{self.port}/v1"

    @property
    def token(self) -> str:
        """The local token."""
        return (self.folder / ".blackboard" / "token").read_text(encoding="ascii").strip()

    async def cli(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command against this server, from its folder."""
        return await run(*arguments, folder=self.folder, BLACKBOARD_URL=self.url)


@contextlib.asynccontextmanager
async def server(folder: Path, *, port: int = 0, **limits: Any) -> AsyncIterator[Served]:
    """Run `blackboard serve` in a folder, with some limits set, until it serves."""
    named = {f"BLACKBOARD_LIMITS_{name.upper()}": str(value) for name, value in limits.items()}
    async with command("serve", "--port", str(port), folder=folder, **named) as child:
        line = await child.until_said("ws://")
        found = int(line.split("ws://127.0.0.1:")[1].split("/")[0])
        yield Served(child, folder, found)


def now_ms() -> float:
    """Return the wall clock in milliseconds, as records have it."""
    return time.time() * 1_000
