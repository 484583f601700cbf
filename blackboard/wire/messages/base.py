"""The base of every wire message, the shapes that messages share, and what a method is.

Messages are strict: a field of another JSON type is refused, and so is a field that is not documented.
Where a message carries a fact of the core (settings, a declaration, an event), the field holds that very
fact: it is read by `msgspec`, written by `to_data`, and documented by the fact's own JSON Schema, so that
there is one definition of it. `schema.py` resolves the references.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from blackboard.core.fact import to_data
from blackboard.core.limits import DEFAULT_LIMITS, INTEGER_MAX

__all__ = [
    "CORE_KEY",
    "AsCore",
    "BoardName",
    "ChangeParams",
    "ChangeResult",
    "CommandId",
    "Empty",
    "FractionNumber",
    "Items",
    "Json",
    "LimitParam",
    "Message",
    "Method",
    "Milliseconds",
    "Name",
    "Notification",
    "Number",
    "Reason",
    "Revision",
]

CORE_KEY: Final = "$core"
"""Marks, in a schema under construction, a reference to the schema of a core fact."""

T = TypeVar("T")

Json: TypeAlias = dict[str, Any]
"""Any JSON object."""

Items: TypeAlias = Annotated[tuple[T, ...], Field(strict=False)]
"""A JSON array of `T`; the elements stay strict."""


class Message(BaseModel):
    """Base of all wire messages: immutable, strict, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class AsCore:
    """Lets a field hold a core fact: `settings: Annotated[Settings, AsCore("Settings")]`.

    Args:
        name: Under which name the fact stands in the schema; see `schema.CORE_FACTS`.
    """

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read with `msgspec`, which is what the engine's own edge does; write with `to_data`."""

        def read(value: object) -> Any:
            try:
                return msgspec.convert(value, source, strict=True)
            except msgspec.ValidationError as error:
                raise ValueError(f"{self.name}: {error}") from error

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(to_data)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Leave a mark that the schema export replaces by a reference."""
        return {CORE_KEY: self.name}


Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=DEFAULT_LIMITS.name_chars_max)]
BoardName: TypeAlias = Annotated[Name, Field(description="Name of the board.")]
Number: TypeAlias = Annotated[int, Field(ge=1, le=INTEGER_MAX)]
"""The number of an entry or an activation on its board, or a token."""
Revision: TypeAlias = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
Milliseconds: TypeAlias = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
FractionNumber: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Reason: TypeAlias = Annotated[str, Field(description="Why, in words for people.")]
LimitParam: TypeAlias = Annotated[
    int,
    Field(
        ge=1,
        le=DEFAULT_LIMITS.read_entries_max,
        description="Most items in one answer; `next` then says where to go on.",
    ),
]
CommandId: TypeAlias = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=DEFAULT_LIMITS.name_chars_max,
        description="Key for a repeat: the same principal, board and key get the first answer again.",
    ),
]


class Empty(Message):
    """Nothing to say: the request was carried out."""


class ChangeParams(Message):
    """What every request that changes a board carries."""

    board: BoardName
    command_id: CommandId = None


class ChangeResult(Message):
    """The change is durable (in the default durability)."""

    revision: Revision = Field(description="Revision of the board from which the effect is visible.")
    entries: Items[Number] = Field(
        default=(), description="Numbers of the entries posted or changed, one per contribution."
    )
    repeated: bool = Field(
        default=False, description="The `command_id` had been carried out before; this is its first answer."
    )


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the protocol.

    Args:
        params: Model of its parameters.
        result: Model of its result.
        changes: Whether it changes a board, and so takes a `command_id`.
        doc: What it does, in one sentence.
        errors: Codes of its own, beside those that any request may get (`COMMON_ERRORS`).
    """

    params: type[Message]
    result: type[Message]
    changes: bool
    doc: str
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification of the protocol: a message from the server that wants no answer."""

    params: type[Message]
    doc: str
