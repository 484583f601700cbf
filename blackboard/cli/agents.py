"""`blackboard agents`."""

from __future__ import annotations

from typing import Any

import click

from blackboard.cli.news import clock_time, error_line
from blackboard.cli.output import print_json, table
from blackboard.cli.remote import as_json, on_server, session

__all__ = ["agents_command"]


@click.command("agents")
@click.option("--all", "all_", is_flag=True, help="Also who is gone, or works for no source.")
@as_json
@on_server
async def agents_command(*, all_: bool, url: str | None, token: str | None, json_: bool) -> None:
    """Show the agents that are at work or hold a lease, the sources with their triggers, and the plugins."""
    async with session(url, token) as server:
        found = await server.request("agent.list", {})
        sources = (await server.request("source.list", {}))["sources"]
    agents, plugins = found["agents"], found.get("plugins", [])
    shown = [each for each in agents if all_ or each["leases"] or (each["connected"] and each["sources"])]
    if json_:
        supervised = found.get("supervised", [])
        print_json({"agents": shown, "plugins": plugins, "supervised": supervised, "sources": sources})
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

    if plugins:
        header = ["PLUGIN", "STATE", "SINCE", "RESTARTS", "SOURCES"]
        click.echo()
        click.echo(table([_plugin_row(each) for each in plugins], header=header))
        for line in filter(None, map(_plugin_error, plugins)):
            click.echo(line)
    if found.get("supervised"):
        header = ["PROGRAM", "AGENT", "STATE", "RESTARTS", "LAST EXIT CODE"]
        click.echo()
        click.echo(table([_supervised_row(each) for each in found["supervised"]], header=header))


def _supervised_row(each: dict[str, Any]) -> list[str]:
    code = each.get("exit_code")
    shown = "" if code is None else str(code)
    return [each["program"], each["agent"], each["state"], str(each["restarts"]), shown]


def _plugin_row(plugin: dict[str, Any]) -> list[str]:
    since = plugin.get("since_ms")
    return [
        plugin["plugin"],
        plugin["state"],
        "" if since is None else clock_time(since / 1_000),
        str(plugin["restarts"]),
        ", ".join(plugin["sources"]),
    ]


def _plugin_error(plugin: dict[str, Any]) -> str:
    since = plugin.get("since_ms") if plugin["state"] == "stale" else None
    return error_line(plugin["error"], None if since is None else since / 1_000) if plugin["error"] else ""


def _agent_row(agent: dict[str, Any]) -> list[str]:
    return [
        agent["agent"],
        "live" if agent["connected"] else "gone",
        f"{agent['leases']}/{agent['credits']}",
        agent.get("client", ""),
        ", ".join(agent["sources"]),
    ]
