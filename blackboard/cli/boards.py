"""`blackboard boards`."""

from __future__ import annotations

import click

from blackboard.cli.output import print_json, table
from blackboard.cli.remote import as_json, on_server, session

__all__ = ["boards_command"]


@click.command("boards")
@as_json
@on_server
async def boards_command(*, url: str | None, token: str | None, json_: bool) -> None:
    """List the boards."""
    async with session(url, token) as server:
        boards = (await server.request("board.list", {}))["boards"]
    if json_:
        print_json({"boards": boards})
        return
    rows = [
        [b["board"], b.get("outcome") or b["status"], str(b["revision"]), str(b["entries"]), b["goal"]]
        for b in boards
    ]
    click.echo(table(rows, header=["BOARD", "STATUS", "REVISION", "ENTRIES", "GOAL"]))
