"""Recorded conditions: `var(Model)` and what comparisons on its fields turn into.

To the type checkers `var(Model)` is a `Model`, so that they complete and police its fields and see each
comparison as a `bool`. At run time it is a `Variable`, its attributes are `Field`s, and a comparison is a
`Comparison`: data that `lowering.py` turns into the core's condition once the variables have names. Every
mistake that the checkers would find is also found here, while the module is imported, and the message says
what to write. The recorders keep their state under names with leading underscores, which pydantic refuses
as names of fields; so every field name stays free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast

from blackboard.authoring.checking import check_constant, check_fields
from blackboard.authoring.hypothesis import Hypothesis, did_you_mean
from blackboard.authoring.schema import Schema, child_of, item_of, kinds_of, names_of
from blackboard.core.condition import Operator
from blackboard.core.errors import BlackboardError

__all__ = [
    "Comparison",
    "Either",
    "Field",
    "Negation",
    "Place",
    "Recorded",
    "UnknownField",
    "Variable",
    "as_condition",
    "as_field",
    "as_variable",
    "compare",
    "model_of",
    "var",
]

H = TypeVar("H", bound=Hypothesis)


class UnknownField(BlackboardError, AttributeError):
    """A model has no such field; also an `AttributeError`, as `hasattr` expects."""


def _wrong(message: str) -> BlackboardError:
    return BlackboardError("invalid_source", message)


class Variable:
    """Stands for the entry that a pattern binds; its attributes are the fields of the entry's data."""

    __slots__ = ("__model__",)

    def __init__(self, model: type[Hypothesis]) -> None:
        self.__model__ = model

    def __getattr__(self, name: str) -> Field:
        if name.startswith("_"):
            raise AttributeError(name)
        return _descend(Place(self, (), self.__model__.entry_type().schema), name)

    def __repr__(self) -> str:
        return f"var({self.__model__.__name__})"


def var(model: type[H]) -> H:
    """Return a variable over the entries of `model`, typed as the model, for `on`, `absent` and `exists`.

    Example:
        >>> class Spike(Hypothesis, level="symptom"):
        ...     ratio: float
        >>> var(Spike).ratio >= 3
        Spike.ratio >= 3
    """
    return cast(H, Variable(model))


def _refuse(advice: str) -> Callable[..., NoReturn]:
    def refuse(self: object, *_: object) -> NoReturn:
        raise _wrong(f"{self!r}: {advice}")

    return refuse


_NO_ARITHMETIC = _refuse("arithmetic is not recorded; compare plain fields here and compute in the handler")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field lies: its variable, its path inside the data, and the schema of what is there."""

    variable: Variable
    path: tuple[str, ...]
    schema: Schema

    @property
    def root(self) -> Schema:
        """The schema of the whole model, to which references lead."""
        return model_of(self.variable).entry_type().schema

    def __str__(self) -> str:
        return ".".join((model_of(self.variable).__name__, *self.path))


class Field:
    """A field of the entry that a variable stands for; comparisons of it are recorded."""

    __slots__ = ("__place__",)

    def __init__(self, place: Place) -> None:
        self.__place__ = place

    def __getattr__(self, name: str) -> Field:
        if name.startswith("_"):
            raise AttributeError(name)
        return _descend(self.__place__, name)

    def __getitem__(self, key: int | str) -> Field:
        if isinstance(key, int) and key < 0:
            raise _wrong(f"{self!r}[{key}]: count from the start; the board knows no negative index")
        place = self.__place__
        item = item_of(place.schema, place.root)
        return Field(Place(place.variable, (*place.path, str(key)), item))

    def __repr__(self) -> str:
        return str(self.__place__)

    def __eq__(self, other: object) -> Any:
        return compare(self, "==", other)

    def __ne__(self, other: object) -> Any:
        return compare(self, "!=", other)

    def __lt__(self, other: object) -> Comparison:
        return compare(self, "<", other)

    def __le__(self, other: object) -> Comparison:
        return compare(self, "<=", other)

    def __gt__(self, other: object) -> Comparison:
        return compare(self, ">", other)

    def __ge__(self, other: object) -> Comparison:
        return compare(self, ">=", other)

    def __hash__(self) -> int:
        return id(self)

    __bool__ = _refuse("list conditions with commas instead of `and`; use any_of(...) for `or`, not_(...)")
    __contains__ = _refuse("write has(field, value) instead of `in`")
    __iter__ = _refuse("a field cannot be iterated; write has(field, value), or look at it in the handler")
    __call__ = _refuse("methods are not recorded; use prefix, suffix, has, one_of or between")
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _NO_ARITHMETIC
    __truediv__ = __rtruediv__ = __mod__ = __neg__ = __abs__ = _NO_ARITHMETIC


class Recorded:
    """A recorded condition. It has no truth value: it is data about entries yet to come."""

    __slots__ = ()

    __bool__ = _refuse(
        "`and`, `or`, `not`, `if` and chained comparison cannot be recorded; "
        "list conditions with commas, or write any_of(...), not_(...) or between(field, low, high)"
    )
    __and__ = __rand__ = _refuse("list conditions with commas instead of `&`")
    __or__ = __ror__ = _refuse("write any_of(...) instead of `|`")
    __invert__ = _refuse("write not_(...) instead of `~`")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(Recorded):
    """`left op right`, where `right` is a JSON constant or another entry's field."""

    left: Field
    op: Operator
    right: Any

    def __repr__(self) -> str:
        return f"{self.left!r} {self.op} {self.right!r}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Either(Recorded):
    """At least one of `conditions` holds."""

    conditions: tuple[Recorded, ...]

    def __repr__(self) -> str:
        return f"any_of({', '.join(map(repr, self.conditions))})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Negation(Recorded):
    """`condition` does not hold."""

    condition: Recorded

    def __repr__(self) -> str:
        return f"not_({self.condition!r})"


def model_of(variable: Variable) -> type[Hypothesis]:
    """Return the model of the entries that `variable` stands for."""
    return variable.__model__


def _descend(place: Place, name: str) -> Field:
    schema = child_of(place.schema, place.root, name)
    if schema is not None:
        return Field(Place(place.variable, (*place.path, name), schema))
    known = names_of(place.schema, place.root)
    if not known:
        kinds = " or ".join(sorted(kinds_of(place.schema, place.root))) or "anything"
        raise UnknownField(
            "invalid_source",
            f"{place}.{name}: a {kinds} has no fields; use prefix, suffix, has, one_of or between",
        )
    raise UnknownField("invalid_source", f"{place} has no field {name!r}; {did_you_mean(name, known)}")


def as_variable(value: object) -> Variable:
    """Return `value` if it is what `var(Model)` returned, and say what to write otherwise."""
    if isinstance(value, Variable):
        return value
    raise _wrong(f"expected what var(Model) returns, got {value!r}; write X = var(Model), then on(X, ...)")


def as_field(value: object) -> Field:
    """Return `value` if it is a field of a variable, and say what to write otherwise."""
    if isinstance(value, Field):
        return value
    raise _wrong(f"expected a field such as X.name of X = var(Model), got {value!r}")


def as_condition(value: object) -> Recorded:
    """Return `value` as a condition; a field that is true or false stands for itself being true."""
    if isinstance(value, Recorded):
        return value
    if isinstance(value, Field):
        return compare(value, "==", True)
    raise _wrong(
        f"expected a recorded condition such as X.ratio >= 3, got {value!r}; "
        "both sides were plain values, so nothing was recorded"
    )


def compare(field: Field, op: Operator, other: object) -> Comparison:
    """Record `field op other`, having checked that it can ever hold.

    Raises:
        BlackboardError: `invalid_source`, saying what came and what to write.
    """
    if isinstance(other, Variable | Recorded):
        raise _wrong(f"{field!r} {op} {other!r}: compare with a constant or with a field such as X.name")
    if isinstance(other, Field):
        if field.__place__.variable is other.__place__.variable:
            raise _wrong(f"{field!r} {op} {other!r}: both belong to one entry; compare them in the handler")
        check_fields(field.__place__, op, other.__place__)
        return Comparison(field, op, other)
    return Comparison(field, op, check_constant(field.__place__, op, other))
