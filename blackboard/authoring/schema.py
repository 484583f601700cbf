"""JSON Schemas of hypotheses: how they are derived, and how a recorded field finds its place in one.

Relies on pydantic for the derivation. The schema keeps only what decides validity: titles and
descriptions are dropped, so that editing a docstring does not make a different type of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from blackboard.core.values import is_array, is_object

__all__ = [
    "Schema",
    "child_of",
    "formats_of",
    "item_of",
    "kind_of",
    "kinds_of",
    "lean_schema",
    "names_of",
    "values_of",
]

Schema: TypeAlias = dict[str, Any]

_PROSE: Final = frozenset({"title", "description"})
_MAPS: Final = frozenset({"properties", "$defs"})
"""Keywords whose members are named by the author, so that a property `title` is kept."""


def lean_schema(model: type[BaseModel]) -> Schema:
    """Return the JSON Schema of `model` without titles and descriptions."""
    lean = _strip(model.model_json_schema())
    assert is_object(lean), "the schema of a model is an object"
    return lean


def _strip(node: object) -> object:
    if is_array(node):
        return [_strip(each) for each in node]
    if not is_object(node):
        return node
    kept: Schema = {}
    for key, value in node.items():
        if key in _MAPS:
            kept[key] = {name: _strip(each) for name, each in value.items()}
        elif key in ("default", "const", "enum", "examples"):
            kept[key] = value
        elif key not in _PROSE:
            kept[key] = _strip(value)
    return kept


def _alternatives(node: Schema, root: Schema) -> Iterator[Schema]:
    """Yield the concrete schemas that `node` allows, following references and unions."""
    if "$ref" in node:
        name = str(node["$ref"]).removeprefix("#/$defs/")
        yield from _alternatives(root["$defs"][name], root)
    elif "anyOf" in node or "oneOf" in node:
        for each in node.get("anyOf") or node["oneOf"]:
            yield from _alternatives(each, root)
    elif len(node.get("allOf", ())) == 1:
        yield from _alternatives(node["allOf"][0], root)
    else:
        yield node


def child_of(node: Schema, root: Schema, name: str) -> Schema | None:
    """Return the schema of the property `name`, or `None` if there is no such property."""
    for each in _alternatives(node, root):
        found = each.get("properties", {}).get(name)
        if is_object(found):
            return found
    return None


def names_of(node: Schema, root: Schema) -> tuple[str, ...]:
    """Return the names of the properties that `node` declares."""
    return tuple(name for each in _alternatives(node, root) for name in each.get("properties", ()))


def item_of(node: Schema, root: Schema) -> Schema:
    """Return the schema of the members of an array or a mapping; `{}` where they are not described."""
    for each in _alternatives(node, root):
        for keyword in ("items", "additionalProperties"):
            found = each.get(keyword)
            if is_object(found):
                return found
    return {}


def kinds_of(node: Schema, root: Schema) -> frozenset[str]:
    """Return the JSON types that `node` allows (`number` covers integers); empty where it does not say."""
    kinds: set[str] = set()
    for each in _alternatives(node, root):
        if "const" in each or "enum" in each:
            kinds.update(kind_of(value) for value in each.get("enum", [each.get("const")]))
        elif "type" in each:
            kinds.add("number" if each["type"] == "integer" else str(each["type"]))
        else:
            return frozenset()
    return frozenset(kinds)


def formats_of(node: Schema, root: Schema) -> frozenset[str]:
    """Return the formats that `node` names, such as `date-time`."""
    return frozenset(str(each["format"]) for each in _alternatives(node, root) if "format" in each)


def values_of(node: Schema, root: Schema) -> tuple[Any, ...] | None:
    """Return the only values that `node` allows, or `None` where they are not listed."""
    values: list[Any] = []
    for each in _alternatives(node, root):
        if "const" in each:
            values.append(each["const"])
        elif "enum" in each:
            values.extend(each["enum"])
        elif each.get("type") == "null":
            values.append(None)
        else:
            return None
    return tuple(values)


def kind_of(value: object) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if is_array(value) else "object"
