"""The schema of the wire: one JSON Schema document with every message, for authors of clients.

`python -m blackboard.wire.schema` prints it. An AsyncAPI document, built from the same registry, belongs
beside `wire_schema` in this module.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any, Final

import msgspec
import orjson
from pydantic.json_schema import models_json_schema

from blackboard.core.commands import Contribution
from blackboard.core.completion import Settings
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import CATALOGUE
from blackboard.core.events import Event
from blackboard.core.record import Origin
from blackboard.core.source import SourceDeclaration
from blackboard.core.values import is_array, is_object
from blackboard.wire.messages import METHODS, NOTIFICATIONS, PROTOCOL, Message
from blackboard.wire.messages.base import CORE_KEY

__all__ = ["CORE_FACTS", "wire_schema"]

_DEFS: Final = "#/$defs/"

CORE_FACTS: Final[dict[str, Any]] = {
    "Contribution": Contribution,
    "EntryType": EntryType,
    "Event": Event,
    "Origin": Origin,
    "Settings": Settings,
    "SourceDeclaration": SourceDeclaration,
}
"""The facts of the core that messages carry, by the name that `AsCore` gives them."""


def wire_schema() -> dict[str, Any]:
    """Return the JSON Schema document of all messages; every reference in it resolves within it."""
    definitions = _core_definitions() | _message_definitions()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Blackboard wire protocol",
        "description": "JSON-RPC 2.0 in WebSocket text frames; docs/protocol.md explains the rules.",
        "protocol": PROTOCOL,
        "methods": {
            name: {
                "description": row.doc,
                "changes": row.changes,
                "params": _reference(row.params),
                "result": _reference(row.result),
                "errors": list(row.errors),
            }
            for name, row in METHODS.items()
        },
        "notifications": {
            name: {"description": row.doc, "params": _reference(row.params)}
            for name, row in NOTIFICATIONS.items()
        },
        "errors": {
            code: {"number": row.number, "retryable": row.retryable, "advice": row.advice}
            for code, row in CATALOGUE.items()
        },
        "$defs": dict(sorted(definitions.items())),
    }


def _reference(model: type[Message]) -> dict[str, str]:
    return {"$ref": _DEFS + model.__name__}


def _core_definitions() -> dict[str, Any]:
    schemas, components = msgspec.json.schema_components(
        list(CORE_FACTS.values()), ref_template=_DEFS + "{name}"
    )
    definitions: dict[str, Any] = orjson.loads(orjson.dumps(components))  # its defaults hold tuples
    for name, schema in zip(CORE_FACTS, schemas, strict=True):
        definitions.setdefault(name, schema)  # a union has no definition of its own yet
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return definitions


def _message_definitions() -> dict[str, Any]:
    models = dict.fromkeys(
        [model for row in METHODS.values() for model in (row.params, row.result)]
        + [row.params for row in NOTIFICATIONS.values()]
    )
    _, document = models_json_schema(
        [(model, "validation") for model in models], ref_template=_DEFS + "{model}"
    )
    definitions: dict[str, Any] = document["$defs"]
    return {name: _resolved(schema) for name, schema in definitions.items()}


def _resolved(schema: Any) -> Any:
    """Replace the marks of core facts by references."""
    if is_array(schema):
        return [_resolved(each) for each in schema]
    if not is_object(schema):
        return schema
    rest = {key: _resolved(value) for key, value in schema.items() if key != CORE_KEY}
    return rest | {"$ref": _DEFS + schema[CORE_KEY]} if CORE_KEY in schema else rest


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(wire_schema(), option=orjson.OPT_INDENT_2) + b"\n")
