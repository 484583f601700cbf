"""`blackboard agenda`."""

from __future__ import annotations

from typing import Any

import click

from blackboard.cli.output import print_json, table
from blackboard.cli.remote import as_json, on_server, session

__all__ = ["agenda_command"]


@click.command("agenda")
@click.argument("board", default="default")
@click.option("--state", metavar="STATE", help="Only activations in this state, such as executable or dead.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
)
@as_json
@on_server
async def agenda_command(
    *, board: str, state: str | None, limit: int, url: str | None, token: str | None, json_: bool
) -> None:
    """Show what runs on BOARD, what waits, and for what."""
    params: dict[str, Any] = {"board": board, "limit": limit}
    if state is not None:
        params["state"] = state
    async with session(url, token) as server:
        result = await server.request("agenda.list", params)
    if json_:
        print_json(result)
        return
    rows = [_row(each) for each in result["activations"]]
    click.echo(table(rows, header=["ACTIVATION", "SOURCE", "STATE", "RATING", "TRIES", "ENTRIES", "WHY"]))


def _row(activation: dict[str, Any]) -> list[str]:
    terms = " ".join(
        f"{each['name']} {each['value']:.2f}·{each['weight']}" for each in activation.get("terms", ())
    )
    lease = activation.get("lease")
    words = activation.get("waits_for") or (f"by {lease['agent']}" if lease else activation.get("reason", ""))
    return [
        str(activation["id"]),
        activation["source"],
        activation["state"],
        f"{activation['rating']:.2f}",
        str(activation["attempts"]),
        " ".join(f"#{each['entry']}" for each in activation["bindings"]),
        "; ".join(filter(None, (words, terms))),
    ]
