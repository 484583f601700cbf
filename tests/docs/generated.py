"""The generated parts of `docs/`: tables and diagrams drawn from the code that they describe.

A page holds a generated part between `<!-- generated: NAME -->` and `<!-- end -->`. Run as a command this
file rewrites all of them; `test_generated.py` compares.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from blackboard_control.rating import DEFAULT_WEIGHTS
from blackboard_control.strategy import STRATEGIES

from blackboard.core.activation import ACTIVATION_MOVES
from blackboard.core.board import BOARD_MOVES
from blackboard.core.commands import Command, SystemCommand
from blackboard.core.completion import Completion, Settings
from blackboard.core.condition import Operator
from blackboard.core.entry import STATUS_MOVES
from blackboard.core.errors import CATALOGUE
from blackboard.core.events import Event
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.system import SystemEvent
from blackboard.store.limits import DEFAULT_STORE_LIMITS
from blackboard.wire.connection import MOVES

DOCS: Final = Path(__file__).parents[2] / "docs"
PART: Final = re.compile(r"<!-- generated: ([\w-]+) -->\n.*?<!-- end -->", flags=re.DOTALL)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def first_line(subject: object) -> str:
    """Return the summary of a docstring, which may run over several lines."""
    text = (inspect.getdoc(subject) or "").partition("\n\n")[0]
    return " ".join(text.split())


def facts(union: Any) -> str:
    """Return one row per variant of a union of tagged facts."""
    return table(
        ("name on the wire", "class", "fields", "what it says"),
        (
            (
                f"`{kind.__struct_config__.tag}`",
                f"`{kind.__name__}`",
                ", ".join(f"`{field}`" for field in kind.__struct_fields__) or "none",
                first_line(kind),
            )
            for kind in get_args(union)
        ),
    )


def lifecycle(moves: Mapping[Any, Mapping[Any, str]], start: str) -> str:
    """Return a state diagram of a life-cycle table."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start}"]
    for state, reached in moves.items():
        lines += [f"    {state} --> {target}: {move}" for move, target in reached.items()]
        lines += [] if reached else [f"    {state} --> [*]"]
    return "\n".join([*lines, "```"])


def errors() -> str:
    """Return the error catalogue."""
    return table(
        ("code", "number", "retry helps", "advice"),
        (
            (f"`{code}`", str(row.number), "yes" if row.retryable else "no", row.advice)
            for code, row in CATALOGUE.items()
        ),
    )


def named_values(values: msgspec.Struct) -> str:
    """Return the fields of a structure with their defaults."""
    rows = ((f"`{name}`", f"{getattr(values, name):,}") for name in values.__struct_fields__)
    return table(("limit", "default"), rows)


def settings() -> str:
    """Return the settings of a board, described by the `Args` of its class."""
    described = dict(
        re.findall(r"^    (\w+): (.*(?:\n        .*)*)", inspect.getdoc(Settings) or "", re.MULTILINE)
    )
    assert tuple(described) == Settings.__struct_fields__, "every setting is described"
    return table(
        ("setting", "what it does"),
        ((f"`{name}`", " ".join(text.split())) for name, text in described.items()),
    )


def names_of(what: str, names: Iterable[str]) -> str:
    return f"{what}: " + ", ".join(f"`{name}`" for name in names) + "."


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "errors": errors,
    "commands": lambda: facts(Command),
    "system-commands": lambda: facts(SystemCommand),
    "events": lambda: facts(Event),
    "system-events": lambda: facts(SystemEvent),
    "completion": lambda: facts(Completion),
    "settings": settings,
    "operators": lambda: names_of("Operators", get_args(Operator)),
    "strategies": lambda: names_of("Strategies", STRATEGIES),
    "rating": lambda: names_of(
        "Rating terms", (f"{name} (weight {weight})" for name, weight in DEFAULT_WEIGHTS.items())
    ),
    "limits": lambda: named_values(DEFAULT_LIMITS),
    "store-limits": lambda: named_values(DEFAULT_STORE_LIMITS),
    "entry-lifecycle": lambda: lifecycle(STATUS_MOVES, "proposed"),
    "activation-lifecycle": lambda: lifecycle(ACTIVATION_MOVES, "triggered"),
    "board-lifecycle": lambda: lifecycle(BOARD_MOVES, "new"),
    "connection-lifecycle": lambda: lifecycle(MOVES, "connecting"),
}


def filled(text: str) -> str:
    """Return a page with its generated parts made anew."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!-- generated: {name} -->\n{PARTS[name]()}\n<!-- end -->"

    return PART.sub(fill, text)


def pages() -> list[Path]:
    """Return the pages that hold generated parts."""
    return [path for path in sorted(DOCS.rglob("*.md")) if PART.search(path.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    for page in pages():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
