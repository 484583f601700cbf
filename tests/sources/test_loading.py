"""Knowledge sources are found in files and modules, and mistakes are reported with file and line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from blackboard_sources import load_file, load_module

from blackboard.core.errors import BlackboardError

GOOD = """\
from blackboard import Context, Entry, Hypothesis, knowledge_source
from blackboard_sources.loading import load_file as _hidden

class Word(Hypothesis, level="word"):
    text: str

@knowledge_source
async def second_word(ctx: Context, word: Entry[Word]) -> None: ...

@knowledge_source
async def another(ctx: Context, word: Entry[Word]) -> None: ...

alias = second_word
_private = another
"""


@pytest.fixture(autouse=True)
def restored_imports() -> Iterator[None]:
    """Undo what loading leaves on the path and among the modules."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_sources_of_a_file_are_found_in_order_and_once(tmp_path: Path) -> None:
    file = tmp_path / "words.py"
    file.write_text(GOOD)
    assert [each.name for each in load_file(file)] == ["second-word", "another"]


def test_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_words.py").write_text(GOOD)
    file = tmp_path / "words.py"
    file.write_text("from neighbour_of_words import another")
    assert [each.name for each in load_file(file)] == ["another"]


def test_sources_of_a_module_are_found(tmp_path: Path) -> None:
    (tmp_path / "module_of_words.py").write_text(GOOD)
    sys.path.insert(0, str(tmp_path))
    assert [each.name for each in load_module("module_of_words")] == ["second-word", "another"]


BROKEN = [
    ("x = (\n", r"plugin\.py:1: SyntaxError: '\(' was never closed"),
    ("a = 1\nb = a.nothing\n", r"plugin\.py:2: AttributeError: 'int' object has no attribute 'nothing'"),
    ("import nothing_of_this_name\n", r"plugin\.py:1: ModuleNotFoundError: No module named 'nothing_of"),
    ("x = 1\n", r"plugin\.py: no knowledge source; put @knowledge_source above a handler"),
    (
        "import blackboard\n\nclass W(blackboard.Hypothesis, level='w', identity=('txt',)):\n    text: str\n",
        r"plugin\.py:3: W has no field 'txt'; did you mean 'text'\?",
    ),
    (
        GOOD + "\nthird = knowledge_source(name='another')(another.handler)\n",
        "two sources are called 'another'",
    ),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_broken_file_is_reported_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(text)
    with pytest.raises(BlackboardError, match=message) as caught:
        load_file(file)
    assert caught.value.code == "invalid_source"
    assert "blackboard_plugin_plugin" not in sys.modules


def test_missing_file_and_other_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BlackboardError, match="no such file"):
        load_file(tmp_path / "missing.py")
    (tmp_path / "words.txt").write_text(GOOD)
    with pytest.raises(BlackboardError, match=r"must end in \.py"):
        load_file(tmp_path / "words.txt")


def test_missing_module_is_refused() -> None:
    with pytest.raises(BlackboardError, match="No module named 'nothing_of_this_name'"):
        load_module("nothing_of_this_name")
