"""A real server with agents in processes of their own, on which incidents are diagnosed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blackboard_sources.incident.diagnosis import Diagnosis, open_case, read_diagnosis
from cases import Case

from blackboard import BlackboardError, Session, open_session
from blackboard.config import Config
from blackboard.server.app import Server

__all__ = ["AGENTS", "Arena", "Result", "open_arena"]

AGENTS = 2
"""Agent processes; each works for all sources, and the server gives each activation to one of them."""

READY_SECONDS_MAX = 30.0
DIAGNOSIS_SECONDS_MAX = 90.0
STOP_SECONDS_MAX = 10.0

_WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True, slots=True)
class Result:
    """How one case ended, how long it took, and how many activations were executed."""

    case: Case
    diagnosis: Diagnosis
    seconds: float
    activations: int


class Arena:
    """A running server with its agents; `open_arena` makes it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def diagnose(self, case: Case) -> Result:
        """Open a board for a case, wait for its end and read it.

        Raises:
            BlackboardError: `timed_out`, or what the server refuses.
        """
        started = time.monotonic()
        board = await open_case(self._session, case.name, case.incident)
        await board.wait_ended(DIAGNOSIS_SECONDS_MAX)
        seconds = time.monotonic() - started
        query = {"board": board.name, "state": "executed", "limit": 10_000}
        agenda = await self._session.request("agenda.list", query)
        return Result(case, await read_diagnosis(board), seconds, len(agenda["activations"]))


@contextlib.asynccontextmanager
async def open_arena(folder: Path, sources: Sequence[str]) -> AsyncGenerator[Arena]:
    """Start a server on a free port and the agents, and stop them at the end of the block.

    Args:
        folder: Where the server keeps its token; boards are kept in memory.
        sources: Names of the sources that work.
    """
    config = Config(port=0, ephemeral=True, data_dir=str(folder), sources_dir="", default_board="")
    async with Server(config) as server, contextlib.AsyncExitStack() as stack:
        names = [f"agent-{number}" for number in range(1, AGENTS + 1)]
        for name in names:
            process = await _start(server, name, sources)
            stack.push_async_callback(_stop, process)
        async with open_session(server.url, token=server.token, name="incident-example") as session:
            await _wait_ready(session, names, len(sources))
            yield Arena(session)


async def _start(server: Server, name: str, sources: Sequence[str]) -> Process:
    options = ["--url", server.url, "--token-file", str(server.token_file.absolute()), "--name", name]
    return await asyncio.create_subprocess_exec(sys.executable, str(_WORKER), *options, *sources, stdin=PIPE)


async def _stop(process: Process) -> None:
    """Close the agent's input, which ends it; kill it if it does not listen."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _wait_ready(session: Session, names: Sequence[str], sources: int) -> None:
    """Wait until every agent has registered every source: a board without sources ends at once."""
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            while True:
                listed = (await session.request("agent.list", {}))["agents"]
                ready = {each["agent"] for each in listed if len(each["sources"]) == sources}
                if ready.issuperset(names):
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise BlackboardError(
            "timed_out", f"the agents were not ready within {READY_SECONDS_MAX:g} s"
        ) from None
