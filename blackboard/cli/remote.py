"""What commands that talk to a server share: where it is, who we are, and running one session."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from blackboard.client import Session

__all__ = ["as_json", "default_url", "on_server", "session"]

F = TypeVar("F", bound=Callable[..., Any])
CONNECT_SECONDS = 5.0


def default_url() -> str:
    """Return where the local server is: `BLACKBOARD_URL`, then what the settings of this folder say."""
    given = os.environ.get("BLACKBOARD_URL", "").strip()
    if given:
        return given
    from blackboard.config import resolve

    config = resolve(environ=os.environ, directory=Path.cwd()).config
    return f"ws://{config.host}:{config.port}/v1"


def on_server(command: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """Give a command the options `--url` and `--token`, and run it in an event loop."""

    @click.option("--url", metavar="URL", help="Server, such as ws://127.0.0.1:8787/v1. [env BLACKBOARD_URL]")
    @click.option("--token", metavar="TOKEN", help="Token. [env BLACKBOARD_TOKEN, then .blackboard/token]")
    @functools.wraps(command)
    def wrapped(**options: Any) -> Any:
        return asyncio.run(_run(command, options))

    return wrapped


async def _run(command: Callable[..., Awaitable[Any]], options: dict[str, Any]) -> Any:
    return await command(**options)


def as_json(command: F) -> F:
    """Give a command the flag `--json`."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON for programs.")(command)


@asynccontextmanager
async def session(url: str | None, token: str | None, *, lasting: bool = False) -> AsyncGenerator[Session]:
    """Open a session with the server; a `lasting` one survives restarts of the server."""
    from blackboard.client import SessionOptions, open_session

    options = SessionOptions(
        connect_timeout=CONNECT_SECONDS, reconnect_seconds=None if lasting else CONNECT_SECONDS
    )
    async with open_session(
        url or default_url(), token=token, name="blackboard-cli", options=options
    ) as found:
        yield found
