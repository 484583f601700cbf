"""The board's state: what a refused attempt leaves behind, and what the board answers."""

from __future__ import annotations

import pytest

from blackboard.core.apply import apply
from blackboard.core.board import Board
from blackboard.core.completion import Settings
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import Rejected
from blackboard.core.events import BoardOpened, EntriesLinked, EntryPosted, EntryRetracted, Event, TypeDefined
from blackboard.core.record import Record


def _board(*events: Event) -> Board:
    board = Board("b")
    definition = EntryType(name="T", level="l", schema={"type": "object"}, identity=("key",))
    _apply(board, BoardOpened(board="b", goal="", settings=Settings()), TypeDefined(type=definition), *events)
    return board


def _apply(board: Board, *events: Event) -> None:
    for event in events:
        apply(board, Record(revision=board.revision + 1, time_ms=7, event=event))


def _post(entry: int, key: str, *, expires_ms: int | None = None) -> EntryPosted:
    return EntryPosted(
        entry=entry, type="T", data={"key": key}, confidence=0.5, author="a", expires_ms=expires_ms
    )


def _link(source: int, target: int) -> EntriesLinked:
    return EntriesLinked(kind="supports", source=source, target=target, weight=1.0, author="a")


def _everything(board: Board) -> dict[str, object]:
    names = [name for name in Board.__slots__ if name not in {"limits", "journal", "settings", "types"}]
    return {name: _frozen(getattr(board, name)) for name in names} | {"types": list(board.types)}


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return {key: _frozen(each) for key, each in value.items() if each != {}}
    return value


def test_refused_attempt_leaves_no_trace() -> None:
    """Whatever was applied inside is undone: entries, links, identities, expiries, revision and time."""
    board = _board(_post(1, "x", expires_ms=50), _post(2, "y"), _link(1, 2))
    before = _everything(board)

    def attempt() -> None:
        with board.attempt():
            _apply(board, _post(3, "z", expires_ms=60), _link(3, 1), EntryRetracted(entry=1, author="a"))
            assert board.entry_count == 3
            raise Rejected("illegal_move", "enough")

    with pytest.raises(Rejected, match="enough"):
        attempt()
    assert _everything(board) == before
    assert board.journal is None


def test_successful_attempt_stands() -> None:
    """What was applied inside is there afterwards, and nothing is noted any more."""
    board = _board()
    with board.attempt():
        _apply(board, _post(1, "x"))
    assert board.entries[1].confidence == 500_000
    assert board.journal is None


def test_attempts_do_not_nest() -> None:
    """The inner one would undo what belongs to the outer."""
    board = _board()
    with board.attempt(), pytest.raises(AssertionError, match="do not nest"), board.attempt():
        pass


def test_records_are_applied_in_order() -> None:
    """A gap in the revisions or in the numbers of entries is a bug."""
    board = _board()
    with pytest.raises(AssertionError, match="revision 9 follows 2"):
        apply(board, Record(revision=9, time_ms=0, event=_post(1, "x")))
    board = _board()
    with pytest.raises(AssertionError, match="entry numbers are consecutive"):
        _apply(board, _post(2, "x"))


def test_questions() -> None:
    """Live entries come in order of posting; an entry without evidence is its own root."""
    board = _board(_post(1, "x"), _post(2, "y"), EntryRetracted(entry=1, author="a"))
    assert [entry.id for entry in board.live_entries()] == [2]
    assert board.roots_of(2) == frozenset((2,))
    definition = board.types["T"].definition
    assert board.identities == {board.identity_of(definition, {"key": "y"}): 2}
    with pytest.raises(Rejected, match="no entry #3 on board 'b'; it has #1 to #2"):
        board.entry(3)
