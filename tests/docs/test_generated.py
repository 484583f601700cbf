"""The generated parts of `docs/` are what the code says, and every part is shown somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated import DOCS, PART, PARTS, filled, first_line, pages

from blackboard.core.commands import PostEntry
from blackboard.core.errors import CATALOGUE


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_generated_parts_are_up_to_date(page: Path) -> None:
    """After a change to the code, `python tests/docs/generated.py` rewrites them."""
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, f"{page.name} is out of date; run python tests/docs/generated.py"


def test_every_part_is_shown() -> None:
    shown = [name for page in pages() for name in PART.findall(page.read_text(encoding="utf-8"))]
    assert sorted(shown) == sorted(PARTS)


def test_a_changed_part_is_noticed() -> None:
    """The comparison would see a table that lost a row."""
    page = "<!-- generated: errors -->\nstale\n<!-- end -->"
    assert filled(page) != page
    assert all(f"`{code}`" in filled(page) for code in CATALOGUE)


def test_summaries_are_whole_sentences() -> None:
    assert first_line(PostEntry) == "Post a hypothesis or partial result."
