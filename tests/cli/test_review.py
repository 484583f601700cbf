"""What is said of sources before they meet a board."""

from __future__ import annotations

from typing import Any

from blackboard.cli.review import Checked, Finding, review
from blackboard.core.condition import Compare
from blackboard.core.entry_type import EntryType
from blackboard.core.source import SourceDeclaration
from blackboard.core.trigger import Pattern, Trigger


def source(
    name: str, on: str, *more: Compare, file: str = "a.py", absent: str = "", **fields: Any
) -> Checked:
    groups = ((Pattern("n", absent),),) if absent else ()
    trigger = Trigger(patterns=(Pattern("x", on, more),), absent=groups)
    return Checked(file, f"{file}:9", SourceDeclaration(name=name, trigger=trigger, **fields))


def test_sources_in_order_are_left_in_peace() -> None:
    """Also when one of them may produce anything."""
    one, two = source("one", "A", produces=("B",)), source("two", "B", produces=("A",), file="b.py")
    assert review([one, two]) == []
    assert review([source("one", "A")]) == []


def test_trigger_that_never_matches_is_a_warning() -> None:
    never = source("one", "A", Compare("/x", ">", 5), Compare("/x", "<", 3))
    assert review([never]) == [
        Finding("warning", "a.py:9", "one", "can never match: A: x > 5 and x < 3 never holds")
    ]


def test_name_used_twice_is_an_error() -> None:
    (finding,) = review([source("one", "A"), source("one", "A", file="b.py")])
    assert (finding.weight, finding.where) == ("error", "b.py:9")
    assert "is declared in a.py:9 too" in finding.message


def test_types_that_differ_are_an_error() -> None:
    """Equal definitions in two files are harmless."""
    low, high = EntryType("A", "low", {"type": "object"}), EntryType("A", "high", {"type": "object"})
    one, two = source("one", "A", types=(low,)), source("two", "A", types=(high,), file="b.py")
    (finding,) = review([one, two])
    assert (finding.weight, finding.source) == ("error", "two")
    assert "its type A differs from that of one (a.py:9)" in finding.message
    assert review([one, source("two", "A", types=(low,), file="b.py")]) == []


def test_what_nobody_produces_is_a_hint() -> None:
    (finding,) = review([source("one", "A", produces=("B",)), source("two", "B", produces=("B2",))])
    assert finding == Finding(
        "hint", "a.py:9", "one", "nobody here produces A; a person or another source has to post it"
    )


def test_source_that_feeds_itself_is_a_hint() -> None:
    """Unless it waits for the absence of something."""
    (finding,) = review([source("one", "A", produces=("A",))])
    assert finding.message == "acts on A and produces A: it may trigger itself without end"
    assert review([source("one", "A", produces=("A", "B"), absent="B")]) == []


def test_source_that_forbids_its_like_is_a_hint() -> None:
    (finding,) = review([source("one", "A", absent="A")])
    assert finding.message == "acts only while there is a single A, since it forbids another one like it"
