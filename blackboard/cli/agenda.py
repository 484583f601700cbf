"""`blackboard agenda`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.output import print_json, table
from blackboard.cli.remote import as_json, on_server, session

if TYPE_CHECKING:
    from blackboard.client import Session

__all__ = ["agenda_command"]

_OVER = ("executed", "obviated", "cancelled")
"""States that the agenda does not list unless asked to."""

_COUNTED_MAX = 10_000


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
        if rows:
            click.echo(
                table(rows, header=["ACTIVATION", "SOURCE", "STATE", "RATING", "TRIES", "ENTRIES", "WHY"])
            )
        elif state is not None:
            click.echo(f"No activation of {board} is {state}.")
        else:
            counts = [await _count(server, board, each) for each in _OVER]
            click.echo(f"Nothing runs or waits on {board}: {', '.join(counts)}.")


async def _count(server: Session, board: str, state: str) -> str:
    """Return how many activations are in a state, in words."""
    params = {"board": board, "state": state, "limit": _COUNTED_MAX}
    count = len((await server.request("agenda.list", params))["activations"])
    return f"{count}{' or more' if count == _COUNTED_MAX else ''} {state}"


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
