"""An agent process: works for the knowledge sources named on its command line until its input is closed."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from blackboard_sources.incident.team import TEAM

from blackboard import connect

CREDITS = 1_000
"""Credits count per board. Our activations are brief, and several boards are open at once."""


async def work(url: str, token: str, name: str, sources: list[str]) -> None:
    """Connect, add the sources, and run."""
    async with connect(url, token=token, agent=name, credits=CREDITS) as agent:
        agent.add(*(TEAM[source] for source in sources))
        closed = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
        closed.add_done_callback(lambda _: agent.stop())
        await agent.run()


def main() -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="ws://HOST:PORT/v1")
    parser.add_argument("--token-file", required=True, type=Path)
    parser.add_argument("--name", required=True, help="stable name of this agent")
    parser.add_argument("sources", nargs="+", choices=sorted(TEAM), metavar="SOURCE")
    options = parser.parse_args()
    logging.basicConfig(level="WARNING", format=f"{options.name}: %(levelname)s %(message)s")
    token = options.token_file.read_text(encoding="utf-8").strip()
    asyncio.run(work(options.url, token, options.name, options.sources))


if __name__ == "__main__":
    main()
