"""`blackboard agents`."""

from __future__ import annotations

from typing import Any

import click

from blackboard.cli.output import print_json, table
from blackboard.cli.remote import as_json, on_server, session

__all__ = ["agents_command"]


@click.command("agents")
@click.option("--all", "all_", is_flag=True, help="Also who is gone, or works for no source.")
@as_json
@on_server
async def agents_command(*, all_: bool, url: str | None, token: str | None, json_: bool) -> None:
    """Show the agents that are at work or hold a lease, and the sources with their triggers."""
    async with session(url, token) as server:
        agents = (await server.request("agent.list", {}))["agents"]
        sources = (await server.request("source.list", {}))["sources"]
    shown = [each for each in agents if all_ or each["leases"] or (each["connected"] and each["sources"])]
    if json_:
        print_json({"agents": shown, "sources": sources})
        return
    if shown:
        header = ["AGENT", "STATE", "RUNS", "CLIENT", "SOURCES"]
        click.echo(table([_agent_row(each) for each in shown], header=header))
    else:
        click.echo("No agent works for a source. Start one with `blackboard run FILE`.")
    if sources:
        lines = [[s["source"], str(len(s["agents"])), f"when {s['trigger']}"] for s in sources]
        click.echo()
        click.echo(table(lines, header=["SOURCE", "AGENTS", "TRIGGER"]))


def _agent_row(agent: dict[str, Any]) -> list[str]:
    return [
        agent["agent"],
        "live" if agent["connected"] else "gone",
        f"{agent['leases']}/{agent['credits']}",
        agent.get("client", ""),
        ", ".join(agent["sources"]),
    ]
