"""The fixtures that have every test fail in which a frame passed that the schema does not describe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorder import FOLDER_VARIABLE, Recorder, install, is_server_loaded

RECORDER = Recorder()
"""Of the servers inside the test process."""

CHILD = Path(__file__).with_name("child")
_installed: list[Recorder] = []


@pytest.fixture(autouse=True)
def frames_are_described(request: pytest.FixtureRequest) -> Iterator[None]:
    """Validate all frames of servers inside the test process; measurements are left alone."""
    if is_server_loaded() and not _installed:
        install(RECORDER)
        _installed.append(RECORDER)
    RECORDER.is_on = "bench" not in request.path.parts
    RECORDER.take()
    yield
    problems = RECORDER.take()
    assert not problems, "frames that the schema does not describe:\n" + "\n".join(problems)


@pytest.fixture
def recorded_children(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Validate all frames of `blackboard serve` processes; give the folder of what they note."""
    folder = tmp_path_factory.mktemp("frames")
    path = os.pathsep.join(filter(None, (str(CHILD), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    yield folder
    problems = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.problems"))]
    assert not problems, "frames that the schema does not describe:\n" + "".join(problems)
