"""The worker process: `python -m blackboard_sources.worker --url … --token-file … --file plugin.py`.

It runs the sources of one file or module as an agent. SIGTERM and SIGINT stop it cleanly: running handlers
get a grace period, the rest is given back. When its standard input is a pipe, the other end belongs to the
server that started it, and no worker outlives its server (`supervised.py`). Before it loads anything it puts
the limits of the command line on itself (`confinement.py`). Exit codes: 0 stopped, 1 the sources are wrong or
refused, 3 the server cannot be reached, 4 a handler blocked the event loop for longer than its lease.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from blackboard.authoring import KnowledgeSource
from blackboard.client.token import read_token
from blackboard.core.errors import BlackboardError
from blackboard_sources.agent import CREDITS_DEFAULT, GRACE_SECONDS, Agent, connect
from blackboard_sources.confinement import confine
from blackboard_sources.loading import load_file, load_module
from blackboard_sources.supervised import EXIT_ORPHANED, FORCE_SECONDS, Reporter, follow_server, read_code
from blackboard_sources.watchdog import MARGIN_SECONDS, watch_loop

__all__ = ["main"]

LOG: Final = logging.getLogger("blackboard.worker")

EXIT_WRONG: Final = 1
EXIT_UNREACHABLE: Final = EXIT_ORPHANED
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until it is stopped, and return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(levelname)s %(name)s: %(message)s")
    confine(memory_mib=options.memory_mib, open_files=options.open_files, niceness=options.niceness)
    # A plugin's helper that is edited twice in one second would be taken for its stale bytecode.
    sys.dont_write_bytecode = True
    reporter = Reporter(options.status_fd)
    try:
        sources = _load(options)
        token = read_token(options.token_file) if options.token_file else None
        asyncio.run(_work(options, sources, token, reporter))
    except BlackboardError as error:
        if reporter.is_heard:
            reporter.refused(error.message)
        else:
            LOG.error("%s (%s)", error.message, error.advice)
        return EXIT_UNREACHABLE if error.code == "unreachable" else EXIT_WRONG
    return 0


def _load(options: argparse.Namespace) -> list[KnowledgeSource]:
    if options.module:
        return load_module(options.module)
    code = None if options.code_bytes is None else read_code(options.code_bytes)
    return load_file(options.file, code=code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m blackboard_sources.worker", description="Run knowledge sources in this process."
    )
    parser.add_argument("--url", required=True, help="address of the server: ws://HOST:PORT/v1")
    parser.add_argument("--token-file", type=Path, help="file that holds the token")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--file", type=Path, help="Python file with knowledge sources")
    what.add_argument("--module", help="dotted name of a module with knowledge sources")
    parser.add_argument("--agent", help="stable name of this agent instance (default: file and process)")
    parser.add_argument("--credits", type=int, default=CREDITS_DEFAULT, help="most activations at a time")
    parser.add_argument("--grace", type=float, default=GRACE_SECONDS, help="seconds to finish when stopped")
    parser.add_argument("--memory-mib", type=int, default=0, help="most private memory, in MiB (0: any)")
    parser.add_argument("--open-files", type=int, default=0, help="most open files (0: as they are)")
    parser.add_argument("--niceness", type=int, default=0, help="how far to step back for others, 0 to 19")
    parser.add_argument("--code-bytes", type=int, help="read that much code of the file from standard input")
    parser.add_argument("--status-fd", type=int, help="descriptor on which one line is reported")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


async def _work(
    options: argparse.Namespace, sources: list[KnowledgeSource], token: str | None, reporter: Reporter
) -> None:
    what = options.file.stem if options.file else options.module
    name = options.agent or f"{what}-{os.getpid()}"
    async with connect(
        options.url, token=token, agent=name, name="blackboard-worker", credits=options.credits
    ) as agent:
        agent.add(*sources, replace=True)
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, _stop, agent, options.grace)
        drain_seconds = max(each.declaration.timeout_ms for each in sources) / 1_000
        follow_server(
            grace=options.grace, drain=lambda: loop.call_soon_threadsafe(_drain, agent, drain_seconds)
        )
        watch_loop(max(each.declaration.lease_ms for each in sources) / 1_000 + MARGIN_SECONDS)
        LOG.info("%s works for %s", name, ", ".join(source.name for source in sources))
        loaded = partial(reporter.loaded, sources, agent=agent.name, drain_seconds=drain_seconds)
        try:
            await agent.run(registered=loaded)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


def _drain(agent: Agent, seconds: float) -> None:
    """Let everything finish that runs; an attempt is cut off at its own time in any case."""
    agent.stop(grace=seconds)


def _stop(agent: Agent, grace: float) -> None:
    """Stop the agent; threads of plain handlers that do not end are abandoned with the process."""
    agent.stop(grace=grace)
    force = threading.Timer(grace + FORCE_SECONDS, os._exit, (0,))
    force.daemon = True
    force.start()


if __name__ == "__main__":
    sys.exit(main())
