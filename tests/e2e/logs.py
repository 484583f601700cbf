"""The log of a board as tests look at it: a list of events, over the wire."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.server.talk import Talk


async def events(talk: Talk, board: str) -> list[dict[str, Any]]:
    """Return every event of a board, each with its `revision` and `time_ms`; data of entries is left out."""
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = await talk.call("board.log", board=board, after=after)
        for row in page["rows"]:
            event = json.loads(row["body"])["event"]
            found.append(event | {"revision": row["revision"], "time_ms": row["time_ms"]})
        after = page.get("next")
    return found


def of(log: list[dict[str, Any]], kind: str, **fields: Any) -> list[dict[str, Any]]:
    """Return the events of one kind that have these fields."""
    return [
        each
        for each in log
        if each["event"] == kind and all(each.get(name) == value for name, value in fields.items())
    ]


def executions(log: list[dict[str, Any]]) -> Counter[int]:
    """Return how often each activation was executed."""
    return Counter(each["activation"] for each in of(log, "activation_executed"))
