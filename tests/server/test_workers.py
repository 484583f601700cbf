"""Worker processes are started, restarted and stopped."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blackboard.server import workers
from blackboard.server.workers import WorkerSupervisor


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def script(text: str) -> list[str]:
    return [sys.executable, "-S", "-c", text]


async def test_a_worker_that_ends_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With a growing wait in between, while others go on."""
    monkeypatch.setattr(workers, "BACKOFF_SECONDS_MIN", 0.01)
    out = tmp_path / "starts"
    crash = script(f"open({str(out)!r}, 'a').write('x'); raise SystemExit(3)")
    steady = script("import sys; sys.stdin.read()")
    supervisor = WorkerSupervisor({"crash": crash, "steady": steady}, environ={})
    supervisor.start()
    try:
        await until(lambda: out.exists() and len(out.read_text()) >= 3)
        assert "steady" in supervisor.running
        assert supervisor.starts >= 4
    finally:
        await supervisor.stop()
    assert supervisor.running == []


async def test_a_worker_sees_no_secret_of_the_servers_environment(tmp_path: Path):
    """Only what a Python process needs is passed on."""
    out = tmp_path / "environment"
    dump = script(f"import os, sys; open({str(out)!r}, 'w').write(' '.join(os.environ)); sys.stdin.read()")
    environ = {"PATH": "/bin", "API_KEY": "secret", "BLACKBOARD_TOKEN": "secret"}
    supervisor = WorkerSupervisor({"dump": dump}, environ=environ)
    supervisor.start()
    try:
        await until(lambda: out.exists() and out.read_text() != "")
    finally:
        await supervisor.stop()
    names = set(out.read_text().split())
    assert "PATH" in names
    assert not names & {"API_KEY", "BLACKBOARD_TOKEN"}


async def test_a_worker_that_ignores_the_request_to_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A busy loop does not keep the server from stopping."""
    monkeypatch.setattr(workers, "STOP_SECONDS", 0.2)
    out = tmp_path / "ready"
    stubborn = script(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"open({str(out)!r}, 'w').write('x')\nwhile True: time.sleep(1)"
    )
    supervisor = WorkerSupervisor({"stubborn": stubborn}, environ={})
    supervisor.start()
    await until(out.exists)
    async with asyncio.timeout(5):
        await supervisor.stop()
    assert supervisor.running == []


async def test_a_command_that_cannot_be_run_is_tried_again(caplog: pytest.LogCaptureFixture):
    """It is logged, and stops nothing else."""
    supervisor = WorkerSupervisor({"missing": ["/no/such/program"]}, environ={})
    supervisor.start()
    await until(lambda: len(caplog.records) >= 2)
    await supervisor.stop()
    assert caplog.records[0].getMessage() == "a worker cannot be started"
