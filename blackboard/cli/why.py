"""`blackboard why`."""

from __future__ import annotations

from typing import Any

import click

from blackboard.cli.output import belief_bar, entry_line, print_json, safe
from blackboard.cli.remote import as_json, on_server, session

__all__ = ["why_command"]

_WORDS = {"because": "rests on", "supports": "supported by", "refutes": "refuted by"}


@click.command("why")
@click.argument("entry", type=int)
@click.option("--board", default="default", show_default=True, help="Its board.")
@click.option("--depth", type=click.IntRange(1, 20), default=4, show_default=True, help="How far to follow.")
@as_json
@on_server
async def why_command(
    *, entry: int, board: str, depth: int, url: str | None, token: str | None, json_: bool
) -> None:
    """Show what ENTRY rests on, what supports it and what refutes it, as a tree."""
    async with session(url, token) as server:
        result = await server.request("entry.why", {"board": board, "entry": entry, "depth": depth})
    if json_:
        print_json(result)
        return
    for line in tree(result["entry"], safe(result["nodes"]), safe(result["edges"])):
        click.echo(line)


def tree(root: int, nodes: dict[str, dict[str, Any]], edges: list[dict[str, Any]]) -> list[str]:
    """Return the tree of reasons below `root`, an entry shown in full only once."""
    incoming: dict[int, list[dict[str, Any]]] = {}
    for edge in edges:
        # A reason is drawn from the entry to what it rests on; evidence from the evidence to the entry.
        below = edge["source"] if edge["kind"] == "because" else edge["target"]
        incoming.setdefault(below, []).append(edge)
    lines = [f"{belief_bar(nodes[str(root)]['belief'])} {entry_line(nodes[str(root)]).strip()}"]
    _branches(root, nodes, incoming, indent="", seen={root}, lines=lines)
    return lines


def _branches(
    entry: int,
    nodes: dict[str, dict[str, Any]],
    incoming: dict[int, list[dict[str, Any]]],
    *,
    indent: str,
    seen: set[int],
    lines: list[str],
) -> None:
    reasons = [each for each in incoming.get(entry, []) if each["kind"] in _WORDS]
    for index, edge in enumerate(reasons):
        is_last = index == len(reasons) - 1
        other = edge["target"] if edge["kind"] == "because" else edge["source"]
        node = nodes.get(str(other))
        if node is None:
            continue
        again = other in seen
        words = click.style(_WORDS[edge["kind"]], fg="red" if edge["kind"] == "refutes" else None, dim=True)
        text = f"#{other} {node['type']} (above)" if again else entry_line(node).strip()
        why = click.style(f"  {edge['reason']}", dim=True) if edge.get("reason") else ""
        lines.append(f"{indent}{'└' if is_last else '├'}─ {words} {text}{why}")
        if not again:
            seen.add(other)
            _branches(
                other, nodes, incoming, indent=f"{indent}{' ' if is_last else '│'}  ", seen=seen, lines=lines
            )
