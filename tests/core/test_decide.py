"""Judging contributions: what the transcripts cannot say in their command language."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.core import commands as cm
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import Rejected
from blackboard.core.events import EntryMerged
from blackboard.core.ready import Answer
from tests.scenarios.world import World


def _world(**options: Any) -> World:
    world = World()
    schema = {
        "type": "object",
        "properties": {"key": {}, "tags": {"type": "array", "maxItems": 2}, "n": {}},
        "required": ["key"],
    }
    definition = EntryType(name="T", level="l", schema=schema, identity=("key",), **options)
    _do(world, cm.OpenBoard(board="b"))
    _do(world, cm.DefineType(type=definition))
    return world


def _do(world: World, command: cm.Command, *, name: str = "ann", kind: Any = "person") -> Answer:
    principal = cm.Principal(name=name, kind=kind)
    return world.turn([cm.Request(principal=principal, command=command)]).answers[0]


def _post(data: dict[str, Any], **options: Any) -> cm.PostEntry:
    return cm.PostEntry(type="T", data=data, **options)


def test_merged_data_must_be_valid_too() -> None:
    """Two valid posts may merge into what the type forbids; that is refused."""
    world = _world(merge={"tags": "union"})
    _do(world, _post({"key": 1, "tags": ["a", "b"]}))
    answer = _do(world, _post({"key": 1, "tags": ["c"]}), name="bob")
    assert isinstance(answer, Rejected)
    assert answer.code == "schema_violation"
    assert "/tags" in answer.message


def test_note_of_the_surest_stands() -> None:
    """A merge brings its note along if its author is at least as sure as anyone before."""
    world = _world()
    _do(world, _post({"key": 1}, confidence=0.5, note="first"))
    _do(world, _post({"key": 1}, confidence=0.4, note="unsure"), name="bob")
    assert world.engine.board.entries[1].note == "first"
    _do(world, _post({"key": 1}, confidence=0.5, note="as sure"), name="cid")
    assert world.engine.board.entries[1].note == "as sure"


def test_author_is_stamped_never_taken() -> None:
    """Provenance comes from who asks, whatever the contribution holds."""
    world = _world()
    _do(world, _post({"key": 1, "author": "someone else"}), name="bot", kind="agent")
    entry = world.engine.board.entries[1]
    assert (entry.author, entry.trust, entry.activation) == ("bot", "local", None)


def test_identity_is_equal_content_whatever_the_order_of_keys() -> None:
    """Nested values compare as JSON, so `{"a":1,"b":2}` is `{"b":2,"a":1}`."""
    world = _world()
    _do(world, _post({"key": {"a": 1, "b": 2}}))
    _do(world, _post({"key": {"b": 2, "a": 1}}), name="bob")
    assert len(world.engine.board.entries) == 1


def test_identity_knows_one_kind_of_number() -> None:
    """Some writers send `1`, others `1.0`; `true` is neither."""
    world = _world()
    for name, key in (("ann", 1), ("bob", 1.0), ("cid", [1.5, {"a": 2.0}]), ("dan", [1.5, {"a": 2}])):
        _do(world, _post({"key": key}), name=name)
    assert len(world.engine.board.entries) == 2
    _do(world, _post({"key": True}))
    assert len(world.engine.board.entries) == 3


def test_missing_identity_field_counts_as_null() -> None:
    """Posts without an optional identity field are one entry."""
    world = World()
    definition = EntryType(
        name="T", level="l", schema={"type": "object", "properties": {"key": {}}}, identity=("key",)
    )
    _do(world, cm.OpenBoard(board="b"))
    _do(world, cm.DefineType(type=definition))
    for name in ("ann", "bob"):
        _do(world, _post({}), name=name)
    _do(world, _post({"key": None}), name="cid")
    assert len(world.engine.board.entries) == 1


def test_repeated_definition_is_harmless() -> None:
    """An equal type is known already; nothing is recorded."""
    world = _world()
    definition = world.engine.board.types["T"].definition
    ready = world.turn(
        [cm.Request(principal=cm.Principal(name="ann"), command=cm.DefineType(type=definition))]
    )
    assert ready.commit is None


def test_merge_event_names_only_what_changed() -> None:
    """Equal data are not logged again."""
    world = _world()
    _do(world, _post({"key": 1, "n": 1}))
    request = cm.Request(principal=cm.Principal(name="bob"), command=_post({"key": 1, "n": 1}))
    (record,) = world.turn([request]).records
    assert isinstance(record.event, EntryMerged)
    assert record.event.data is None


@pytest.mark.parametrize("entry", [0, -1, -9, 7])
def test_entry_that_is_not_there(entry: int) -> None:
    """Whatever the number, outside a batch there is nothing that a negative one could name."""
    world = _world()
    _do(world, _post({"key": 1}))
    answer = _do(world, cm.RetractEntry(entry=entry))
    assert isinstance(answer, Rejected)
    assert answer.code == "unknown_entry"
