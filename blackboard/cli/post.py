"""`blackboard post`."""

from __future__ import annotations

import sys
from typing import Any

import click
import orjson

from blackboard.cli.output import print_json
from blackboard.cli.remote import as_json, on_server, session
from blackboard.core.errors import BlackboardError
from blackboard.core.values import is_object

__all__ = ["post_command"]


@click.command("post")
@click.argument("type_", metavar="TYPE")
@click.argument("data", metavar="JSON")
@click.option("--board", default="default", show_default=True, help="Board to post on.")
@click.option(
    "--confidence", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="How sure you are."
)
@click.option("--because", type=int, multiple=True, metavar="N", help="Entry that it rests on; repeatable.")
@click.option("--note", default="", help="One line of explanation.")
@click.option("--ttl", type=float, metavar="SECONDS", help="Time to live.")
@click.option("--id", "command_id", metavar="KEY", help="Key for a safe repeat of this very post.")
@as_json
@on_server
async def post_command(
    *,
    type_: str,
    data: str,
    board: str,
    confidence: float,
    because: tuple[int, ...],
    note: str,
    ttl: float | None,
    command_id: str | None,
    url: str | None,
    token: str | None,
    json_: bool,
) -> None:
    """Post an entry of TYPE with the data JSON (`-` reads it from standard input).

    \b
    Example:
      blackboard post ErrorSpike '{"service":"pay","at":1060,"ratio":5}' --confidence .9
    """  # noqa: D301 - click wants the character itself
    params: dict[str, Any] = {
        "board": board,
        "type": type_,
        "data": _read(data),
        "confidence": confidence,
        "because": list(because),
        "note": note,
    }
    if ttl is not None:
        params["ttl_ms"] = round(ttl * 1000)
    async with session(url, token) as server:
        params["command_id"] = command_id or server.new_command_id()
        result = await server.request("entry.post", params)
    if json_:
        print_json(result)
        return
    (entry,) = result["entries"]
    click.echo(f"#{entry} {type_} on {board}, revision {result['revision']}")


def _read(text: str) -> dict[str, Any]:
    raw = sys.stdin.read() if text == "-" else text
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BlackboardError(
            "invalid_params",
            f'JSON: {error}; write an object in single quotes, such as \'{{"service": "pay"}}\'',
        ) from error
    if not is_object(value):
        raise BlackboardError("invalid_params", f"JSON is {type(value).__name__}; expected an object")
    return value
