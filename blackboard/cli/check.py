"""`blackboard check`: are these plugins in order, and on what will they act?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import orjson

from blackboard.cli.failures import FAILED, OK
from blackboard.cli.output import print_json
from blackboard.cli.remote import as_json
from blackboard.cli.review import Checked, Finding, Weight, review
from blackboard.core.entry_type import EntryType
from blackboard.core.fact import from_data, to_data
from blackboard.core.source import SourceDeclaration
from blackboard.core.trigger import describe

__all__ = ["check_command"]

IMPORT_SECONDS: Final = 60.0
"""How long the import of one file may take."""
_COLOURS: Final[dict[Weight, str]] = {"error": "red", "warning": "yellow", "hint": "cyan"}


@click.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--strict", is_flag=True, help="Let warnings fail the check too.")
@as_json
def check_command(*, paths: tuple[Path, ...], strict: bool, json_: bool) -> None:
    r"""Check plugin files, or all those of a folder, and say on what they will act.

    Each file is imported in a process of its own; no server is needed. Errors fail the check. A trigger that
    can never match is a warning.

    \b
    Examples:
      blackboard check knowledge_sources/
      blackboard check examples/deploy_correlator.py --json
    """
    from blackboard.server.plugins import find_plugins

    files = [file for path in paths for file in (find_plugins(path) if path.is_dir() else [path])]
    checked: list[Checked] = []
    findings: list[Finding] = []
    for file in dict.fromkeys(files):
        found = _describe(file)
        if isinstance(found, Finding):
            findings.append(found)
        else:
            checked += found
    findings += review(checked)
    if json_:
        print_json(_as_json(files, checked, findings))
    else:
        _show(files, checked, findings)
    failing = {"error", "warning"} if strict else {"error"}
    sys.exit(FAILED if any(each.weight in failing for each in findings) else OK)


def _describe(file: Path) -> list[Checked] | Finding:
    """Import a file in another process, and return what it declares, or what is wrong with it."""
    command = [sys.executable, "-m", "blackboard_sources.describe", str(file)]
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours
            command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=IMPORT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return _broken(file, f"{file}: its import did not end within {IMPORT_SECONDS:g} s")
    if not done.stdout:
        return _broken(file, f"{file}: its import ended the process with code {done.returncode}")
    answer: dict[str, Any] = orjson.loads(done.stdout)
    if "error" in answer:
        return _broken(file, answer["error"])
    return [
        Checked(str(file), each["location"], from_data(each["declaration"], SourceDeclaration))
        for each in answer["sources"]
    ]


def _broken(file: Path, error: str) -> Finding:
    """Split `file:line: what` where it is said like that."""
    place, colon, message = error.partition(": ")
    if colon and place.startswith(str(file)):
        return Finding("error", place, "", message)
    return Finding("error", str(file), "", error)


def _as_json(
    files: Sequence[Path], checked: Sequence[Checked], findings: Sequence[Finding]
) -> dict[str, Any]:
    return {
        "files": [str(file) for file in files],
        "sources": [
            {
                "source": each.declaration.name,
                "file": each.file,
                "location": each.location,
                "trigger": describe(each.declaration.trigger),
                "trigger_hash": each.declaration.trigger_hash,
                "declaration": to_data(each.declaration),
            }
            for each in checked
        ],
        "findings": [
            {"weight": each.weight, "where": each.where, "source": each.source, "message": each.message}
            for each in findings
        ],
    }


def _show(files: Sequence[Path], checked: Sequence[Checked], findings: Sequence[Finding]) -> None:
    for each in checked:
        for line in _lines(each.declaration):
            click.echo(line)
    for finding in findings:
        what = f"{finding.source}: {finding.message}" if finding.source else finding.message
        weight = click.style(finding.weight, fg=_COLOURS[finding.weight], bold=True)
        click.echo(f"{finding.where}: {weight}: {what}")
    counts = [(len(files), "file"), (len(checked), "source")]
    counts += [(sum(each.weight == weight for each in findings), weight) for weight in _COLOURS]
    click.echo(", ".join(_count(number, word) for number, word in counts))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _lines(declaration: SourceDeclaration) -> list[str]:
    """Explain one source."""
    product = ", ".join(declaration.produces) or "anything"
    title = click.style(declaration.name, bold=True)
    tries = f"{declaration.attempts_max} attempts" if declaration.attempts_max > 1 else "1 attempt"
    return [
        f"{title}  {declaration.description}".rstrip(),
        f"  when {describe(declaration.trigger)}",
        f"  → {product}",
        *(f"  {_type_words(each)}" for each in declaration.types),
        f"  rating {declaration.rating:g}, {declaration.timeout_ms / 1_000:g} s per attempt, {tries}",
        "",
    ]


def _type_words(kind: EntryType) -> str:
    fields = ", ".join(kind.schema.get("properties", {}))
    identity = f", one per {' and '.join(kind.identity)}" if kind.identity else ""
    return f"{kind.name} on level {kind.level}{identity}: {fields}"
