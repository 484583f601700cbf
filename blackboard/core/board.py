"""The state of one board, and how an attempt on it is undone.

Owns the maps of entries, types, links and identities. Values in them are immutable; the maps change only
through `put` and `drop`, which note the old value while an attempt is open. So a command of many parts is
judged part by part against the board as it becomes, and a refusal in the midst leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Final, Literal, TypeAlias, TypeVar

import jsonschema_rs
import msgspec

from blackboard.core.activation import ActivationId
from blackboard.core.completion import Outcome, Settings
from blackboard.core.entry import Entry, EntryId, Link, LinkKind
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import Rejected
from blackboard.core.limits import DEFAULT_LIMITS, Limits
from blackboard.core.values import Data, canonical, unify_numbers

__all__ = [
    "BOARD_MOVES",
    "Attempt",
    "Board",
    "BoardStatus",
    "Identity",
    "KnownType",
    "LinkKey",
    "Root",
    "Touched",
    "next_board_status",
]

K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")

BoardStatus: TypeAlias = Literal["new", "open", "paused", "closing", "ended"]
BoardMove: TypeAlias = Literal["open", "pause", "resume", "close", "end"]

BOARD_MOVES: Final[dict[BoardStatus, dict[BoardMove, BoardStatus]]] = {
    "new": {"open": "open"},
    "open": {"pause": "paused", "close": "closing"},
    "paused": {"resume": "open", "close": "closing"},
    "closing": {"end": "ended"},
    "ended": {},
}
"""The life-cycle of a board; it ends exactly once, by way of closing."""

Identity: TypeAlias = tuple[str, bytes]
"""Type name and the canonical form of the identity fields."""

LinkKey: TypeAlias = tuple[LinkKind, EntryId, str]
"""Kind, the entry at the other end, and who drew it: authors link independently of each other."""

Root: TypeAlias = EntryId | str
"""A root premise, or the name of an author who reasoned from background alone."""

Touched: TypeAlias = dict[EntryId, Entry | None]
"""What every entry that an event touched was before; `None` if it was not there."""


def next_board_status(status: BoardStatus, move: BoardMove) -> BoardStatus:
    """Walk the life-cycle one step.

    Raises:
        Rejected: `board_ended`, `board_closing` or `illegal_move` if the table does not list the move.
    """
    moves = BOARD_MOVES[status]
    if move in moves:
        return moves[move]
    if status == "ended":
        raise Rejected("board_ended", f"cannot {move} the board; it has ended")
    if status == "closing":
        raise Rejected("board_closing", f"cannot {move} the board; it is closing")
    raise Rejected("illegal_move", f"cannot {move} a board that is {status}; possible: {', '.join(moves)}")


class KnownType(msgspec.Struct, frozen=True):
    """An entry type with its compiled schema."""

    definition: EntryType
    validator: jsonschema_rs.Validator


class Board:
    """Everything that applying the log of one board yields, control aside.

    Args:
        board_id: Name of the board.
        limits: Bounds to be kept by what is decided on it.
    """

    __slots__ = (
        "answer",
        "closing_outcome",
        "closing_reason",
        "closing_until_ms",
        "dependents",
        "entries",
        "entry_count",
        "expiries",
        "goal",
        "id",
        "identities",
        "journal",
        "limits",
        "links_in",
        "links_out",
        "opened_ms",
        "outcome",
        "partial_links",
        "partials",
        "reason",
        "revision",
        "roots",
        "settings",
        "status",
        "time_ms",
        "types",
    )

    def __init__(self, board_id: str, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.id = board_id
        self.limits = limits
        self.goal = ""
        self.settings = Settings()
        self.status: BoardStatus = "new"
        self.revision: int = 0
        self.time_ms: int = 0
        self.opened_ms: int = 0
        self.entry_count: int = 0
        self.types: dict[str, KnownType] = {}
        self.entries: dict[EntryId, Entry] = {}
        self.identities: dict[Identity, EntryId] = {}
        self.links_in: dict[EntryId, dict[LinkKey, Link]] = {}
        self.links_out: dict[EntryId, dict[LinkKey, Link]] = {}
        self.dependents: dict[EntryId, dict[EntryId, None]] = {}
        self.roots: dict[EntryId, frozenset[Root]] = {}
        self.expiries: dict[EntryId, int] = {}
        self.partials: dict[ActivationId, dict[EntryId, None]] = {}
        self.partial_links: dict[ActivationId, dict[tuple[LinkKind, EntryId, EntryId], None]] = {}
        self.closing_outcome: Outcome | None = None
        self.closing_reason = ""
        self.closing_until_ms = 0
        self.outcome: Outcome | None = None
        self.reason = ""
        self.answer: tuple[EntryId, ...] = ()
        self.journal: list[tuple[MutableMapping[Any, Any], Any, Any]] | None = None

    # Change

    def put(self, mapping: MutableMapping[K, V], key: K, value: V) -> None:
        """Set `mapping[key]`, noting the old value while an attempt is open."""
        if self.journal is not None:
            self.journal.append((mapping, key, mapping.get(key, _ABSENT)))
        mapping[key] = value

    def drop(self, mapping: MutableMapping[K, V], key: K) -> None:
        """Remove `mapping[key]` if it is there, noting the old value while an attempt is open."""
        if key in mapping:
            if self.journal is not None:
                self.journal.append((mapping, key, mapping[key]))
            del mapping[key]

    def inner(self, mapping: MutableMapping[K, dict[V, W]], key: K) -> dict[V, W]:
        """Return the inner map at `key`, made if it is not there."""
        found = mapping.get(key)
        if found is not None:
            return found
        made: dict[V, W] = {}
        self.put(mapping, key, made)
        return made

    def put_entry(self, entry: Entry, touched: Touched) -> None:
        """Set an entry, and note in `touched` what it was before the event."""
        touched.setdefault(entry.id, self.entries.get(entry.id))
        self.put(self.entries, entry.id, entry)

    def attempt(self) -> Attempt:
        """Undo everything done inside a `with` block if it ends in `Rejected`, which is passed on."""
        return Attempt(self)

    # Questions

    def entry(self, entry_id: EntryId) -> Entry:
        """Return an entry.

        Raises:
            Rejected: `unknown_entry`.
        """
        found = self.entries.get(entry_id)
        if found is None:
            there = f"#1 to #{self.entry_count}" if self.entry_count else "none yet"
            raise Rejected("unknown_entry", f"no entry #{entry_id} on board {self.id!r}; it has {there}")
        return found

    def identity_of(self, definition: EntryType, data: Data) -> Identity | None:
        """Return the identity of `data`, or `None` if its type has none."""
        if not definition.identity:
            return None
        return (definition.name, canonical(unify_numbers([data.get(field) for field in definition.identity])))

    def roots_of(self, entry_id: EntryId) -> frozenset[Root]:
        """Return the root premises of an entry; a plain premise is its own root."""
        found = self.roots.get(entry_id)
        return frozenset((entry_id,)) if found is None else found

    def live_entries(self) -> Iterator[Entry]:
        """Yield the entries that are in, in the order of posting."""
        return (entry for entry in self.entries.values() if entry.is_live)


class Attempt:
    """See `Board.attempt`. A class, for every command passes here, and a generator costs twice as much."""

    __slots__ = ("_board", "_scalars")

    def __init__(self, board: Board) -> None:
        self._board = board
        self._scalars = (board.revision, board.entry_count, board.time_ms)

    def __enter__(self) -> None:
        assert self._board.journal is None, "attempts do not nest"
        self._board.journal = []

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        board = self._board
        journal, board.journal = board.journal, None
        if kind is not None and issubclass(kind, Rejected):
            assert journal is not None, "the attempt has begun"
            for mapping, key, old in reversed(journal):
                if old is _ABSENT:
                    mapping.pop(key, None)
                else:
                    mapping[key] = old
            board.revision, board.entry_count, board.time_ms = self._scalars


_ABSENT: Final = object()
