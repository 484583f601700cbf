"""The schema document: complete, resolved, and in agreement with the models."""

import json
import subprocess
import sys

import jsonschema_rs
import pytest

from blackboard.core.errors import CATALOGUE
from blackboard.wire.messages import METHODS, NOTIFICATIONS
from blackboard.wire.schema import CORE_FACTS, wire_schema
from tests.wire.samples import SAMPLES

SCHEMA = wire_schema()


def references(value: object) -> list[str]:
    """Return every `$ref` inside a document."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in references(inner)]
    return [each for inner in value for each in references(inner)] if isinstance(value, list) else []


def test_every_message_is_there():
    assert set(SCHEMA["methods"]) == set(METHODS)
    assert set(SCHEMA["notifications"]) == set(NOTIFICATIONS)
    assert set(SCHEMA["errors"]) == set(CATALOGUE)
    assert set(CORE_FACTS) <= set(SCHEMA["$defs"])


def test_every_reference_resolves_inside_the_document():
    found = references(SCHEMA)
    assert found
    assert {each.removeprefix("#/$defs/") for each in found} <= set(SCHEMA["$defs"])


def test_no_mark_of_a_core_fact_is_left():
    assert "$core" not in json.dumps(SCHEMA)


def test_document_is_stable():
    assert json.dumps(wire_schema()) == json.dumps(SCHEMA)


@pytest.mark.parametrize("method", METHODS)
def test_schema_takes_the_samples_and_refuses_the_unknown(method):
    """Another implementation of JSON Schema, as a client's author would use, reads it the same way."""
    validator = jsonschema_rs.validator_for(SCHEMA["methods"][method]["params"] | {"$defs": SCHEMA["$defs"]})
    for sample in SAMPLES[method]:
        validator.validate(sample)
    assert not validator.is_valid({**SAMPLES[method][0], "unknown": 1})


def test_printed_document_is_the_same():
    printed = subprocess.run(
        [sys.executable, "-m", "blackboard.wire.schema"], capture_output=True, check=True, timeout=60
    )
    assert json.loads(printed.stdout) == SCHEMA
    assert printed.stderr == b""
