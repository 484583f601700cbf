"""The reference part of the protocol page."""

import subprocess
import sys

import pytest

from blackboard.core.errors import CATALOGUE
from blackboard.wire.messages import COMMON_ERRORS, METHODS, NOTIFICATIONS
from blackboard.wire.reference import MARK, reference, renewed

TEXT = reference()


@pytest.mark.parametrize("name", [*METHODS, *NOTIFICATIONS])
def test_every_method_and_notification_has_its_section(name):
    section = TEXT.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    row = METHODS.get(name) or NOTIFICATIONS[name]
    assert row.doc in section
    for field in row.params.model_fields:
        assert f"| `{field}` | " in section
    for code in getattr(row, "errors", ()):
        assert f"`{code}`" in section


def test_errors_of_methods_are_in_the_catalogue_and_not_told_twice():
    assert set(COMMON_ERRORS) <= set(CATALOGUE)
    for name, row in METHODS.items():
        assert set(row.errors) <= set(CATALOGUE), name
        assert len(set(row.errors)) == len(row.errors), name


def test_types_are_told_in_words():
    assert "| `because` | array of integer | `[]` |" in TEXT
    assert "| `bindings` | array of [BindingView](#bindingview) | required |" in TEXT
    assert "| `nodes` | object of [EntryView](#entryview) | required |" in TEXT
    assert "| `keep` | boolean | `false` |" in TEXT
    assert "| `exist_ok` | boolean | `false` |" in TEXT
    assert "`accept`, `reject`" not in TEXT
    assert '| `verdict` | `"accept"`, `"reject"`, `"reopen"` | required |' in TEXT
    assert "\narray [integer, integer].\n" in TEXT


def test_fields_of_core_facts_are_described_by_their_docstrings():
    assert "| `trigger` | [Trigger](#trigger) | required | On what it wants to act. |" in TEXT
    assert "Args:" not in TEXT


def test_page_is_renewed_from_the_mark_on():
    assert renewed(f"# Page\n\n{MARK}\nold") == f"# Page\n\n{MARK}\n\n{TEXT}"
    with pytest.raises(AssertionError, match="the page lacks the line"):
        renewed("# Page")


def test_command_prints_or_writes(tmp_path):
    command = [sys.executable, "-m", "blackboard.wire.reference"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True)
    assert printed.stdout == TEXT
    page = tmp_path / "page.md"
    page.write_text(f"{MARK}\nold", encoding="utf-8")
    subprocess.run([*command, str(page)], check=True, timeout=60)
    assert page.read_text(encoding="utf-8") == f"{MARK}\n\n{TEXT}"
