"""Every transcript reads as it did when it was last reviewed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.runner import REWRITE, run_transcript

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript_reads_as_reviewed(path: Path) -> None:
    """The commands of a transcript show what the file says."""
    shown = run_transcript(path)
    if os.environ.get(REWRITE):
        path.write_text(shown)
    assert shown == path.read_text()


def test_there_are_transcripts() -> None:
    """The folder was found."""
    assert TRANSCRIPTS
