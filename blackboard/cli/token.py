"""`blackboard token`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from blackboard.cli.output import print_json
from blackboard.cli.remote import as_json, on_server, session
from blackboard.core.errors import BlackboardError

__all__ = ["token_command"]


@click.command("token")
@click.option("--issue", metavar="NAME", help="Issue a token for NAME instead; it is shown only once.")
@click.option(
    "--kind", type=click.Choice(["agent", "person"]), default="agent", show_default=True, help="For whom."
)
@as_json
@on_server
async def token_command(
    *, issue: str | None, kind: str, url: str | None, token: str | None, json_: bool
) -> None:
    """Print the local token, or issue one for an agent or a person."""
    if issue is None:
        from blackboard.client.token import find_token

        found = find_token(environment=os.environ, directory=Path.cwd())
        if found is None:
            raise BlackboardError("unauthorized", "no token here: start `blackboard serve` in this folder")
    else:
        async with session(url, token) as server:
            found = (await server.request("token.issue", {"name": issue, "kind": kind}))["token"]
    if json_:
        print_json({"token": found})
    else:
        click.echo(found)
