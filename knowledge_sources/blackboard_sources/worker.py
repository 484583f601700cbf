"""The worker process: `python -m blackboard_sources.worker --url … --token-file … --file plugin.py`.

It runs the sources of one file or module as an agent. SIGTERM and SIGINT stop it cleanly: running handlers
get a grace period, the rest is given back. When its standard input is a pipe, the other end belongs to the
server that started it; a thread waits for the end of that pipe, and ends the process even if a handler
blocks the event loop, so that no worker outlives its server. Exit codes: 0 stopped, 1 the sources are wrong
or refused, 3 the server cannot be reached, 4 a handler blocked the event loop for longer than its lease.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from blackboard.authoring import KnowledgeSource
from blackboard.client.token import read_token
from blackboard.core.errors import BlackboardError
from blackboard_sources.agent import CREDITS_DEFAULT, GRACE_SECONDS, Agent, connect
from blackboard_sources.loading import load_file, load_module
from blackboard_sources.watchdog import MARGIN_SECONDS, watch_loop

__all__ = ["main"]

LOG: Final = logging.getLogger("blackboard.worker")

EXIT_WRONG: Final = 1
EXIT_UNREACHABLE: Final = 3
_FORCE_SECONDS: Final = 0.5
"""How long after the grace period the process is ended by force."""
_STDIN: Final = 0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until it is stopped, and return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(levelname)s %(name)s: %(message)s")
    try:
        sources = load_file(options.file) if options.file else load_module(options.module)
        token = read_token(options.token_file) if options.token_file else None
        asyncio.run(_work(options, sources, token))
    except BlackboardError as error:
        LOG.error("%s (%s)", error.message, error.advice)
        return EXIT_UNREACHABLE if error.code == "unreachable" else EXIT_WRONG
    return 0


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
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


async def _work(options: argparse.Namespace, sources: list[KnowledgeSource], token: str | None) -> None:
    what = options.file.stem if options.file else options.module
    name = options.agent or f"{what}-{os.getpid()}"
    async with connect(
        options.url, token=token, agent=name, name="blackboard-worker", credits=options.credits
    ) as agent:
        agent.add(*sources, replace=True)
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, _stop, agent, options.grace)
        _follow_parent(options.grace)
        watch_loop(max(each.declaration.lease_ms for each in sources) / 1_000 + MARGIN_SECONDS)
        LOG.info("%s works for %s", name, ", ".join(source.name for source in sources))
        try:
            await agent.run()
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


def _stop(agent: Agent, grace: float) -> None:
    """Stop the agent; threads of plain handlers that do not end are abandoned with the process."""
    agent.stop(grace=grace)
    force = threading.Timer(grace + _FORCE_SECONDS, os._exit, (0,))
    force.daemon = True
    force.start()


def _follow_parent(grace: float) -> None:
    """End with the process that holds the other end of the standard input, if that is a pipe."""
    try:
        mode = os.fstat(_STDIN).st_mode
    except OSError:
        return
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=_end_with_stdin, args=(grace,), name="parent watch", daemon=True).start()


def _end_with_stdin(grace: float) -> None:
    while os.read(_STDIN, 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(grace + _FORCE_SECONDS)
    os._exit(EXIT_UNREACHABLE)


if __name__ == "__main__":
    sys.exit(main())
