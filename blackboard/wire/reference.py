"""The reference part of docs/protocol.md, written from the schema, so that it cannot lag behind the code.

`python -m blackboard.wire.reference docs/protocol.md` rewrites that part of the page; without a path it is
printed. A test compares the page with it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Final

from blackboard.core.errors import CATALOGUE
from blackboard.core.values import is_object
from blackboard.wire.messages import COMMON_ERRORS, METHODS, NOTIFICATIONS
from blackboard.wire.schema import wire_schema

__all__ = ["MARK", "reference", "renewed"]

MARK: Final = "<!-- From here on written by `python -m blackboard.wire.reference docs/protocol.md`. -->"
"""The line of the page after which the reference begins."""

_ARGUMENT: Final = re.compile(r"^ {4}(\w+): ")
_DEFS: Final = "#/$defs/"


def reference() -> str:
    """Return methods, notifications, errors and types as Markdown."""
    schema = wire_schema()
    definitions: dict[str, Any] = schema["$defs"]
    shown = {row.params.__name__ for row in METHODS.values()}
    shown |= {row.params.__name__ for row in NOTIFICATIONS.values()}
    parts = ["## Methods", "", *_method_table(), ""]
    for name, row in METHODS.items():
        parts += [f"### {name}", "", f"{row.doc}", ""]
        parts += _fields(definitions[row.params.__name__], without="No parameters.")
        result = row.result.__name__
        parts += ["", f"Result: {_link(result)}." if result != "Empty" else "Result: `{}`.", ""]
        if row.errors:
            parts += [f"Errors: {', '.join(f'`{code}`' for code in row.errors)}.", ""]
    parts += ["Any request may also get " + ", ".join(f"`{code}`" for code in COMMON_ERRORS) + ".", ""]
    parts += ["## Notifications", ""]
    for name, notice in NOTIFICATIONS.items():
        parts += [f"### {name}", "", notice.doc, "", *_fields(definitions[notice.params.__name__]), ""]
    parts += ["## Errors", "", *_error_table(), "", "## Types", ""]
    for name, definition in definitions.items():
        if name not in shown and name != "Empty":
            parts += _type(name, definition)
    return "\n".join(parts).rstrip() + "\n"


def _method_table() -> list[str]:
    rows = [
        f"| [`{name}`](#{_anchor(name)}) | {row.doc} | {'yes' if row.changes else ''} |"
        for name, row in METHODS.items()
    ]
    return ["| method | what it does | `command_id` |", "| --- | --- | --- |", *rows]


def _error_table() -> list[str]:
    rows = [
        f"| `{code}` | {row.number} | {'yes' if row.retryable else 'no'} | {row.advice} |"
        for code, row in CATALOGUE.items()
    ]
    return ["| code | number | retry helps | advice |", "| --- | --- | --- | --- |", *rows]


def _type(name: str, definition: dict[str, Any]) -> list[str]:
    parts = [f"### {name}", ""]
    summary, _ = _split_doc(definition.get("description", ""))
    if summary:
        parts += [*summary.splitlines(), ""]
    if "properties" in definition:
        parts += _fields(definition)
    else:
        parts += [f"{_type_text(definition)}."]
    return [*parts, ""]


def _fields(definition: dict[str, Any], *, without: str = "No fields.") -> list[str]:
    properties: dict[str, Any] = definition.get("properties", {})
    if not properties:
        return [without]
    _, documented = _split_doc(definition.get("description", ""))
    required: list[str] = definition.get("required", [])
    rows: list[str] = []
    for name, field in properties.items():
        text = field.get("description") or documented.get(name, "")
        default = "required" if name in required else _default(field)
        rows.append(f"| `{name}` | {_type_text(field)} | {default} | {_cell(text)} |")
    return ["| name | type | default | meaning |", "| --- | --- | --- | --- |", *rows]


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return "left out" if default is None else f"`{_json(default)}`"


def _json(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case _:
            return str(value)


def _type_text(schema: dict[str, Any]) -> str:
    """Say in few words which JSON values a schema takes."""
    if "$ref" in schema:
        return _link(schema["$ref"].removeprefix(_DEFS))
    options: list[dict[str, Any]] = schema.get("anyOf") or schema.get("oneOf") or []
    if options:
        return " or ".join(dict.fromkeys(_type_text(each) for each in options))
    words: list[object] = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if words:
        return ", ".join(f"`{_json(each)}`" for each in words)
    name: str = schema.get("type", "")
    if name == "array":
        places: list[dict[str, Any]] = schema.get("prefixItems") or []
        if places:
            return f"array [{', '.join(_type_text(each) for each in places)}]"
        return f"array of {_type_text(schema.get('items') or {})}"
    inner = schema.get("additionalProperties")
    if name == "object" and is_object(inner) and inner:
        return f"object of {_type_text(inner)}"
    return {"string": "text", "": "any JSON value"}.get(name, name)


def _split_doc(text: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its prose and what its `Args` say of each field."""
    prose, _, arguments = text.partition("\n\nArgs:\n")
    documented: dict[str, str] = {}
    name = ""
    for line in arguments.strip("\n").splitlines():
        if found := _ARGUMENT.match(line):
            name = found[1]
            documented[name] = line[found.end() :]
        else:
            documented[name] += " " + line.strip()
    return prose, documented


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _link(name: str) -> str:
    return f"[{name}](#{_anchor(name)})"


def _anchor(heading: str) -> str:
    """Return the anchor that Markdown renderers make of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def renewed(page: str) -> str:
    """Return a page with everything after `MARK` written anew."""
    prose, mark, _ = page.partition(MARK)
    assert mark, f"the page lacks the line {MARK!r}"
    return f"{prose}{MARK}\n\n{reference()}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(reference())
