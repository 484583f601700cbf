"""The import contracts of pyproject.toml hold, and each of them breaks when it is violated."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("blackboard", "control/blackboard_control", "knowledge_sources/blackboard_sources")

VIOLATIONS = {
    "blackboard/core/limits.py": "from blackboard.store.limits import StoreLimits",
    "control/blackboard_control/rating.py": "from blackboard.wire.frames import frame_text",
    "blackboard/engine.py": "from blackboard.server.auth import SCOPES",
    "blackboard/store/limits.py": "from blackboard.authoring.entry import Entry",
    "blackboard/wire/frames.py": "from blackboard.engine import Engine",
    "blackboard/server/auth.py": "import blackboard_sources",
    "blackboard/authoring/entry.py": "import blackboard_sources.incident",
    "knowledge_sources/blackboard_sources/__init__.py": "from blackboard.server.writer import BoardWriter",
}
"""Together these break every contract."""


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as c; c()",
        "--no-cache",
    ]
    path = os.pathsep.join(str(root / part) for part in (".", "control", "knowledge_sources"))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def contract_names() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


def test_contracts_hold() -> None:
    """Imports point inward."""
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(contract_names())} kept, 0 broken." in done.stdout


def test_each_contract_breaks_when_violated(tmp_path: Path) -> None:
    """A contract that cannot break holds no line."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in VIOLATIONS.items():
        with (tmp_path / name).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    report = " ".join(done.stdout.split())
    kept = [name for name in contract_names() if f"{name} BROKEN" not in report]
    assert kept == []
