"""The watchdog ends a process whose event loop is blocked for good, and no other."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from blackboard_sources.watchdog import EXIT_BLOCKED

SCRIPT = """
import asyncio, time
from blackboard_sources.watchdog import watch_loop

async def main():
    watch_loop(0.4)
    print("watched", flush=True)
    {body}

asyncio.run(main())
"""


def started(body: str) -> subprocess.Popen[str]:
    """Run a loop that does `body` under a watchdog of 0.4 s."""
    code = SCRIPT.format(body=body)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "watched\n"
    return process


@pytest.mark.parametrize("body", ["while True: pass", "time.sleep(60)"])
def test_blocked_loop_ends_the_process_with_the_reason(body: str) -> None:
    _, said = (process := started(body)).communicate(timeout=20)
    assert process.returncode == EXIT_BLOCKED
    assert "a handler has blocked the event loop for 0.4 s" in said


def test_loop_that_waits_is_left_alone() -> None:
    process = started("await asyncio.sleep(1.2)")
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_process_that_was_stopped_goes_on() -> None:
    """Stopped for longer than the bound, it has blocked nothing itself."""
    process = started("await asyncio.sleep(0.5)")
    process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=20)
    assert process.returncode == 0
