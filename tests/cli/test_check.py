"""`blackboard check` says what is wrong with plugin files, and explains those that are right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from blackboard.cli import check

EXAMPLE = Path(__file__).parents[2] / "examples" / "deploy_correlator.py"
NEVER = """
from blackboard import Context, Entry, Hypothesis, knowledge_source, on, var, when
print("a plugin may print")

class Item(Hypothesis, level="item"):
    n: int

ITEM = var(Item)

@knowledge_source(when(on(ITEM, ITEM.n > 5, ITEM.n < 3)), produces=[Item], attempts=1)
async def act(ctx: Context, item: Entry[Item]) -> None:
    '''Never acts.'''
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(check.check_command, list(map(str, arguments)))


def test_good_file_is_explained() -> None:
    """Trigger in words, types with levels and identity, products, bounds."""
    result = run(EXAMPLE)
    assert result.exit_code == 0
    for words in (
        "when ErrorSpike(ratio >= 3, confidence >= 0.6) and Deploy(service == spike.service",
        "→ Cause",
        "Cause on level cause, one per service and version: service, version, summary",
        "rating 0.8, 10 s per attempt, 3 attempts",
        "hint: deploy-correlator: nobody here produces Deploy",
        "1 file, 1 source, 0 errors, 0 warnings, 2 hints",
    ):
        assert words in result.output


def test_trigger_that_never_matches_fails_a_strict_check(tmp_path: Path) -> None:
    file = tmp_path / "never.py"
    file.write_text(NEVER)
    result = run(file)
    assert result.exit_code == 0
    assert f"{file}:10: warning: act: can never match: Item: n > 5 and n < 3 never holds" in result.output
    assert run(file, "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("x = (\n", ":1", "SyntaxError: '(' was never closed"),
        ("\nraise ValueError('no')\n", ":2", "ValueError: no"),
        ("", "", "no knowledge source; put @knowledge_source above a handler"),
        ("raise SystemExit(7)\n", "", "its import ended the process with code 7"),
        ("import os; os._exit(9)\n", "", "its import ended the process with code 9"),
    ],
)
def test_broken_file_fails_the_check_at_its_line(tmp_path: Path, content: str, line: str, said: str) -> None:
    """The others are checked all the same."""
    file = tmp_path / "broken.py"
    file.write_text(content)
    result = run(file, EXAMPLE, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.output)
    assert [each["source"] for each in answer["sources"]] == ["deploy-correlator"]
    (error,) = [each for each in answer["findings"] if each["weight"] == "error"]
    assert error["where"] == f"{file}{line}"
    assert said in error["message"]


def test_import_that_does_not_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "IMPORT_SECONDS", 0.5)
    file = tmp_path / "endless.py"
    file.write_text("while True: pass\n")
    result = run(file)
    assert result.exit_code == 1
    assert "its import did not end within 0.5 s" in result.output


def test_folder_stands_for_its_plugins(tmp_path: Path) -> None:
    """Those that would be served; a conflict between them is found."""
    (tmp_path / "one.py").write_text(NEVER)
    (tmp_path / "two.py").write_text(NEVER.replace("n: int", "n: float"))
    (tmp_path / "_helper.py").write_text("x = (")
    result = run(tmp_path, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.output)
    assert answer["files"] == [str(tmp_path / "one.py"), str(tmp_path / "two.py")]
    errors = [each["message"] for each in answer["findings"] if each["weight"] == "error"]
    assert len(errors) == 2
    assert "is declared in" in errors[0]
    assert "its type Item differs" in errors[1]
    assert answer["sources"][0]["trigger"] == "Item(n > 5, n < 3)"
