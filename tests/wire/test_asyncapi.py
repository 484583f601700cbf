"""The AsyncAPI document: well formed, complete, and what is committed under docs/schema."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from blackboard.core.errors import CATALOGUE
from blackboard.wire.asyncapi import FILES, asyncapi, documents
from blackboard.wire.messages import COMMON_ERRORS, METHODS, NOTIFICATIONS
from blackboard.wire.schema import wire_schema
from tests.wire.samples import SAMPLES

FOLDER = Path(__file__).parents[2] / "docs" / "schema"
DOCUMENT = asyncapi()
CHANNEL = DOCUMENT["channels"]["session"]
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]

# The objects of AsyncAPI 3.0.0 that are used here: required fields, then further ones.
OBJECTS = {
    "document": (
        {"asyncapi", "info"},
        {"id", "servers", "defaultContentType", "channels", "operations", "components"},
    ),
    "info": ({"title", "version"}, {"description", "termsOfService", "contact", "license", "tags"}),
    "license": ({"name"}, {"url"}),
    "server": (
        {"host", "protocol"},
        {"protocolVersion", "pathname", "description", "variables", "security", "tags", "bindings"},
    ),
    "variable": (set(), {"enum", "default", "description", "examples"}),
    "channel": (
        set(),
        {
            "address",
            "messages",
            "title",
            "summary",
            "description",
            "servers",
            "parameters",
            "tags",
            "bindings",
        },
    ),
    "operation": (
        {"action", "channel"},
        {"title", "summary", "description", "security", "tags", "bindings", "traits", "messages", "reply"},
    ),
    "reply": (set(), {"address", "channel", "messages"}),
    "message": (
        set(),
        {"headers", "payload", "correlationId", "contentType", "name", "title", "summary", "description"},
    ),
    "correlation": ({"location"}, {"description"}),
    "security": ({"type"}, {"description", "name", "in", "scheme", "bearerFormat"}),
}
KEY = re.compile(r"^[a-zA-Z0-9._-]+$")


def check(kind: str, value: dict[str, Any]) -> None:
    """Check the fields of one AsyncAPI object."""
    required, optional = OBJECTS[kind]
    assert required <= value.keys() <= required | optional, (kind, sorted(value))


def references(value: object) -> list[str]:
    """Return every `$ref` inside a document."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in references(inner)]
    return [each for inner in value for each in references(inner)] if isinstance(value, list) else []


def resolve(reference: str) -> Any:
    """Follow a reference within the document."""
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def validator(message: str) -> jsonschema_rs.Draft7Validator:
    """Return the validator of whole frames of one message."""
    return jsonschema_rs.Draft7Validator(
        MESSAGES[message]["payload"] | {"components": DOCUMENT["components"]}
    )


def frame(**members: Any) -> dict[str, Any]:
    """Return a frame."""
    return {"jsonrpc": "2.0"} | members


def test_every_object_has_the_fields_that_the_specification_allows():
    """A check of our own: no validator of AsyncAPI is at hand."""
    check("document", DOCUMENT)
    assert DOCUMENT["asyncapi"] == "3.0.0"
    check("info", DOCUMENT["info"])
    check("license", DOCUMENT["info"]["license"])
    for server in DOCUMENT["servers"].values():
        check("server", server)
        assert set(re.findall(r"\{(\w+)\}", server["host"])) == set(server["variables"])
        for variable in server["variables"].values():
            check("variable", variable)
    check("channel", CHANNEL)
    for operation in DOCUMENT["operations"].values():
        check("operation", operation)
        assert operation["action"] in {"send", "receive"}
        check("reply", operation.get("reply", {}))
    for message in MESSAGES.values():
        check("message", message)
        check("correlation", message.get("correlationId", {"location": ""}))
    assert set(DOCUMENT["components"]) == {"messages", "schemas", "securitySchemes"}
    for names in DOCUMENT["components"].values():
        assert all(KEY.match(name) for name in names)
    for scheme in DOCUMENT["components"]["securitySchemes"].values():
        check("security", scheme)


def test_every_reference_resolves_inside_the_document():
    found = references(DOCUMENT)
    assert all(isinstance(resolve(each), dict) for each in found)
    assert len(found) > 500


def test_operations_refer_to_messages_by_way_of_their_channel():
    """The specification asks for it: not straight to the components."""
    used: set[str] = set()
    for operation in DOCUMENT["operations"].values():
        assert operation["channel"]["$ref"] == "#/channels/session"
        for each in [*operation["messages"], *operation.get("reply", {}).get("messages", [])]:
            prefix, _, name = each["$ref"].rpartition("/")
            assert prefix == "#/channels/session/messages"
            used.add(name)
    assert used == set(MESSAGES) == set(CHANNEL["messages"])


def test_operations_are_the_protocol_seen_from_a_client():
    actions = {name: each["action"] for name, each in DOCUMENT["operations"].items()}
    assert {name for name, action in actions.items() if action == "send"} == set(METHODS)
    assert {name for name, action in actions.items() if action == "receive"} == {*NOTIFICATIONS, "refusal"}


@pytest.mark.parametrize("method", METHODS)
def test_requests_are_described_with_their_envelope(method):
    """The samples of the models are valid frames, and what is misspelt is not."""
    checked = validator(method)
    for sample in SAMPLES[method]:
        checked.validate(frame(id=1, method=method, params=sample))
        checked.validate(frame(id="a", method=method, params=sample))
    sample = SAMPLES[method][0]
    assert not checked.is_valid(frame(id=1, method=method, params={**sample, "unknown": 1}))
    assert not checked.is_valid(frame(id=1, method="other", params=sample))
    assert not checked.is_valid(frame(id=None, method=method, params=sample))
    assert not checked.is_valid(frame(id="a" * 201, method=method, params=sample))
    needed = any(field.is_required() for field in METHODS[method].params.model_fields.values())
    assert checked.is_valid(frame(id=1, method=method)) is not needed


@pytest.mark.parametrize("method", METHODS)
def test_refusals_name_the_codes_that_a_method_can_get(method):
    checked = validator(f"{method}.error")
    for code in CATALOGUE:
        data = {"code": code, "retryable": False, "advice": ""}
        error = {"code": -1, "message": "", "data": data}
        expected = code in {*METHODS[method].errors, *COMMON_ERRORS}
        assert checked.is_valid(frame(id=1, error=error)) is expected
    assert not checked.is_valid(frame(id=1, error={"code": -1, "message": ""}))


def test_definitions_are_in_the_dialect_of_asyncapi():
    """Draft 07: no `prefixItems`, nothing beside a reference, no discriminator of OpenAPI."""
    text = json.dumps(DOCUMENT["components"])
    assert "$defs" not in text
    assert "prefixItems" not in text
    assert '"mapping"' not in text
    assert re.search(r'"items": \[\{"type": "integer"\}, \{"type": "integer"\}\]', text)

    def beside(value: object) -> list[dict[str, Any]]:
        if isinstance(value, dict):
            own = [value] if isinstance(value.get("$ref"), str) and len(value) > 1 else []
            return own + [each for inner in value.values() for each in beside(inner)]
        return [each for inner in value for each in beside(inner)] if isinstance(value, list) else []

    assert beside(DOCUMENT) == []
    jsonschema_rs.meta.validate(
        {"$schema": "http://json-schema.org/draft-07/schema#", **DOCUMENT["components"]["schemas"]["Event"]}
    )


@pytest.mark.parametrize("name", FILES)
def test_committed_document_is_what_the_code_says(name):
    """If this fails, run `python -m blackboard.wire.asyncapi docs/schema`."""
    assert (FOLDER / name).read_bytes() == documents()[name]


def test_folder_holds_nothing_else():
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)


def test_command_prints_or_writes(tmp_path):
    command = [sys.executable, "-m", "blackboard.wire.asyncapi"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert json.loads(printed.stdout) == DOCUMENT
    subprocess.run([*command, str(tmp_path)], check=True, timeout=60)
    assert json.loads((tmp_path / "wire.schema.json").read_bytes()) == wire_schema()
    assert json.loads((tmp_path / "asyncapi.json").read_bytes()) == DOCUMENT
