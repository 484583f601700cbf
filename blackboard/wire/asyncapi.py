"""The protocol as an AsyncAPI 3 document, built from the same registry as everything else.

AsyncAPI tells tools (viewers, code generators, mock servers) what `wire_schema` tells validators: one server,
one channel (the websocket), and one operation per method, seen from the client. A request is *sent* and has
the answer or the refusal as its reply; a notification is *received*. The payloads are whole frames with their
JSON-RPC envelope, so that what was recorded from a connection can be validated as it stands; the tests do so
with every frame that they cause.

AsyncAPI's own schema dialect is a superset of JSON Schema draft 07, while `wire_schema` is draft 2020-12, so
the definitions are rewritten: a tuple is `items` with a list, no keyword stands beside a `$ref`, and the
`discriminator` of OpenAPI, which means something else here, is left out (each variant has its own constant).

`python -m blackboard.wire.asyncapi docs/schema` writes this document and the schema as files; without a
folder it is printed. Tests compare the files with the code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import orjson

from blackboard.core.values import is_array, is_object
from blackboard.wire.codec import ID_CHARS_MAX
from blackboard.wire.messages import COMMON_ERRORS, METHODS, NOTIFICATIONS, PROTOCOL, Method
from blackboard.wire.schema import wire_schema

__all__ = ["FILES", "asyncapi", "documents"]

FILES: Final = ("wire.schema.json", "asyncapi.json")
"""Names of the two documents in `docs/schema`."""

_DEFS: Final = "#/$defs/"
_SCHEMAS: Final = "#/components/schemas/"
_MESSAGES: Final = "#/components/messages/"
_CHANNEL: Final = "#/channels/session"
_REFUSAL: Final = "refusal"
"""The answer to a frame that cannot be read: a refusal without an id."""

_DESCRIPTION: Final = (
    "Independent agents solve a problem together by reading and writing one shared board. JSON-RPC 2.0, one "
    "object per WebSocket text frame. The first message is session.hello. docs/protocol.md explains the "
    "rules that no schema can express: when to repeat a request, how to resume, what a lease is."
)
_BEARER: Final = (
    "The token of `blackboard token`, in `session.hello` or as `Authorization: Bearer` with the handshake."
)


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI document; every reference in it resolves within it."""
    messages = _messages()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Blackboard wire protocol",
            "version": str(PROTOCOL),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "{host}",
                "protocol": "ws",
                "description": "`blackboard serve`; behind a proxy that ends TLS the protocol is wss.",
                "variables": {
                    "host": {"default": "127.0.0.1:8787", "description": "Host and port of the server."}
                },
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {
            "session": {
                "address": "/v1",
                "title": "Session",
                "description": "One WebSocket connection, without subprotocol or compression.",
                "servers": [{"$ref": "#/servers/local"}],
                "messages": {name: {"$ref": _MESSAGES + name} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": _operations(),
        "components": {
            "messages": messages,
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _BEARER}},
        },
    }


def _operations() -> dict[str, Any]:
    return (
        {
            name: {
                "action": "send",
                "channel": {"$ref": _CHANNEL},
                "summary": row.doc,
                "tags": [{"name": name.partition(".")[0]}],
                "messages": _of_channel(name),
                "reply": {
                    "channel": {"$ref": _CHANNEL},
                    "messages": _of_channel(f"{name}.result", f"{name}.error"),
                },
            }
            for name, row in METHODS.items()
        }
        | {
            name: {
                "action": "receive",
                "channel": {"$ref": _CHANNEL},
                "summary": notice.doc,
                "tags": [{"name": name.partition(".")[0]}],
                "messages": _of_channel(name),
            }
            for name, notice in NOTIFICATIONS.items()
        }
        | {
            _REFUSAL: {
                "action": "receive",
                "channel": {"$ref": _CHANNEL},
                "summary": "A frame could not be read, not even its id.",
                "messages": _of_channel(_REFUSAL),
            }
        }
    )


def _of_channel(*names: str) -> list[dict[str, str]]:
    return [{"$ref": f"{_CHANNEL}/messages/{name}"} for name in names]


def _messages() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, row in METHODS.items():
        found[name] = _request(name, row)
        found[f"{name}.result"] = _answer(
            f"Result of {name}", {"result": {"$ref": _SCHEMAS + row.result.__name__}}
        )
        found[f"{name}.error"] = _answer(f"Refusal of {name}", {"error": _refusal(*row.errors)})
    for name, notice in NOTIFICATIONS.items():
        found[name] = _message(
            name,
            notice.doc,
            {"method": {"const": name}, "params": {"$ref": _SCHEMAS + notice.params.__name__}},
        )
    found[_REFUSAL] = _message(
        "Refusal of a frame",
        "A frame could not be read, not even its id.",
        {"id": {"type": "null"}, "error": _refusal()},
    )
    return found


def _request(name: str, row: Method) -> dict[str, Any]:
    needs_params = any(field.is_required() for field in row.params.model_fields.values())
    return _message(
        name,
        row.doc,
        {
            "id": {"$ref": _SCHEMAS + "RequestId"},
            "method": {"const": name},
            "params": {"$ref": _SCHEMAS + row.params.__name__},
        },
        optional=() if needs_params else ("params",),
        correlated=True,
    )


def _answer(title: str, members: dict[str, Any]) -> dict[str, Any]:
    return _message(title, "", {"id": {"$ref": _SCHEMAS + "RequestId"}} | members, correlated=True)


def _message(
    title: str,
    summary: str,
    members: dict[str, Any],
    *,
    optional: tuple[str, ...] = (),
    correlated: bool = False,
) -> dict[str, Any]:
    properties = {"jsonrpc": {"const": "2.0"}} | members
    message: dict[str, Any] = {
        "title": title,
        "payload": {
            "type": "object",
            "properties": properties,
            "required": [name for name in properties if name not in optional],
            "additionalProperties": False,
        },
    }
    if summary:
        message["summary"] = summary
    if correlated:
        message["correlationId"] = {"location": "$message.payload#/id"}
    return message


def _refusal(*codes: str) -> dict[str, Any]:
    """Return the schema of `error` where these codes and the common ones can come."""
    code = {"enum": sorted({*codes, *COMMON_ERRORS})}
    return {
        "allOf": [{"$ref": _SCHEMAS + "Refusal"}],
        "properties": {"data": {"properties": {"code": code}}},
    }


def _schemas() -> dict[str, Any]:
    definitions: dict[str, Any] = wire_schema()["$defs"]
    found = {name: _as_draft_07(definition) for name, definition in definitions.items()}
    return dict(sorted((found | _ENVELOPE).items()))


_ENVELOPE: Final[dict[str, Any]] = {
    "RequestId": {
        "description": "Chosen by who asks, unique among its unanswered requests.",
        "anyOf": [{"type": "integer"}, {"type": "string", "maxLength": ID_CHARS_MAX}],
    },
    "Refusal": {
        "description": "Why a request was refused; nothing has changed.",
        "type": "object",
        "properties": {
            "code": {"type": "integer", "description": "Number of the error, for JSON-RPC."},
            "message": {"type": "string", "description": "What came, what was expected, what to try."},
            "data": {
                "type": "object",
                "properties": {
                    "code": {"type": "string", "description": "Stable word for programs."},
                    "retryable": {
                        "type": "boolean",
                        "description": "Whether repeating the same request later can succeed.",
                    },
                    "advice": {"type": "string", "description": "What to do about it, in one sentence."},
                },
                "required": ["code", "retryable", "advice"],
                "additionalProperties": False,
            },
        },
        "required": ["code", "message", "data"],
        "additionalProperties": False,
    },
}


def _as_draft_07(schema: Any) -> Any:
    if is_array(schema):
        return [_as_draft_07(each) for each in schema]
    if not is_object(schema):
        return schema
    found = {
        name: _as_draft_07(value) for name, value in schema.items() if not _is_discriminator(name, value)
    }
    if isinstance(found.get("$ref"), str):
        reference = {"$ref": found.pop("$ref").replace(_DEFS, _SCHEMAS)}
        return found | {"allOf": [reference]} if found else reference
    if "prefixItems" in found:
        found |= {"items": found.pop("prefixItems"), "additionalItems": False}
    return found


def _is_discriminator(name: str, value: Any) -> bool:
    return name == "discriminator" and is_object(value) and "mapping" in value


def documents() -> dict[str, bytes]:
    """Return the documents of `docs/schema` as they stand in their files."""
    return {
        name: orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
        for name, document in zip(FILES, (wire_schema(), asyncapi()), strict=True)
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for file, content in documents().items():
            (Path(sys.argv[1]) / file).write_bytes(content)
    else:
        sys.stdout.buffer.write(documents()[FILES[1]])
