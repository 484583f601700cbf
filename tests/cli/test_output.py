"""What agents post is shown so that it can neither forge lines nor drive the terminal."""

from __future__ import annotations

import click
import pytest

from blackboard.cli.output import entry_line, event_line, safe, table
from blackboard.cli.why import tree

EVIL = "\x1b[31mred\x00\nforged line\x9b2J"


def entry(**more: object) -> dict[str, object]:
    return {
        "id": 1,
        "type": "Note",
        "level": "signal",
        "belief": 0.5,
        "author": "ann",
        "status": "proposed",
        "data": {"text": "hi"},
        **more,
    }


@pytest.mark.parametrize(
    "line",
    [
        entry_line(entry(note=EVIL)),
        entry_line(entry(data={"text": EVIL})),
        entry_line(entry(author=EVIL)),
        event_line(
            1, {"event": "entry_posted", "entry": 1, "confidence": 1, "author": "a", "note": EVIL}, {}
        ),
        event_line(1, {"event": "board_ended", "outcome": "solved", "reason": EVIL}, {}),
        table([[EVIL, "x"]], header=["A", "B"]).splitlines()[-1],
        tree(1, safe({"1": entry(note=EVIL)}), [])[0],
    ],
)
def test_control_characters_are_shown_not_obeyed(line: str) -> None:
    plain = click.unstyle(line)
    assert "forged line" in plain
    assert plain.isprintable()


def test_other_text_is_left_alone() -> None:
    assert safe({"a": ["grün", "日本"]}) == {"a": ["grün", "日本"]}
