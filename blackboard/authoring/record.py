"""Recorded conditions: `var(Model)` and what comparisons on its fields turn into.

To the type checkers `var(Model)` is a `Model`, so that they complete and police its fields and see each
comparison as a `bool`. At run time it is a `Variable`, its attributes are `Field`s, and a comparison is a
`Comparison`: data that `lower` turns into the core's condition once the variables have names. Every mistake
that the checkers would find is also found here, while the module is imported, and the message says what to
write. The recorders keep their state under names with leading underscores, which pydantic refuses as names
of fields; so every field name stays free.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar, cast

from pydantic_core import PydanticSerializationError, to_jsonable_python

from blackboard.authoring.hypothesis import Hypothesis, did_you_mean
from blackboard.authoring.schema import Schema, child_of, item_of, kind_of, kinds_of, names_of, values_of
from blackboard.core import condition as core
from blackboard.core.condition import Operator
from blackboard.core.errors import BlackboardError

__all__ = [
    "Comparison",
    "Either",
    "Field",
    "Negation",
    "Recorded",
    "UnknownField",
    "Variable",
    "as_condition",
    "as_field",
    "as_variable",
    "compare",
    "lower",
    "model_of",
    "var",
]

H = TypeVar("H", bound=Hypothesis)

_ORDER: Final = frozenset({"<", "<=", ">", ">="})
_ORDERED_KINDS: Final = frozenset({"number", "string"})
_UNORDERED_FORMATS: Final = frozenset({"date-time", "time", "duration"})
_MEMBER_KINDS: Final = frozenset({"array", "string", "object"})


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
        _check_fields(field, op, other)
        return Comparison(field, op, other)
    value = _to_json(field, op, other)
    _check_constant(field, op, value)
    return Comparison(field, op, value)


def _to_json(field: Field, op: Operator, value: object) -> Any:
    try:
        plain = to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise _wrong(f"{field!r} {op} {value!r}: a {type(value).__name__} has no JSON form") from error
    if isinstance(plain, float) and not math.isfinite(plain):
        raise _wrong(f"{field!r} {op} {value!r}: expected a finite number")
    return plain


def _check_fields(left: Field, op: Operator, right: Field) -> None:
    if left.__place__.variable is right.__place__.variable:
        raise _wrong(f"{left!r} {op} {right!r}: both belong to one entry; compare them in the handler")
    kinds, others = _kinds(left), _kinds(right)
    if kinds and others and not kinds & others:
        raise _wrong(
            f"{left!r} {op} {right!r} compares {_words(kinds)} with {_words(others)}, which never holds"
        )
    _check_order(left, op)


def _check_constant(field: Field, op: Operator, value: object) -> None:
    kinds = _kinds(field)
    if op == "has":
        if kinds and not kinds & _MEMBER_KINDS:
            raise _wrong(f"has({field!r}, {value!r}): {field!r} is {_words(kinds)}, not an array or a string")
        return
    expected = kinds & {"string"} if op in ("prefix", "suffix") else kinds
    for each in cast(list[Any], value) if op in ("one_of", "between") else [value]:
        if kinds and kind_of(each) not in expected:
            raise _wrong(
                f"{field!r} {op} {each!r} never holds: the field is {_words(kinds)}, "
                f"the constant is {kind_of(each)}"
            )
        _check_listed(field, op, each)
    _check_order(field, op)


def _check_listed(field: Field, op: Operator, value: object) -> None:
    allowed = values_of(field.__place__.schema, field.__place__.root)
    if op in ("==", "!=", "one_of") and allowed is not None and value not in allowed:
        hint = did_you_mean(str(value), map(str, allowed))
        raise _wrong(f"{field!r} is never {value!r}; {hint}")


def _check_order(field: Field, op: Operator) -> None:
    if op not in _ORDER and op != "between":
        return
    kinds = _kinds(field)
    if kinds and not kinds & _ORDERED_KINDS:
        raise _wrong(f"{field!r} is {_words(kinds)}; only numbers and strings have an order")
    if field.__place__.schema.get("format") in _UNORDERED_FORMATS:
        raise _wrong(
            f"{field!r} is a time in text form, which has no reliable order; keep seconds as a float"
        )


def _kinds(field: Field) -> frozenset[str]:
    return kinds_of(field.__place__.schema, field.__place__.root)


def _words(kinds: frozenset[str] | set[str]) -> str:
    return " or ".join(sorted(kinds))


def lower(recorded: Recorded, variable: Variable, names: Mapping[Variable, str]) -> core.Condition:
    """Return the core's condition on the entry bound to `variable`; `names` are the variables in scope.

    Raises:
        BlackboardError: `invalid_source` if the condition is about another entry, or reads an unbound one.
    """
    match recorded:
        case Either(conditions=conditions):
            return core.AnyOf(conditions=tuple(lower(each, variable, names) for each in conditions))
        case Negation(condition=condition):
            return core.Not(condition=lower(condition, variable, names))
        case Comparison():
            return _lower_comparison(recorded, variable, names)
        case _:
            raise AssertionError(f"a kind of condition without a lowering: {recorded!r}")


_MIRRORED: Final[Mapping[Operator, Operator]] = {
    "==": "==",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}


def _lower_comparison(
    comparison: Comparison, variable: Variable, names: Mapping[Variable, str]
) -> core.Compare:
    left, op, right = comparison.left.__place__, comparison.op, comparison.right
    if not isinstance(right, Field):
        if left.variable is not variable:
            raise _misplaced(comparison, variable)
        return core.Compare(path=_pointer(left), op=op, value=right)
    other = right.__place__
    if left.variable is not variable:
        if other.variable is not variable:
            raise _misplaced(comparison, variable)
        left, op, other = other, _MIRRORED[op], left
    if other.variable not in names:
        raise _wrong(f"{comparison!r} reads {other}, which no on(...) binds; add on({other.variable!r})")
    return core.Compare(
        path=_pointer(left), op=op, field=core.Field(variable=names[other.variable], path=_pointer(other))
    )


def _misplaced(comparison: Comparison, variable: Variable) -> BlackboardError:
    return _wrong(
        f"{comparison!r} says nothing about {variable!r}; move it into the on(...) of its own variable"
    )


def _pointer(place: Place) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in place.path)
