"""How things look in a terminal: entries and events as one line each, tables, JSON."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import click
import orjson

from blackboard.core.values import is_array, is_object

__all__ = ["belief_bar", "entry_line", "event_line", "print_json", "safe", "summary", "table"]

_STATUS_MARKS = {
    "accepted": "+",
    "rejected": "x",
    "superseded": ">",
    "unsupported": "?",
    "retracted": "-",
    "expired": ".",
}


def print_json(value: Any) -> None:
    """Print one JSON value on one line."""
    click.echo(orjson.dumps(value))


def summary(data: dict[str, Any], *, width: int = 60) -> str:
    """Return an entry's data in few words: its own summary if it has one, else its scalar fields."""
    for name in ("summary", "text", "title"):
        if isinstance(data.get(name), str):
            return _clip(f'"{data[name]}"', width)
    scalars = (
        f"{name}={_scalar(value)}" for name, value in data.items() if not isinstance(value, list | dict)
    )
    return _clip(" ".join(scalars), width)


def _scalar(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def belief_bar(belief: float, *, cells: int = 10) -> str:
    """Return a belief as a bar of `cells` cells, so that it is read without colour."""
    full = round(belief * cells)
    return "█" * full + "·" * (cells - full)


def safe(value: Any) -> Any:
    """Return JSON data with every control character shown as an escape.

    What agents post is not ours: raw, it could forge lines, or drive the terminal of whoever watches.
    """
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_visible, value))
    if is_object(value):
        return {safe(name): safe(each) for name, each in value.items()}
    if is_array(value):
        return [safe(each) for each in value]
    return value


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def entry_line(entry: dict[str, Any]) -> str:
    """Return one line for an entry view: number, level, type, belief, author, content, reasons."""
    entry = safe(entry)
    number = click.style(f"#{entry['id']}", bold=True)
    mark = _STATUS_MARKS.get(entry["status"], " ")
    because = "".join(f" #{each}" for each in entry.get("because", ()))
    words = entry.get("note") or summary(entry["data"])
    reasons = click.style(f"  ←{because}", dim=True) if because else ""
    return (
        f"{mark}{number}  {entry['level']}  {click.style(entry['type'], fg='cyan')}  {entry['belief']:.2f}"
        f"  {entry['author']}  {words}{reasons}"
    )


def event_line(revision: int, event: dict[str, Any], beliefs: dict[str, float]) -> str:
    """Return one line for a logged event."""
    event = safe(event)
    kind = str(event["event"])
    shown = click.style(f"{revision:>5}", dim=True)
    return f"{shown}  {_event_words(kind, event, beliefs)}"


def _event_words(kind: str, event: dict[str, Any], beliefs: dict[str, float]) -> str:
    match kind:
        case "entry_posted" | "entry_merged":
            belief = beliefs.get(str(event["entry"]), event["confidence"])
            because = "".join(f" #{premise[0]}" for premise in event.get("premises", ()))
            words = event.get("note") or summary(event.get("data") or {})
            name = event.get("type", "again")
            reasons = f"  ←{because}" if because else ""
            number = click.style(f"#{event['entry']}", bold=True)
            return (
                f"{number}  {click.style(name, fg='cyan')}  {belief:.2f}  {event['author']}  {words}{reasons}"
            )
        case "entries_linked":
            why = f"  {event['reason']}" if event.get("reason") else ""
            return f"#{event['source']} {event['kind']} #{event['target']}  {event['author']}{why}"
        case "lease_granted":
            words = f"{event['source']} ▸ activation {event['activation']}  rating {event['rating']:.2f}"
            return click.style(f"{words}  {event['agent']}", dim=True)
        case "board_ended":
            answer = "".join(f" #{each}" for each in event.get("answer", ()))
            text = f"{event['outcome']}: {event['reason']}" + (f"  answer{answer}" if answer else "")
            return click.style(text, bold=True)
        case _:
            fields = " ".join(
                f"{name}={_short(value)}" for name, value in event.items() if name != "event" and value != ""
            )
            return click.style(f"{kind.replace('_', ' ')}  {fields}", dim=True)


def _short(value: Any) -> str:
    if is_object(value):
        return str(value.get("name", "…"))
    if is_array(value):
        return f"[{len(value)}]"
    return _clip(_scalar(value), 60)


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str]) -> str:
    """Return aligned columns under a header; the last column is cut to the terminal's width."""
    every = [header, *([safe(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(header))]
    room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(header) - 1)
    lines: list[str] = []
    for row in every:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        lines.append("  ".join([*cells, _clip(row[-1], max(20, room))]).rstrip())
    return "\n".join([click.style(lines[0], bold=True), *lines[1:]])
