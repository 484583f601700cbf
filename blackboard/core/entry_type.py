"""Entry types: the vocabulary that the sources of one board share."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import jsonschema_rs

from blackboard.core.errors import Rejected
from blackboard.core.fact import Fact
from blackboard.core.values import Data

__all__ = ["BeliefPolicy", "EntryType", "MergeRule", "check_data", "check_entry_type", "validator_of"]

BeliefPolicy: TypeAlias = Literal["claimed", "noisy_or"]
MergeRule: TypeAlias = Literal["keep", "newest", "most_confident", "union"]


class EntryType(Fact):
    """A named type of entry.

    Args:
        name: Name, unique on the board.
        level: Level of abstraction of its entries.
        schema: JSON Schema (draft 2020-12) of the data, describing an object.
        identity: Top-level fields that identify an entry; a second post with equal values adds a
            justification instead of a duplicate. Empty: every post is a new entry.
        merge: Per field that is not part of the identity, what happens when a second post differs; without
            a rule a difference is refused as `identity_conflict`.
        belief: How claims and evidence combine.
        background: Shared context, such as a map or a ticket. It may be read and named as a reason, but is
            no evidence: two authors who share only background reasoned independently.
        ttl_ms: Default time to live of its entries; `None` for no end.
    """

    name: str
    level: str
    schema: dict[str, Any]
    identity: tuple[str, ...] = ()
    merge: dict[str, MergeRule] = {}
    belief: BeliefPolicy = "noisy_or"
    background: bool = False
    ttl_ms: int | None = None


def validator_of(entry_type: EntryType) -> jsonschema_rs.Validator:
    """Compile the type's schema.

    Raises:
        Rejected: `invalid_schema` if it is not a JSON Schema, or reaches outside itself.
    """
    try:
        return jsonschema_rs.validator_for(entry_type.schema, retriever=_refuse_remote)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Rejected("invalid_schema", f"type {entry_type.name!r}: {reason}") from error


def _refuse_remote(uri: str) -> Any:
    raise ValueError(f"the schema refers to {uri!r}; only references inside the schema are followed")


def check_entry_type(entry_type: EntryType) -> jsonschema_rs.Validator:
    """Check a type and return its compiled schema.

    Raises:
        Rejected: `invalid_schema` naming what does not fit.
    """
    if not entry_type.name or not entry_type.level:
        raise Rejected("invalid_schema", "a type needs a name and a level, neither empty")
    if entry_type.schema.get("type") != "object":
        got = entry_type.schema.get("type")
        raise Rejected(
            "invalid_schema", f"type {entry_type.name!r}: schema type is {got!r}; expected 'object'"
        )
    properties = entry_type.schema.get("properties", {})
    for field in (*entry_type.identity, *entry_type.merge):
        if field not in properties:
            known = ", ".join(properties) or "none"
            raise Rejected(
                "invalid_schema", f"type {entry_type.name!r}: no property {field!r}; it has {known}"
            )
    for field in entry_type.merge:
        if field in entry_type.identity:
            raise Rejected(
                "invalid_schema", f"type {entry_type.name!r}: {field!r} identifies and cannot be merged"
            )
    return validator_of(entry_type)


def check_data(validator: jsonschema_rs.Validator, data: Data, *, type_name: str) -> None:
    """Validate `data` against a compiled schema.

    Raises:
        Rejected: `schema_violation`, with the path, what came and what was expected.
    """
    if validator.is_valid(data):
        return
    error = next(iter(validator.iter_errors(data)))
    path = "/" + "/".join(map(str, error.instance_path)) if error.instance_path else "the data"
    raise Rejected("schema_violation", f"{type_name}: at {path}: {error.message}")
