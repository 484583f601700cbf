"""The rules of docs/semantics.md name transcripts that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "docs/semantics.md").read_text(encoding="utf-8")
TRANSCRIPTS = {path.stem for path in (ROOT / "tests/scenarios/transcripts").glob("*.txt")}
BRACKETS = re.findall(r"\*\((`[^)]*`)\)\*", RULES)


def test_rules_name_transcripts_that_exist() -> None:
    named = {name for bracket in BRACKETS for name in re.findall(r"`(\w+)`", bracket)}
    assert named - TRANSCRIPTS == set()


def test_most_rules_are_shown() -> None:
    """The others hold for the shell, or for what no transcript can show."""
    rules = re.findall(r"^- \*\*\w+\.", RULES, flags=re.MULTILINE)
    assert len(rules) > 50
    assert len(BRACKETS) >= 0.75 * len(rules)
