"""The pure parts are pure; and the checker that says so finds what is planted."""

from __future__ import annotations

from pathlib import Path

import pytest
from purity_checker import check

ROOT = Path(__file__).parents[2]

EXPORTS = tuple(ROOT / "blackboard/wire" / f"{name}.py" for name in ("asyncapi", "reference", "schema"))
"""They describe the protocol from docstrings, and print it when run as commands; no session needs them."""

PURE = (
    *sorted((ROOT / "blackboard/core").rglob("*.py")),
    ROOT / "blackboard/engine.py",
    *sorted(path for path in (ROOT / "blackboard/wire").rglob("*.py") if path not in EXPORTS),
    *sorted((ROOT / "control/blackboard_control").rglob("*.py")),
)

EXCEPTIONS: dict[str, frozenset[str]] = {
    # The sans-I/O layer of websockets, and nothing of it that opens a socket. It writes to a logger;
    # base.py makes the one that it is given.
    "blackboard/wire/connection/base.py": frozenset(
        {
            "logging",
            "websockets.client",
            "websockets.exceptions",
            "websockets.frames",
            "websockets.protocol",
            "websockets.server",
        }
    ),
    "blackboard/wire/connection/client.py": frozenset(
        {
            "websockets.client",
            "websockets.frames",
            "websockets.http11",
            "websockets.protocol",
            "websockets.uri",
        }
    ),
    "blackboard/wire/connection/server.py": frozenset(
        {
            "http",
            "websockets.datastructures",
            "websockets.frames",
            "websockets.http11",
            "websockets.server",
        }
    ),
    "blackboard/wire/frames.py": frozenset({"websockets.speedups", "websockets.utils"}),
}
"""What single modules import beyond the usual, and why."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_pure_module_is_pure(path: Path) -> None:
    """No clock, randomness, environment, I/O, waiting, object identity or unordered iteration."""
    findings = check(path.read_text(encoding="utf-8"), allowed=EXCEPTIONS.get(name_of(path), ()))
    assert findings == []


def test_the_pure_parts_are_all_looked_at() -> None:
    """A moved folder would otherwise leave the test without anything to check."""
    names = {name_of(path) for path in PURE}
    assert {"blackboard/core/apply.py", "blackboard/engine.py"} <= names
    assert {"blackboard/wire/connection/base.py", "control/blackboard_control/control.py"} <= names


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_every_exception_is_needed(name: str) -> None:
    """An exception that nothing needs any more would hide the next impurity."""
    findings = check((ROOT / name).read_text(encoding="utf-8"))
    assert {finding.what for finding in findings} == EXCEPTIONS[name]


PLANTED = {
    "import": [
        "import time",
        "import datetime",
        "from datetime import datetime",
        "import random",
        "import secrets",
        "import os",
        "import os.path",
        "import io",
        "from pathlib import Path",
        "import socket",
        "import asyncio",
        "import threading",
        "import subprocess",
        "import logging",
        "import uuid",
        "import sqlite3",
        "import weakref",
        "from collections import deque\nimport sys",
        "from websockets.asyncio.client import connect",
        "def late():\n    import time",
        "from blackboard import Post",
        "import blackboard",
    ],
    "call": [
        "key = id(board)",
        "key = hash('name')",
        "open('file')",
        "print('here')",
        "input()",
        "def token():\n    return object()",
        "breakpoint()",
    ],
    "async": [
        "async def post(): ...",
        "async def post():\n    await other()",
        "async def post():\n    async with lock: ...",
        "async def post():\n    async for each in stream: ...",
        "async def post():\n    return [each async for each in stream]",
    ],
    "order": [
        "for each in {1, 2}: ...",
        "for each in set(names): ...",
        "for each in frozenset(names): ...",
        "found = [each for each in {1, 2}]",
        "found = {each: None for each in set(names)}",
        "found = tuple(each for each in set(names))",
        "found = list(set(names))",
        "found = tuple({each.id for each in entries})",
        "found = [*{1, 2}]",
        "call(*set(names))",
        "found = dict.fromkeys(set(names))",
        "text = ', '.join(set(names))",
        "first = next(iter({1, 2}))",
        "for index, each in enumerate(set(names)): ...",
        "total = sum({0.1, 0.2})",
        "seen = set()\nfor each in seen: ...",
        "def walk():\n    seen = {1}\n    other = seen | found\n    yield from other",
        "def walk(seen: set[int]):\n    return list(seen)",
        "def walk(seen: frozenset[int] | None):\n    return [each for each in seen]",
        "NAMES: Final[frozenset[str]] = names()\nfound = list(NAMES)",
        "for each in old.keys() - new.keys(): ...",
        "for each in seen.union({1}) if False else {2}: ...",
        "seen = {1}\nfirst = seen.pop()",
        "seen = {1}\nsorted(each for each in names for other in list(seen))",
    ],
}


@pytest.mark.parametrize(
    ("rule", "source"), [(rule, source) for rule, sources in PLANTED.items() for source in sources]
)
def test_planted_impurity_is_found(rule: str, source: str) -> None:
    assert rule in {finding.rule for finding in check(source)}


HARMLESS = [
    "from __future__ import annotations\nimport msgspec, orjson, heapq\nfrom collections.abc import Mapping",
    "from blackboard.core.entry import Entry\nfrom blackboard_control.agenda import Agenda",
    "_ABSENT = object()",
    "for each in sorted({1, 2}): ...",
    "found = sorted(each.id for each in set(entries))",
    "is_any = any(each > 1 for each in {1, 2})",
    "is_all = all(map_ for map_ in set(names))",
    "count = len(set(names))",
    "least, most = min({1, 2}), max({1, 2})",
    "inner = {each + 1 for each in {1, 2}}",
    "is_in = 'a' in {'a', 'b'}",
    "both = {*{1, 2}, 3}",
    "seen = set()\nseen.add(1)\nseen |= {2}\nis_apart = seen.isdisjoint(other)",
    "def one():\n    seen = {1}\n    return len(seen)\ndef two(seen):\n    return list(seen)",
    "for each in {'a': 1}: ...",
    "for each in dict.fromkeys(names): ...",
    "found = [1, 2]\nlast = found.pop()",
    "difference = [each for each in range(3 - 1)]",
]


@pytest.mark.parametrize("source", HARMLESS)
def test_harmless_code_is_let_through(source: str) -> None:
    assert check(source) == []


def test_finding_names_the_line_and_what_is_there() -> None:
    (finding,) = check("import msgspec\n\nimport time\n")
    assert (finding.line, finding.rule, finding.what) == (3, "import", "time")
