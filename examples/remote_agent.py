"""Runs the deploy correlator from outside the server, over a websocket.

    blackboard serve                      # in one terminal
    python examples/remote_agent.py       # in another, in the same folder; Ctrl-C stops it

The same object is a plugin, a worker process or a remote agent. The token is found in .blackboard/token;
elsewhere set BLACKBOARD_TOKEN, and pass the address as the first argument.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from deploy_correlator import deploy_correlator

from blackboard import BlackboardError, connect


async def main(url: str) -> None:
    """Work for the source until the process is interrupted."""
    async with connect(url, name="examples/remote_agent") as agent:
        agent.add(deploy_correlator)
        print(f"{agent.name} works for {deploy_correlator.name} at {url}; Ctrl-C stops it")
        await agent.run()


if __name__ == "__main__":
    address = os.environ.get("BLACKBOARD_URL", "ws://127.0.0.1:8787/v1")
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else address))
        except BlackboardError as error:
            sys.exit(f"error: {error.message}. {error.advice}")
