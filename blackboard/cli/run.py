"""`blackboard run`."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from blackboard.cli.logs import LOG_LEVELS, start_log
from blackboard.cli.remote import default_url, on_server

__all__ = ["run_command"]


@click.command("run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--board", "boards", multiple=True, metavar="BOARD", help="Only on this board; repeatable.")
@click.option("--credits", "credits_", type=click.IntRange(1, 1_000), default=8, show_default=True)
@click.option("--agent", metavar="NAME", help="Stable name of this agent; it resumes its leases under it.")
@click.option("--replace", is_flag=True, help="Supersede another trigger under the same source name.")
@click.option(
    "--log-level", type=LOG_LEVELS, default="INFO", show_default=True, help="What is said of the work."
)
@on_server
async def run_command(
    *,
    file: Path,
    boards: tuple[str, ...],
    credits_: int,
    agent: str | None,
    replace: bool,
    log_level: str,
    url: str | None,
    token: str | None,
) -> None:
    """Run the knowledge sources in FILE as an agent, until Ctrl-C."""
    from blackboard_sources import connect, load_file

    from blackboard.core.trigger import describe

    start_log(log_level)
    sources = load_file(file)
    where = url or default_url()
    async with connect(where, token=token, agent=agent, name="blackboard-run", credits=credits_) as worker:
        worker.add(*sources, boards=boards or None, replace=replace)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, worker.stop)
        for source in sources:
            declared = source.declaration
            product = ", ".join(declared.produces) or "anything"
            click.echo(f"  + {declared.name}  when {describe(declared.trigger)} → {product}")
        click.echo(f"  agent {worker.name} at {where}, Ctrl-C stops it", err=True)
        await worker.run()
