"""`blackboard watch`."""

from __future__ import annotations

from typing import Any

import click

from blackboard.cli.output import event_line, print_json
from blackboard.cli.remote import as_json, on_server, session
from blackboard.core.fact import to_data

__all__ = ["watch_command"]

_QUIET = {
    "type_defined",
    "source_enabled",
    "agent_attached",
    "agent_detached",
    "lease_granted",
    "activation_executed",
    "quiescence_signalled",
}
"""Events that only `--all` shows."""


@click.command("watch")
@click.argument("board", default="default")
@click.option("--since", type=int, default=0, show_default=True, help="Start after this revision.")
@click.option("--new", is_flag=True, help="Only what comes from now on.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only entries of this type; repeatable.")
@click.option("--all", "all_", is_flag=True, help="Also types, sources, agents, leases and signals.")
@click.option("--until-ended", is_flag=True, help="Stop once the board has its outcome.")
@as_json
@on_server
async def watch_command(
    *,
    board: str,
    since: int,
    new: bool,
    types: tuple[str, ...],
    all_: bool,
    until_ended: bool,
    url: str | None,
    token: str | None,
    json_: bool,
) -> None:
    """Follow BOARD, one readable line per event; survives restarts of the server without a gap."""
    async with session(url, token, lasting=True) as server:
        changes = server.board(board).watch(after=None if new else since, types=types or None)
        async for change in changes:
            beliefs = {str(entry): belief for entry, belief in change.beliefs.items()}
            ended = False
            for record in change.records:
                event: dict[str, Any] = to_data(record.event)
                ended = ended or event["event"] == "board_ended"
                if json_:
                    print_json(
                        {
                            "board": board,
                            "revision": record.revision,
                            "time_ms": record.time_ms,
                            "event": event,
                            "beliefs": beliefs,
                        }
                    )
                elif all_ or event["event"] not in _QUIET:
                    click.echo(event_line(record.revision, event, beliefs))
            if ended and until_ended:
                return
