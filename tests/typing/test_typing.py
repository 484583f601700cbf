"""Both type checkers accept what authors should write and refuse every marked mistake."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def mypy(path: Path) -> set[int]:
    """Return the lines of `path` on which mypy reports an error."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=110, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {int(line) for line in re.findall(rf"{path.name}:(\d+): error", done.stdout)}


def basedpyright(path: Path) -> set[int]:
    """Return the lines of `path` on which basedpyright reports an error."""
    command = [
        sys.executable,
        "-m",
        "basedpyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=110, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {each["range"]["start"]["line"] + 1 for each in found if each["severity"] == "error"}


CHECKERS = pytest.mark.parametrize("check", [mypy, basedpyright])


@CHECKERS
def test_checkers_accept_what_authors_should_write(check: Callable[[Path], set[int]]) -> None:
    assert check(HERE / "good.py") == set()


@CHECKERS
def test_checkers_refuse_each_marked_mistake_and_nothing_else(check: Callable[[Path], set[int]]) -> None:
    path = HERE / "bad.py"
    lines = path.read_text().splitlines()
    marked = {number for number, line in enumerate(lines, start=1) if line.endswith("# error")}
    assert len(marked) >= 15
    assert check(path) == marked


def test_what_authors_should_write_also_imports() -> None:
    names = [source.name for source in runpy.run_path(str(HERE / "good.py"))["SOURCES"]]
    assert names == ["deploy-correlator", "every-operator", "short-form", "last-chance", "class-form"]
