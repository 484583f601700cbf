"""The package's lazy names, `__all__` and what type checkers see stay in step."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import blackboard


def names_for_checkers() -> list[str]:
    """Return the names imported under `TYPE_CHECKING`."""
    tree = ast.parse(inspect.getsource(blackboard))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    assert len(blocks) == 1
    imports = [node for node in blocks[0].body if isinstance(node, ast.ImportFrom)]
    return [alias.asname or alias.name for node in imports for alias in node.names]


def test_all_and_the_imports_for_checkers_name_the_same() -> None:
    assert sorted(names_for_checkers()) == sorted(blackboard.__all__)


@pytest.mark.parametrize("name", blackboard.__all__)
def test_every_name_resolves(name: str) -> None:
    assert getattr(blackboard, name) is not None
    assert name in dir(blackboard)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = blackboard.nothing  # type: ignore[attr-defined, unused-ignore]


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, blackboard; print([m for m in ('pydantic', 'msgspec', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"
