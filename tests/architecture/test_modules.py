"""The house rules that no linter knows: docstrings and `__all__` in step, short modules, nothing left to do,
and no word that belongs to one machine."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("blackboard", "control/blackboard_control", "knowledge_sources/blackboard_sources")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERYTHING = (*PACKAGES, "examples", "tests", "docs", ".ci")
TEXT = {".py", ".md", ".toml", ".sql", ".html", ".css", ".js", ".json", ".txt", ".sh", ".yml", ".yaml", ""}

LINES_MAX = 600
"""Longest module; beyond it there is a second noun to split off."""

LONGER: dict[str, str] = {}
"""Modules that may be longer, and why."""

MARKERS = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
"""Work left over."""

FORBIDDEN = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:wo" + r"rk|ho" + r"me/\w|ro" + r"ot/|Us" + r"ers/\w|t" + r"mp/)",
            r"\bpy" + r"pi\.(?:org|python)",
            r"pytho" + r"nhosted\.org",
            r"\bnp" + r"mjs\.(?:org|com)",
            r"(?:index|extra-index)-" + r"url",
            r"trusted-" + r"host",
            r"conda\.anaconda\." + r"org",
            r"proxy\.gol" + r"ang",
        )
    )
)
"""Paths of one machine, and hosts of package registries."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts() -> Iterator[Path]:
    """Yield the text files of the project, without what tools leave behind."""
    yield from (path for path in sorted(ROOT.iterdir()) if path.is_file() and path.suffix in TEXT - {""})
    for folder in EVERYTHING:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
                yield path


def is_forbidden(line: str) -> bool:
    return MARKERS.search(line) is not None or FORBIDDEN.search(line) is not None


def strings(tree: ast.Module, name: str) -> list[str] | None:
    """Return the strings assigned to `name` at the top of a module."""
    for node in tree.body:
        is_named = isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        )
        if is_named:
            assert isinstance(node, ast.Assign)
            return list(ast.literal_eval(node.value))
    return None


def defined(tree: ast.Module) -> set[str]:
    """Return every name bound at the top of a module, imports under `TYPE_CHECKING` included."""
    names: set[str] = set()
    for node in ast.walk(ast.Module(_top(tree.body), [])):
        if isinstance(node, ast.alias):
            names.add(node.asname or node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def _top(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a module without the bodies of functions and classes."""
    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            found += _top([*node.body, *node.orelse])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(ast.parse(f"def {node.name}(): ...").body[0])
        else:
            found.append(node)
    return found


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    start = next(index for index, part in enumerate(parts) if part.startswith("blackboard"))
    return ".".join(parts[start:]).removesuffix(".__init__")


TREES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
LISTED = {name: strings(tree, "__all__") for name, tree in TREES.items()}


def imports(name: str) -> Iterator[tuple[str, ast.alias]]:
    """Yield what a module takes from ours: the module it comes from, and the name."""
    is_package = any(module_name(path) == name for path in MODULES if path.name == "__init__.py")
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ImportFrom):
            up = node.level - is_package if node.level else 0
            base = name.rsplit(".", up)[0] if up else name
            origin = f"{base}.{node.module}" if node.level else str(node.module)
            if origin in TREES:
                yield from ((origin, alias) for alias in node.names)


def test_modules_say_what_they_own() -> None:
    """Every module begins with a docstring, and that with a sentence."""
    openings = {name: (ast.get_docstring(tree) or "").partition("\n\n")[0] for name, tree in TREES.items()}
    assert [name for name, text in openings.items() if not text.endswith((".", ":", "?"))] == []


def test_public_modules_list_what_is_theirs() -> None:
    """`__all__` is there, names nothing twice and nothing that the module lacks.

    A package without code of its own may leave it out.
    """
    wrong: dict[str, str] = {}
    for name, tree in TREES.items():
        listed = LISTED[name]
        is_bare = len(tree.body) == 1 and ast.get_docstring(tree) is not None
        if listed is None:
            if not is_bare and not name.rpartition(".")[2].startswith("_"):
                wrong[name] = "no __all__"
        elif len(listed) != len(set(listed)):
            wrong[name] = "a name is listed twice"
        elif missing := set(listed) - defined(tree):
            wrong[name] = f"listed, but not there: {sorted(missing)}"
    assert wrong == {}


def test_modules_import_from_each_other_only_what_is_listed() -> None:
    """What one module takes from another is public there; a package shares its logger."""
    wrong = [
        f"{name}: from {origin} import {alias.name}"
        for name in TREES
        for origin, alias in imports(name)
        if f"{origin}.{alias.name}" not in TREES and alias.name not in {"LOG", *(LISTED[origin] or ())}
    ]
    assert wrong == []


def test_packages_export_what_they_import() -> None:
    """What a package takes from its modules it either uses itself or lists for others."""
    wrong: dict[str, list[str]] = {}
    for name in (module_name(path) for path in MODULES if path.name == "__init__.py"):
        taken = {alias.asname or alias.name for _, alias in imports(name)}
        used = {node.id for node in ast.walk(TREES[name]) if isinstance(node, ast.Name)}
        if idle := taken - used - set(LISTED[name] or ()):
            wrong[name] = sorted(idle)
    assert wrong == {}


def test_modules_are_short() -> None:
    """One module owns one noun; the exceptions are stated, and needed."""
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name for name, lines in lengths.items() if lines > LINES_MAX} == set(LONGER)


def test_texts_leave_nothing_to_do_and_name_no_machine() -> None:
    """Work left over belongs into an issue; a path or host of one machine belongs nowhere."""
    found = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if is_forbidden(line)
    ]
    assert found == []


def test_texts_of_every_kind_are_read() -> None:
    """A moved folder would otherwise leave the tests without anything to check."""
    names = {name_of(path) for path in texts()}
    assert {"README.md", "pyproject.toml", "blackboard/core/apply.py", "docs/protocol.md"} <= names
    assert {".ci/run", "blackboard/store/sql/0001_log.sql"} <= names


def test_helpers_of_the_tests_have_names_of_their_own() -> None:
    """They are imported by plain names; see tests/conftest.py."""
    helpers = [
        path.stem
        for path in (ROOT / "tests").rglob("*.py")
        if not path.stem.startswith("test_") and path.stem not in {"conftest", "__init__"}
    ]
    assert sorted(helpers) == sorted(set(helpers))
    assert sys.stdlib_module_names.isdisjoint(helpers)


PLANTED = [
    "# TO" + "DO: later",
    "# FIX" + "ME",
    "open('/wo" + "rk/main/file')",
    "cd /ho" + "me/someone",
    "see /t" + "mp/notes",
    "https://py" + "pi.org/project",
    "https://files.pytho" + "nhosted.org/x",
    "pip install --index-" + "url x",
]


@pytest.mark.parametrize("line", PLANTED)
def test_planted_word_is_found(line: str) -> None:
    assert is_forbidden(line)


@pytest.mark.parametrize(
    "line", ["see PyPI for it", "the network of hosts", "rework/", "todo", "docs/tmp/x", "/metrics"]
)
def test_harmless_word_is_let_through(line: str) -> None:
    assert not is_forbidden(line)
