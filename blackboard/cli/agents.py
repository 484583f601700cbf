"""`blackboard agents`."""

from __future__ import annotations

import click

from blackboard.cli.output import print_json, table
from blackboard.cli.remote import as_json, on_server, session

__all__ = ["agents_command"]


@click.command("agents")
@as_json
@on_server
async def agents_command(*, url: str | None, token: str | None, json_: bool) -> None:
    """Show the agents, and the sources with their triggers in words."""
    async with session(url, token) as server:
        agents = (await server.request("agent.list", {}))["agents"]
        sources = (await server.request("source.list", {}))["sources"]
    if json_:
        print_json({"agents": agents, "sources": sources})
        return
    rows = [
        [
            a["agent"],
            "live" if a["connected"] else "gone",
            f"{a['leases']}/{a['credits']}",
            a.get("client", ""),
            ", ".join(a["sources"]),
        ]
        for a in agents
    ]
    click.echo(table(rows, header=["AGENT", "STATE", "RUNS", "CLIENT", "SOURCES"]))
    click.echo()
    lines = [[s["source"], str(len(s["agents"])), f"when {s['trigger']}"] for s in sources]
    click.echo(table(lines, header=["SOURCE", "AGENTS", "TRIGGER"]))
