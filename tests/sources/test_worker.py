"""The worker process: it works, stops cleanly, ends with its parent, and says what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.fake_server import refuse, serving
from tests.sources.test_agent import offer

PLUGIN = """\
import asyncio, time
from blackboard import Context, Entry, Hypothesis, Post, knowledge_source

class Word(Hypothesis, level="word"):
    text: str

@knowledge_source
async def act(ctx: Context, word: Entry[Word]) -> Post:
    {body}
    return Post(Word(text="done"))
"""


@contextlib.asynccontextmanager
async def working(
    folder: Path, url: str, body: str = "pass", *more: str, stdin: int = asyncio.subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a worker on a plugin whose handler does `body`."""
    plugin = folder / "plugin.py"
    plugin.write_text(PLUGIN.format(body=body))
    token = folder / "token"
    token.write_text("secret\n")
    command = ["--url", url, "--token-file", str(token), "--file", str(plugin), *more]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "blackboard_sources.worker",
        *command,
        stdin=stdin,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def code_of(process: asyncio.subprocess.Process, seconds: float = 20) -> int:
    return await asyncio.wait_for(process.wait(), seconds)


async def test_worker_runs_the_sources_of_its_file(tmp_path: Path) -> None:
    async with serving() as server, working(tmp_path, server.url, "pass", "--agent", "w") as process:
        await server.wait_for("source.register")
        (hello,) = server.said("session.hello")
        assert (hello["token"], hello["agent"]) == ("secret", "w")
        server.notify("activation.offered", offer())
        (report,) = await server.wait_for("activation.complete")
        assert report["contributions"][0]["data"] == {"text": "done"}
        process.send_signal(signal.SIGTERM)
        assert await code_of(process) == 0


async def test_stopped_worker_finishes_what_it_does(tmp_path: Path) -> None:
    async with (
        serving() as server,
        working(tmp_path, server.url, "await asyncio.sleep(0.5)", "--grace", "10") as process,
    ):
        await server.wait_for("source.register")
        server.notify("activation.offered", offer())
        await server.wait_for("activation.accept")
        process.send_signal(signal.SIGTERM)
        await server.wait_for("activation.complete")
        assert await code_of(process) == 0


async def test_stopped_worker_gives_back_what_does_not_finish(tmp_path: Path) -> None:
    async with (
        serving() as server,
        working(tmp_path, server.url, "await asyncio.sleep(60)", "--grace", "0.1") as process,
    ):
        await server.wait_for("source.register")
        server.notify("activation.offered", offer())
        await server.wait_for("activation.accept")
        process.send_signal(signal.SIGTERM)
        (report,) = await server.wait_for("activation.fail")
        assert report["error"] == "the agent stopped"
        assert await code_of(process) == 0


@pytest.mark.parametrize("body", ["pass", "time.sleep(600)"])
async def test_worker_ends_with_the_process_that_holds_its_input(tmp_path: Path, body: str) -> None:
    """Even if a handler blocks the event loop, so that no signal handler of Python runs."""
    async with (
        serving() as server,
        working(tmp_path, server.url, body, "--grace", "0.1", stdin=asyncio.subprocess.PIPE) as process,
    ):
        await server.wait_for("source.register")
        if body != "pass":
            server.notify("activation.offered", offer())
            await asyncio.sleep(0.2)
        assert process.returncode is None
        assert process.stdin is not None
        process.stdin.close()
        assert await code_of(process) in {0, 3}


async def test_worker_without_a_server_says_so(tmp_path: Path) -> None:
    async with serving() as server:
        url = server.url
    async with working(tmp_path, url) as process:
        assert await code_of(process) == 3
        assert process.stderr is not None
        assert f"cannot reach {url}" in (await process.stderr.read()).decode()


async def test_refused_source_ends_the_worker_with_the_reason(tmp_path: Path) -> None:
    async with serving() as server:
        server.scripts["source.register"] = refuse("source_conflict", "another trigger is called act")
        async with working(tmp_path, server.url) as process:
            assert await code_of(process) == 1
            assert process.stderr is not None
            assert "another trigger is called act" in (await process.stderr.read()).decode()


async def test_broken_file_is_reported_with_its_line_and_nothing_else(tmp_path: Path) -> None:
    async with serving() as server, working(tmp_path, server.url, "x = (") as process:
        assert await code_of(process) == 1
        assert process.stderr is not None
        said = (await process.stderr.read()).decode()
        assert "plugin.py:9: SyntaxError" in said
        assert "Traceback" not in said
