"""Hypotheses: the typed content of entries, declared as pydantic models.

Owns `Hypothesis`. The class keywords become the entry type that the board knows; the name of the class is
the name of the type, and its fields are named on the board as in the class (aliases are refused).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict

from blackboard.authoring.schema import lean_schema
from blackboard.core.entry_type import BeliefPolicy, EntryType, MergeRule, check_entry_type
from blackboard.core.errors import BlackboardError
from blackboard.core.fact import from_data
from blackboard.core.values import Data

__all__ = ["Hypothesis", "did_you_mean"]


_KEYWORDS: Final = ("level", "identity", "merge", "belief", "background", "ttl")


class Hypothesis(BaseModel):
    """Base of what sources post: a frozen pydantic model whose class keywords describe its entry type.

    Keywords of a subclass:
        level: Level of abstraction of its entries.
        identity: Fields that identify an entry; a second post with equal values adds evidence instead.
        merge: Per other field, what happens when a second post differs.
        belief: How claims and evidence combine.
        background: Shared context that may be a reason but is no evidence.
        ttl: Default time to live in seconds; `None` for no end.

    Example:
        >>> class Cause(Hypothesis, level="cause", identity=("service",)):
        ...     service: str
        >>> Cause.entry_type().name, Cause.entry_type().level
        ('Cause', 'cause')
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    _entry_type: ClassVar[EntryType | None] = None
    _declared: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(
        cls,
        *,
        level: str = "",
        identity: tuple[str, ...] = (),
        merge: Mapping[str, MergeRule] | None = None,
        belief: BeliefPolicy = "noisy_or",
        background: bool = False,
        ttl: float | None = None,
        **unknown: Any,
    ) -> None:
        super().__init_subclass__()
        for name in unknown:
            raise BlackboardError(
                "invalid_source",
                f"class {cls.__name__}: no keyword {name!r}; {did_you_mean(name, _KEYWORDS)}",
            )
        cls._entry_type = None
        cls._declared = {
            "level": level,
            "identity": identity,
            "merge": dict(merge or {}),
            "belief": belief,
            "background": background,
            "ttl_ms": None if ttl is None else round(ttl * 1000),
        }

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Check the keywords once pydantic has collected the fields."""
        _check_keywords(cls.__name__, cls._declared)
        for name in (*cls._declared["identity"], *cls._declared["merge"]):
            if name not in cls.model_fields:
                hint = did_you_mean(name, cls.model_fields)
                raise BlackboardError("invalid_source", f"{cls.__name__} has no field {name!r}; {hint}")
        for name, field in cls.model_fields.items():
            if field.alias or field.validation_alias or field.serialization_alias:
                raise BlackboardError(
                    "invalid_source", f"{cls.__name__}.{name} has an alias; name the field as on the board"
                )

    @classmethod
    def entry_type(cls) -> EntryType:
        """Return the entry type that this class declares.

        Raises:
            BlackboardError: `invalid_source` if its schema cannot describe entries.
        """
        if cls._entry_type is None:
            if not cls._declared:
                raise BlackboardError(
                    "invalid_source", "Hypothesis itself is no entry type; subclass it with level="
                )
            declared = EntryType(name=cls.__name__, schema=lean_schema(cls), **cls._declared)
            try:
                check_entry_type(declared)
            except BlackboardError as error:
                raise BlackboardError("invalid_source", f"{cls.__name__}: {error.message}") from error
            cls._entry_type = declared
        return cls._entry_type

    def to_data(self) -> Data:
        """Return the JSON form of the content."""
        return self.model_dump(mode="json")


def _check_keywords(name: str, declared: Mapping[str, Any]) -> None:
    """Type checkers see no keywords of a class with a metaclass, so they are checked here."""
    if not declared["level"]:
        raise BlackboardError("invalid_source", f"class {name}: write class {name}(Hypothesis, level=...)")
    if isinstance(declared["identity"], str):
        wrong = declared["identity"]
        raise BlackboardError("invalid_source", f"{name}: identity={wrong!r}; write identity=({wrong!r},)")
    from_data({"name": name, "schema": {}, **declared}, EntryType, code="invalid_source")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or the list of what there is when nothing is near."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names) or 'nothing'}"
