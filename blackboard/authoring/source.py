"""Knowledge sources: `knowledge_source` turns a handler into a declaration and something to run.

A `KnowledgeSource` is the same object as plug-in, worker process or remote agent. Everything that can be
wrong with it is found when its module is imported, and reported as `invalid_source` with the fix named.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypedDict, TypeGuard, TypeVarTuple, Unpack, cast, overload

from blackboard.authoring.context import Context
from blackboard.authoring.contributions import Result
from blackboard.authoring.entry import Entry, typed
from blackboard.authoring.hypothesis import Hypothesis, did_you_mean
from blackboard.authoring.patterns import When, on
from blackboard.authoring.record import var
from blackboard.authoring.signature import Handler, location_of, match_parameters, models_of_annotations
from blackboard.core.errors import BlackboardError
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.source import Since, SourceDeclaration, check_source

__all__ = ["KnowledgeSource", "SourceLike", "SourceOptions", "as_source", "knowledge_source"]

Bound = TypeVarTuple("Bound")


class SourceOptions(TypedDict, total=False):
    """What may be said of a source beside its condition; all have defaults."""

    produces: Sequence[type[Hypothesis]]
    """Entry types that it may post; nothing means any."""
    rating: float
    """How promising its activations are a priori, from 0 to 1."""
    timeout: float
    """Longest run of one attempt, in seconds."""
    attempts: int
    """Attempts before an activation is given up."""
    lease: float
    """How long a lease lasts without renewal, in seconds."""
    concurrency: int
    """Most simultaneous runs on one board; 0 for no cap."""
    since: Since
    """Whether a new source also acts on what is there already."""
    name: str
    """Unique name; by default made of the handler's."""
    description: str
    """One line for people; by default the first line of the docstring."""


class SourceClass(Protocol):
    """The class form: options and `when` as class attributes, the handler as `run`.

    What the decorator returns is a `KnowledgeSource`; but mypy takes no notice of class decorators, so
    functions that take sources also accept this in their annotations (`SourceLike`).
    """

    @property
    def run(self) -> Callable[..., Any]:
        """The handler, an async method that takes the context and the bound entries."""
        ...


Outcome: TypeAlias = Result | Awaitable[Result]
Decorator: TypeAlias = Callable[[Callable[[Context, *Bound], Outcome]], "KnowledgeSource"]

AnyWhen: TypeAlias = When[*tuple[Any, ...]]

_OPTIONS = tuple(SourceOptions.__annotations__)


@dataclass(frozen=True, slots=True, eq=False)
class KnowledgeSource:
    """A handler with its declaration.

    Args:
        declaration: What the board is told.
        handler: What runs; sync handlers run in a thread and get the same arguments.
        models: Models of the bound entries, in the order of the handler's parameters.
        location: `file:line` of the handler.
    """

    declaration: SourceDeclaration
    handler: Handler
    models: tuple[type[Hypothesis], ...]
    location: str

    @property
    def name(self) -> str:
        """The source's name."""
        return self.declaration.name

    async def run(self, context: Context, entries: Sequence[Entry[Any]]) -> Result:
        """Run the handler on the entries that an activation binds (plain data) and return what it returns.

        Cancelling abandons an async handler at its next await; the thread of a sync handler runs on, and
        what it returns is dropped.
        """
        assert len(entries) == len(self.models), "an activation binds one entry per pattern"
        views = [typed(entry, model) for entry, model in zip(entries, self.models, strict=True)]
        if inspect.iscoroutinefunction(self.handler):
            return cast(Result, await self.handler(context, *views))
        return cast(Result, await asyncio.to_thread(self.handler, context, *views))


SourceLike: TypeAlias = KnowledgeSource | type[SourceClass]
"""What functions that take sources say in their annotations; at run time it is a `KnowledgeSource`."""


@overload
def knowledge_source(source: type[SourceClass], /) -> KnowledgeSource: ...
@overload
def knowledge_source(source: Callable[..., Outcome], /) -> KnowledgeSource: ...
@overload
def knowledge_source(condition: When[*Bound], /, **options: Unpack[SourceOptions]) -> Decorator[*Bound]: ...
@overload
def knowledge_source(
    **options: Unpack[SourceOptions],
) -> Callable[[Callable[..., Outcome]], KnowledgeSource]: ...
def knowledge_source(subject: object = None, /, **options: Any) -> Any:
    """Make a knowledge source of a handler.

    Three forms: `@knowledge_source(when(...), ...)` on a function; `@knowledge_source` (with or without
    options) on a function whose annotations `Entry[T]` imply one `on(T)` each; `@knowledge_source` on a
    class with a `run` method and the options, `when` among them, as class attributes.

    Args:
        subject: The condition, or the decorated function or class.
        **options: See `SourceOptions`.

    Returns:
        The knowledge source, or a decorator that makes it.

    Raises:
        BlackboardError: `invalid_source`, with the fix named.
    """
    _check_options(options)
    if subject is None or _is_when(subject):
        return _decorator(subject, cast(SourceOptions, options))
    if inspect.isclass(subject):
        return _from_class(subject)
    if callable(subject):
        return _from_function(subject, None, {})
    raise BlackboardError(
        "invalid_source", f"knowledge_source({subject!r}): expected when(...), a function or a class"
    )


def as_source(value: SourceLike) -> KnowledgeSource:
    """Return `value`, known to be a knowledge source.

    Raises:
        BlackboardError: `invalid_source` if it is a function or class without the decorator.
    """
    if isinstance(value, KnowledgeSource):
        return value
    raise BlackboardError(
        "invalid_source", f"{value!r} is no knowledge source; put @knowledge_source above it"
    )


def _decorator(condition: AnyWhen | None, options: SourceOptions) -> Callable[[Handler], KnowledgeSource]:
    return lambda handler: _from_function(handler, condition, options)


def _check_options(options: Iterable[str]) -> None:
    for name in options:
        if name not in _OPTIONS:
            raise BlackboardError(
                "invalid_source", f"knowledge_source has no option {name!r}; {did_you_mean(name, _OPTIONS)}"
            )


def _from_function(handler: Handler, condition: AnyWhen | None, options: SourceOptions) -> KnowledgeSource:
    if inspect.isclass(handler):
        raise BlackboardError(
            "invalid_source",
            f"class {handler.__name__}: write a bare @knowledge_source, and the options as class attributes",
        )
    return _make(handler, condition, options, name=handler.__name__.strip("_").replace("_", "-"))


def _from_class(cls: type[Any]) -> KnowledgeSource:
    run = getattr(cls, "run", None)
    if not callable(run):
        raise BlackboardError(
            "invalid_source", f"class {cls.__name__}: add `async def run(self, ctx: Context, ...)`"
        )
    known = (*_OPTIONS, "when", "run")
    options = {name: getattr(cls, name) for name in _OPTIONS if hasattr(cls, name)}
    for name in vars(cls):
        if not name.startswith("_") and name not in known and not callable(getattr(cls, name)):
            raise BlackboardError(
                "invalid_source",
                f"class {cls.__name__}: no option {name!r}; {did_you_mean(name, known)}",
            )
    options.setdefault("description", _first_line(cls.__doc__))
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
    return _make(cls().run, getattr(cls, "when", None), cast(SourceOptions, options), name=name)


def _make(handler: Handler, condition: Any, options: SourceOptions, *, name: str) -> KnowledgeSource:
    condition = condition or _implied(handler)
    if not _is_when(condition):
        raise BlackboardError(
            "invalid_source", f"{location_of(handler)}: when={condition!r}; write when(...)"
        )
    names = match_parameters(handler, condition.models)
    try:
        declaration = _declare(condition, names, options, name=name, doc=handler.__doc__)
        check_source(declaration, limits=DEFAULT_LIMITS)
    except BlackboardError as error:
        message = f"{location_of(handler)}: {error.message}"
        raise BlackboardError("invalid_source", message) from error
    return KnowledgeSource(declaration, handler, condition.models, location_of(handler))


def _is_when(value: object) -> TypeGuard[AnyWhen]:
    return isinstance(value, When)


def _implied(handler: Handler) -> AnyWhen:
    return When(tuple(on(var(model)) for model in models_of_annotations(handler)), ())


def _declare(
    condition: AnyWhen,
    names: tuple[str, ...],
    options: SourceOptions,
    *,
    name: str,
    doc: str | None,
) -> SourceDeclaration:
    produces = tuple(options.get("produces", ()))
    models = dict.fromkeys((*condition.mentioned, *produces))
    settings: dict[str, Any] = {
        "timeout_ms": _milliseconds(options, "timeout"),
        "lease_ms": _milliseconds(options, "lease"),
        "rating": options.get("rating"),
        "attempts_max": options.get("attempts"),
        "concurrency_max": options.get("concurrency"),
        "since": options.get("since"),
    }
    return SourceDeclaration(
        name=options.get("name", name),
        trigger=condition.trigger(names),
        produces=tuple(model.entry_type().name for model in produces),
        types=tuple(model.entry_type() for model in models),
        description=options.get("description", _first_line(doc)),
        **{key: value for key, value in settings.items() if value is not None},
    )


def _milliseconds(options: SourceOptions, name: str) -> int | None:
    seconds = cast("float | None", options.get(name))
    return None if seconds is None else round(seconds * 1000)


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0].strip()
