"""One server for all tests of the command line, with a board of work on it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.processes import BLACKBOARD, SECONDS_MAX, environment, server
from tests.server.talk import WORD, source, talking


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def run_command(*arguments: str, folder: Path, given: str | None = None, **variables: str) -> Ran:
    """Run `blackboard ARGUMENTS…` to its end."""
    done = subprocess.run(
        [BLACKBOARD, *arguments],
        cwd=folder,
        env=environment(**variables),
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of a running server, and its address.

    The board `work` has two words and a source; an agent called `busy` holds its only lease.
    """
    folder = tmp_path_factory.mktemp("served")
    found: list[str] = []
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with contextlib.AsyncExitStack() as stack:
            served = await stack.enter_async_context(server(folder))
            busy = await stack.enter_async_context(talking(served.url, token=served.token, agent="busy"))
            await busy.call("board.open", board="work", types=[WORD], goal="words")
            declared = source("reader", lease_ms=600_000, accept_ms=600_000, timeout_ms=900_000)
            await busy.call("source.register", source=declared, boards=["work"], credits=1)
            for n in range(2):
                await busy.call("entry.post", board="work", type="Word", data={"n": n}, confidence=0.8)
            await busy.call("entry.link", board="work", kind="supports", source=1, target=2, weight=0.5)
            await busy.until(lambda: bool(busy.of("activation.offered")))
            await busy.call("board.open", board="quiet", types=[WORD])
            found.append(served.url)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(SECONDS_MAX)
        yield folder, found[0]
    finally:
        done.set()
        thread.join()


@pytest.fixture
def cli(place: tuple[Path, str]) -> Run:
    """Run a command against that server, from its folder."""
    folder, url = place

    def run(*arguments: str, given: str | None = None, **variables: str) -> Ran:
        return run_command(*arguments, folder=folder, given=given, **({"BLACKBOARD_URL": url} | variables))

    return run
