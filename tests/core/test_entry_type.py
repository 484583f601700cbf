"""Entry types: which definitions are refused, and how data are checked."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.core.entry_type import EntryType, check_data, check_entry_type, validator_of
from blackboard.core.errors import Rejected

OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {}},
    "required": ["a"],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "needs a name and a level"),
        ({"level": ""}, "needs a name and a level"),
        ({"schema": {"type": "array"}}, "schema type is 'array'; expected 'object'"),
        ({"schema": {}}, "schema type is None"),
        ({"identity": ("c",)}, "no property 'c'; it has a, b"),
        ({"merge": {"c": "keep"}}, "no property 'c'"),
        ({"identity": ("a",), "merge": {"a": "keep"}}, "'a' identifies and cannot be merged"),
        ({"schema": {"type": "object"}, "identity": ("a",)}, "it has none"),
        ({"schema": {"type": "object", "required": 1}}, "type 'T'"),
        ({"schema": {"type": "object", "$ref": "http://example.org/x"}}, "type 'T'"),
        ({"schema": {"type": "object", "$ref": "#/missing"}}, "type 'T'"),
    ],
)
def test_malformed_type_is_refused(changes: dict[str, Any], message: str) -> None:
    """The message names the type and the property."""
    fields = {"name": "T", "level": "l", "schema": OBJECT} | changes
    with pytest.raises(Rejected, match=message) as caught:
        check_entry_type(EntryType(**fields))
    assert caught.value.code == "invalid_schema"


def test_references_inside_the_schema_are_followed() -> None:
    """A schema may name its own parts, as pydantic's do."""
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"type": "string"}},
    }
    validator = check_entry_type(EntryType(name="T", level="l", schema=schema))
    check_data(validator, {"a": "x"}, type_name="T")
    with pytest.raises(Rejected, match="T: at /a: 1 is not of type"):
        check_data(validator, {"a": 1}, type_name="T")


def test_data_are_checked_with_the_place_named() -> None:
    """Where, what came, what was expected."""
    validator = validator_of(EntryType(name="T", level="l", schema=OBJECT))
    check_data(validator, {"a": 1}, type_name="T")
    with pytest.raises(Rejected, match='T: at the data: "a" is a required property') as caught:
        check_data(validator, {}, type_name="T")
    assert caught.value.code == "schema_violation"
