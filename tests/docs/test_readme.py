"""What the README shows works: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import asyncio
import re
import shlex
import types
from pathlib import Path

import click
import pytest

from blackboard import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.name != "CHANGELOG.md"]


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Return every command of the README's console blocks."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def test_the_first_block_has_the_two_commands() -> None:
    """CI takes them from here, so that it runs what a newcomer runs."""
    first, _, _ = README.partition("## ")
    assert first.count("```console") == 1
    assert blocks("console")[0].splitlines() == [
        "$ pip install -e . && blackboard demo",
        "$ pip install -e '.[test]' && pytest",
    ]


def test_python_of_the_readme_runs() -> None:
    """The knowledge source is declared, and its test passes."""
    source, test = blocks("python")
    module = types.ModuleType("readme")
    exec(compile(source, "README.md", "exec"), module.__dict__)
    exec(compile(test, "README.md", "exec"), module.__dict__)
    asyncio.run(module.test_recent_deploy_is_blamed())


def test_the_example_file_is_the_readme_s() -> None:
    """What the README shows is what it tells to copy."""
    example = (ROOT / "examples/deploy_correlator.py").read_text(encoding="utf-8")
    names = re.compile(r"^(?:class|async def|@|DEPLOY).*", flags=re.MULTILINE)
    assert names.findall(example) == names.findall(blocks("python")[0])


@pytest.mark.parametrize("command", [each for each in commands() if each.startswith("blackboard ")])
def test_command_of_the_readme_exists(command: str) -> None:
    """Each takes the arguments that the README gives it."""
    _, name, *arguments = shlex.split(command)
    found = cli._root.get_command(click.Context(cli._root), name)
    assert found is not None
    found.make_context(name, arguments)


def anchor(heading: str) -> str:
    """Return the anchor that code hosts give to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(path: Path) -> set[str]:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists, and a heading that it has."""
    broken: list[str] = []
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, heading = target.partition("#")
        path = page.parent / name if name else page
        if not path.exists() or (heading and heading not in anchors(path)):
            broken.append(target)
    assert broken == []
