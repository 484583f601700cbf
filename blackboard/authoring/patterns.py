"""Patterns: `when(on(...), absent(...))` says on what a source wants to act.

Owns the clauses and how they become the core's `Trigger`. To the type checkers a `When` carries the types
of the entries that it binds, in order, so that a handler with other parameters is an error in the editor.
Clauses that bind come first, those that only guard after them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeGuard, TypeVar, TypeVarTuple, overload

from blackboard.authoring.entry import Entry
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.authoring.lowering import lower
from blackboard.authoring.record import Recorded, Variable, as_condition, as_variable, model_of
from blackboard.core.completion import Goal
from blackboard.core.errors import BlackboardError
from blackboard.core.trigger import Pattern, Signal, Trigger

__all__ = ["Guard", "On", "When", "absent", "exists", "goal", "on", "quiescent", "when"]

A = TypeVar("A", bound=Hypothesis)
B = TypeVar("B", bound=Hypothesis)
C = TypeVar("C", bound=Hypothesis)
D = TypeVar("D", bound=Hypothesis)
E = TypeVar("E", bound=Hypothesis)
F = TypeVar("F", bound=Hypothesis)
H = TypeVar("H", bound=Hypothesis)
H_co = TypeVar("H_co", bound=Hypothesis, covariant=True)
Bound = TypeVarTuple("Bound")


@dataclass(frozen=True, slots=True, eq=False)
class On(Generic[H_co]):
    """What one entry must be; `on` makes it."""

    variable: Variable
    conditions: tuple[Recorded, ...]
    min_confidence: float
    min_belief: float


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """A clause that binds nothing: a group of patterns that must (not) match, or a board signal."""

    kind: Literal["absent", "exists", "signal"]
    patterns: tuple[On[Any], ...] = ()
    signal: Signal | None = None


@dataclass(frozen=True, slots=True, eq=False)
class When(Generic[*Bound]):
    """The whole condition of a source; `when` makes it."""

    patterns: tuple[On[Any], ...]
    guards: tuple[Guard, ...]

    @property
    def models(self) -> tuple[type[Hypothesis], ...]:
        """The models of the entries that are bound, in order."""
        return tuple(model_of(each.variable) for each in self.patterns)

    @property
    def mentioned(self) -> tuple[type[Hypothesis], ...]:
        """Every model that the condition names, bound ones first, each once."""
        patterns = [*self.patterns, *(each for guard in self.guards for each in guard.patterns)]
        return tuple(dict.fromkeys(model_of(each.variable) for each in patterns))

    def trigger(self, names: Sequence[str] | None = None) -> Trigger:
        """Return the core's trigger.

        Args:
            names: Names of the bound variables; by default they are made of the models' names.

        Raises:
            BlackboardError: `invalid_source` if a condition stands in the wrong place.
        """
        bound = _named(self.patterns, names=names, outer={})
        return Trigger(
            patterns=_lower(self.patterns, bound, bound),
            exists=self._groups("exists", bound),
            absent=self._groups("absent", bound),
            signal=next((each.signal for each in self.guards if each.signal is not None), None),
        )

    def _groups(
        self, kind: Literal["absent", "exists"], bound: Mapping[Variable, str]
    ) -> tuple[tuple[Pattern, ...], ...]:
        groups = [guard.patterns for guard in self.guards if guard.kind == kind]
        lowered: list[tuple[Pattern, ...]] = []
        for group in groups:
            inner = _named(group, names=None, outer=bound)
            lowered.append(_lower(group, inner, {**bound, **inner}))
        return tuple(lowered)


def _named(
    patterns: tuple[On[Any], ...], *, names: Sequence[str] | None, outer: Mapping[Variable, str]
) -> dict[Variable, str]:
    """Give each variable a name that is free in its scope."""
    named: dict[Variable, str] = {}
    for index, pattern in enumerate(patterns):
        variable = pattern.variable
        if variable in named or variable in outer:
            raise BlackboardError(
                "invalid_source",
                f"{variable!r} is used in two patterns; make a second var() for the second entry",
            )
        taken = {*named.values(), *outer.values()}
        named[variable] = names[index] if names else _free_name(model_of(variable), taken)
    return named


def _free_name(model: type[Hypothesis], taken: set[str]) -> str:
    base = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.__name__).lower()
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _lower(
    patterns: tuple[On[Any], ...], names: Mapping[Variable, str], scope: Mapping[Variable, str]
) -> tuple[Pattern, ...]:
    return tuple(
        Pattern(
            variable=names[each.variable],
            type=model_of(each.variable).entry_type().name,
            conditions=tuple(lower(condition, each.variable, scope) for condition in each.conditions),
            **_bounds(each),
        )
        for each in patterns
    )


def _bounds(pattern: On[Any]) -> dict[str, float]:
    """Return the bounds that were set, as floats, so that equal triggers have one encoding and one hash."""
    given = {"min_confidence": pattern.min_confidence, "min_belief": pattern.min_belief}
    return {name: float(value) for name, value in given.items() if value}


def on(variable: H, *conditions: bool, min_confidence: float = 0.0, min_belief: float = 0.0) -> On[H]:
    """Bind a live entry.

    Args:
        variable: What `var(Model)` returned.
        conditions: All must hold; they may read fields of other bound entries.
        min_confidence: Least confidence claimed by an author.
        min_belief: Least computed belief.

    Returns:
        A clause for `when`; the handler receives the entry.
    """
    for name, value in (("min_confidence", min_confidence), ("min_belief", min_belief)):
        if not 0 <= value <= 1:
            raise BlackboardError("invalid_source", f"{name}={value!r}: expected a number from 0 to 1")
    return On(as_variable(variable), tuple(map(as_condition, conditions)), min_confidence, min_belief)


@overload
def absent(
    variable: Hypothesis, *conditions: bool, min_confidence: float = 0.0, min_belief: float = 0.0
) -> Guard: ...
@overload
def absent(variable: On[Any], *patterns: On[Any]) -> Guard: ...
def absent(variable: object, *rest: object, min_confidence: float = 0.0, min_belief: float = 0.0) -> Guard:
    """Demand that no live entry matches, when triggered and again just before the work starts.

    Several patterns, `absent(on(X), on(Y, ...))`, must not match jointly.
    """
    return Guard("absent", _group(variable, rest, min_confidence, min_belief))


@overload
def exists(
    variable: Hypothesis, *conditions: bool, min_confidence: float = 0.0, min_belief: float = 0.0
) -> Guard: ...
@overload
def exists(variable: On[Any], *patterns: On[Any]) -> Guard: ...
def exists(variable: object, *rest: object, min_confidence: float = 0.0, min_belief: float = 0.0) -> Guard:
    """Demand that some live entry matches, without binding it; several patterns must match jointly."""
    return Guard("exists", _group(variable, rest, min_confidence, min_belief))


def _group(
    first: Any, rest: tuple[Any, ...], min_confidence: float, min_belief: float
) -> tuple[On[Any], ...]:
    if not _is_on(first):
        return (on(first, *rest, min_confidence=min_confidence, min_belief=min_belief),)
    patterns: list[On[Any]] = []
    for each in (first, *rest):
        if not _is_on(each):
            raise BlackboardError(
                "invalid_source", f"expected on(...), got {each!r}; move it into an on(...)"
            )
        patterns.append(each)
    return tuple(patterns)


def _is_on(value: object) -> TypeGuard[On[Any]]:
    return isinstance(value, On)


def goal(
    variable: Hypothesis, *conditions: bool, min_confidence: float = 0.0, min_belief: float = 0.0
) -> Goal:
    """Return the completion condition that some live entry matches; the board then is solved.

    Example:
        >>> class Cause(Hypothesis, level="cause"):
        ...     service: str
        >>> from blackboard import var
        >>> goal(var(Cause), min_belief=0.8).pattern.type
        'Cause'
    """
    pattern = on(variable, *conditions, min_confidence=min_confidence, min_belief=min_belief)
    names = _named((pattern,), names=None, outer={})
    return Goal(pattern=_lower((pattern,), names, names)[0])


def quiescent() -> Guard:
    """Wait for the signal that nothing else is left to do on the board."""
    return Guard("signal", signal="quiescent")


@overload
def when(*guards: Guard) -> When[()]: ...
@overload
def when(a: On[A], /, *guards: Guard) -> When[Entry[A]]: ...
@overload
def when(a: On[A], b: On[B], /, *guards: Guard) -> When[Entry[A], Entry[B]]: ...
@overload
def when(a: On[A], b: On[B], c: On[C], /, *guards: Guard) -> When[Entry[A], Entry[B], Entry[C]]: ...
@overload
def when(
    a: On[A], b: On[B], c: On[C], d: On[D], /, *guards: Guard
) -> When[Entry[A], Entry[B], Entry[C], Entry[D]]: ...
@overload
def when(
    a: On[A], b: On[B], c: On[C], d: On[D], e: On[E], /, *guards: Guard
) -> When[Entry[A], Entry[B], Entry[C], Entry[D], Entry[E]]: ...
@overload
def when(
    a: On[A], b: On[B], c: On[C], d: On[D], e: On[E], f: On[F], /, *guards: Guard
) -> When[Entry[A], Entry[B], Entry[C], Entry[D], Entry[E], Entry[F]]: ...
@overload
def when(
    a: On[Any],
    b: On[Any],
    c: On[Any],
    d: On[Any],
    e: On[Any],
    f: On[Any],
    g: On[Any],
    /,
    *rest: On[Any] | Guard,
) -> When[*tuple[Any, ...]]: ...
def when(*clauses: On[Any] | Guard) -> When[*tuple[Any, ...]]:
    """Put together on what a source wants to act: first what it binds, then what guards it.

    Example:
        >>> from blackboard import Hypothesis, absent, on, var, when
        >>> class Deploy(Hypothesis, level="signal"):
        ...     service: str
        >>> class Cause(Hypothesis, level="cause"):
        ...     service: str
        >>> DEPLOY, CAUSE = var(Deploy), var(Cause)
        >>> _ = when(on(DEPLOY), absent(CAUSE, CAUSE.service == DEPLOY.service))
    """
    patterns = tuple(each for each in clauses if isinstance(each, On))
    guards = tuple(each for each in clauses if isinstance(each, Guard))
    if len(patterns) + len(guards) != len(clauses) or clauses[: len(patterns)] != patterns:
        raise BlackboardError(
            "invalid_source", "when(...) takes on(...) clauses first, then absent, exists and quiescent"
        )
    if not patterns and not any(each.signal for each in guards):
        raise BlackboardError("invalid_source", "when(...) needs at least one on(...), or quiescent()")
    return When(patterns, guards)
