"""`blackboard serve`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from blackboard.cli.logs import LOG_LEVELS, start_log
from blackboard.cli.news import news_lines
from blackboard.core.errors import BlackboardError

if TYPE_CHECKING:
    from blackboard.server.app import Server
    from blackboard.server.plugin import News

T = TypeVar("T")

__all__ = ["run", "serve_command", "wait_for_end"]


@click.command("serve")
@click.option("--host", metavar="ADDRESS", help="Address to listen on. [127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65_535), metavar="PORT", help="Port; 0 takes a free one. [8787]"
)
@click.option("--data-dir", metavar="DIR", help="Where boards and the token are kept. [.blackboard]")
@click.option("--ephemeral", is_flag=True, default=None, help="Keep boards in memory only.")
@click.option(
    "--durability",
    type=click.Choice(["full", "relaxed", "memory"]),
    help="What an acknowledgement promises: on disk, past a crash of the server, nothing. [full]",
)
@click.option("--sources-dir", metavar="DIR", help="Folder of plugin files. [knowledge_sources]")
@click.option(
    "--log-level", type=LOG_LEVELS, default="WARNING", show_default=True, help="What is said of it."
)
def serve_command(*, log_level: str, **flags: Any) -> None:
    """Run the server until Ctrl-C: boards, agents, the page.

    Settings come from flags, then BLACKBOARD_* variables, then blackboard.toml, then defaults.
    """
    from blackboard.config import resolve

    start_log(log_level)
    resolved = resolve(flags, environ=os.environ, directory=Path.cwd())
    run(_serve(resolved.config))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine, on uvloop where it is installed; being asked to end is taken like Ctrl-C."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_endable(main))
    return uvloop.run(_endable(main))


async def _endable(main: Coroutine[Any, Any, T]) -> T:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)
    return await main


async def _serve(config: Any) -> None:
    from blackboard.server.app import Server

    def tell(news: News) -> None:
        for line in news_lines(news):
            click.echo(line)

    # Plugins start once the server is ready, so they say something only after the banner.
    async with Server(config, tell=tell) as server:
        for line in banner(server):
            click.echo(line)
        await wait_for_end(server)
        click.echo("\nstopping …", err=True)


def banner(server: Server) -> list[str]:
    """Return the lines that tell a person where everything is."""
    from blackboard.server.plugins import find_plugins

    config = server.config
    kept = "kept nowhere (--ephemeral)" if config.is_ephemeral else f"{config.data_path / 'board.db'}"
    note = "" if config.is_ephemeral else "  kept across restarts; --ephemeral for memory"
    folder = Path(config.sources_dir) if config.sources_dir else None
    plugins = 0 if folder is None else len(find_plugins(folder))
    files = "1 file" if plugins == 1 else f"{plugins} files"
    watching = " · watching" if config.workers.reload else ""
    lines = [
        f"  Board      {server.page_url}   open this",
        f"  Agents     {server.url}   token in {server.token_file}",
        f"  Data       {kept}{note}",
        f"  Sources    {config.sources_dir}/ · {files}{watching}" if folder else "  Sources    none",
    ]
    if config.host not in {"127.0.0.1", "::1", "localhost"}:
        lines.append(f"  ! {config.host} is reachable by others, and the connection is not encrypted")
    return lines


async def wait_for_end(server: Server) -> None:
    """Wait for a signal to stop, or until the server cannot go on.

    Raises:
        BlackboardError: Why it cannot go on.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    failed = asyncio.ensure_future(server.wait_failed())
    done, _ = await asyncio.wait((stop, failed), return_when=asyncio.FIRST_COMPLETED)
    if failed in done:
        error = failed.exception()
        assert isinstance(error, BlackboardError), "a server fails with one of our errors"
        raise error
    failed.cancel()
