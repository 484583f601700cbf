"""What a reader is shown of a board: plain functions of the engine's state.

Every answer is bounded: in items by `limit`, in bytes by `PAGE_BYTES_MAX` (a single item may exceed it), and
in work by `SCAN_MAX`. Where a bound cuts an answer short, `next` says where to go on.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from itertools import chain
from typing import Any, Final, TypeAlias

import orjson
from blackboard_control.completion import best_answer

from blackboard.core.activation import ACTIVATION_MOVES, Activation, ActivationState
from blackboard.core.entry import Entry, EntryId
from blackboard.core.fact import to_data
from blackboard.core.record import Commit
from blackboard.core.values import to_fraction
from blackboard.engine import Engine
from blackboard.wire import views
from blackboard.wire.messages import AgendaListParams, EntryListParams
from blackboard.wire.views import activation_view, entry_view

__all__ = [
    "PAGE_BYTES_MAX",
    "agenda",
    "board_hash",
    "board_summary",
    "board_view",
    "entries",
    "entry",
    "log_page",
    "sources_of",
    "types",
    "why",
]

View: TypeAlias = dict[str, Any]

PAGE_BYTES_MAX: Final = 786_432
"""Size at which a page ends, so that with the rest of the message it stays below 1 MiB."""

SCAN_MAX: Final = 20_000
"""Most entries looked at for one page."""

WHY_NODES_MAX: Final = 150
"""Most entries in one neighbourhood."""

_SHOWN: Final[tuple[ActivationState, ...]] = tuple(
    state for state in ACTIVATION_MOVES if state not in {"executed", "obviated", "cancelled"}
)
"""What an agenda shows unasked. What is over is kept for refraction, and there may be very much of it."""


def board_summary(engine: Engine) -> View:
    """Return a `BoardSummary`."""
    return views.board_summary(engine.board)


def board_view(engine: Engine) -> View:
    """Return a `BoardView`."""
    board, roster = engine.board, engine.control.roster
    return views.board_view(
        board,
        sources=(name for name, source in roster.sources.items() if source.is_enabled),
        answer=board.answer if board.status == "ended" else best_answer(board),
    )


def board_hash(engine: Engine) -> View:
    """Return a `BoardHashResult`."""
    return {"revision": engine.board.revision, "state": engine.state_hash(), "chain": engine.chain}


def types(engine: Engine) -> View:
    """Return a `TypeListResult`."""
    return {"types": [to_data(known.definition) for known in engine.board.types.values()]}


def entry(engine: Engine, number: EntryId) -> View:
    """Return one entry with its links.

    Raises:
        Rejected: `unknown_entry`.
    """
    board = engine.board
    found = board.entry(number)
    return entry_view(
        found,
        links_out=board.links_out.get(number, {}).values(),
        links_in=board.links_in.get(number, {}).values(),
    )


def entries(engine: Engine, wanted: EntryListParams) -> bytes:
    """Return a page of entries as the JSON of an `EntryListResult`."""
    board = engine.board
    rows: list[bytes] = []
    size = 0
    last = wanted.after
    for number in range(wanted.after + 1, min(board.entry_count, wanted.after + SCAN_MAX) + 1):
        found = board.entries[number]
        if _is_wanted(found, wanted):
            if len(rows) >= wanted.limit or size >= PAGE_BYTES_MAX:
                break
            rows.append(orjson.dumps(entry_view(found)))
            size += len(rows[-1])
        last = number
    tail = b',"next":%d' % last if last < board.entry_count and last > wanted.after else b""
    return b'{"entries":[%b],"revision":%d%b}' % (b",".join(rows), board.revision, tail)


def _is_wanted(found: Entry, wanted: EntryListParams) -> bool:
    return (
        (wanted.type is None or found.type == wanted.type)
        and (wanted.level is None or found.level == wanted.level)
        and (wanted.live is None or found.is_live == wanted.live)
    )


def why(engine: Engine, number: EntryId, depth: int) -> View:
    """Return the neighbourhood of an entry: what it rests on, and what speaks for and against it.

    Raises:
        Rejected: `unknown_entry`.
    """
    board = engine.board
    nodes: dict[EntryId, Entry] = {number: board.entry(number)}
    edges: list[View] = []
    queue: deque[tuple[EntryId, int]] = deque([(number, 0)])
    while queue:
        here, steps = queue.popleft()
        if steps >= depth:
            continue
        for edge, other in _reasons(engine, nodes[here]):
            if other not in nodes:
                if len(nodes) >= WHY_NODES_MAX:
                    continue
                nodes[other] = board.entry(other)
                queue.append((other, steps + 1))
            edges.append(edge)
    return {
        "entry": number,
        "nodes": {str(each): entry_view(found) for each, found in nodes.items()},
        "edges": edges,
    }


def _reasons(engine: Engine, here: Entry) -> list[tuple[View, EntryId]]:
    found: list[tuple[View, EntryId]] = []
    for claim in here.justifications:
        if not claim.withdrawn:
            for premise in claim.premises:
                edge: View = {
                    "kind": "because",
                    "source": here.id,
                    "target": premise.entry,
                    "author": claim.author,
                }
                found.append((edge, premise.entry))
    for link in engine.board.links_in.get(here.id, {}).values():
        edge = {
            "kind": link.kind,
            "source": link.source,
            "target": link.target,
            "author": link.author,
            "weight": to_fraction(link.weight),
        }
        if link.reason:
            edge["reason"] = link.reason
        found.append((edge, link.source))
    return found


def agenda(engine: Engine, wanted: AgendaListParams, *, now_ms: int) -> View:
    """Return an `AgendaListResult`; what is over is shown only if asked for by its state."""
    control = engine.control

    def order(activation: Activation) -> tuple[Any, ...]:
        if activation.state != "executable":
            return (1, activation.id)
        source = control.roster.sources[activation.source]
        bindings = tuple(each.entry for each in activation.bindings)
        return (0, -activation.rating, activation.sequence, source.order, bindings)

    shown: Iterable[Activation]
    if wanted.state is None:
        shown = chain.from_iterable(map(control.agenda.in_state, _SHOWN))
    else:
        shown = control.agenda.in_state(wanted.state)
    rows = [
        activation_view(
            each,
            variables=_variables(engine, each),
            waits=control.waits_for(each, now_ms=now_ms),
        )
        for each in heapq.nsmallest(wanted.limit, shown, key=order)
    ]
    return {"activations": rows, "revision": engine.board.revision}


def _variables(engine: Engine, activation: Activation) -> tuple[str, ...]:
    declaration = engine.control.roster.sources[activation.source].declaration
    if declaration.trigger_hash != activation.trigger_hash:
        return ()
    return tuple(pattern.variable for pattern in declaration.trigger.patterns)


def sources_of(engine: Engine) -> list[View]:
    """Return a `SourceView` for each source enabled on a board."""
    roster = engine.control.roster
    return [
        views.source_view(
            source.declaration,
            boards=[engine.board.id],
            agents=(agent for agent, known in roster.agents.items() if name in known.sources),
        )
        for name, source in roster.sources.items()
        if source.is_enabled
    ]


def log_page(commits: list[Commit], *, after: int, limit: int) -> View:
    """Return a `BoardLogResult`: whole commits, the first in any case."""
    rows: list[View] = []
    size = 0
    last = after
    for commit in commits:
        if rows and (len(rows) + len(commit.rows) > limit or size >= PAGE_BYTES_MAX):
            break
        for row in commit.rows:
            view: View = {"revision": row.revision, "time_ms": commit.time_ms, "body": row.body.decode()}
            if row.data is not None:
                view["data"] = row.data.decode()
            if row.salt is not None:
                view["salt"] = row.salt.hex()
            rows.append(view)
            size += len(row.body) + len(row.data or b"")
        rows[-1]["commit"] = commit.hash
        last = commit.last
    return {"rows": rows, "next": last} if commits else {"rows": rows}
