"""The handler's side of the bargain: its parameters are matched to the patterns, in order.

The first parameter is the context; each further one receives the entry of one `on(...)`, and its name
becomes the name of the variable. Annotations are checked where they are given.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from blackboard.authoring import context, contributions, entry
from blackboard.authoring.entry import Entry
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.core.errors import BlackboardError

__all__ = ["Handler", "location_of", "match_parameters", "models_of_annotations"]

Handler: TypeAlias = Callable[..., Any]

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def location_of(handler: Handler) -> str:
    """Return `file:line` of a handler, for messages."""
    code = getattr(inspect.unwrap(handler), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else "unknown place"


def _wrong(handler: Handler, message: str) -> BlackboardError:
    return BlackboardError("invalid_source", f"{location_of(handler)}: {handler.__qualname__}: {message}")


def _entry_parameters(handler: Handler) -> list[inspect.Parameter]:
    """Return the parameters after the context."""
    parameters = list(inspect.signature(handler).parameters.values())
    for parameter in parameters:
        if parameter.kind not in _BY_POSITION or parameter.default is not inspect.Parameter.empty:
            raise _wrong(
                handler, f"parameter '{parameter}': expected plain parameters only, `ctx` and one per on(...)"
            )
    if not parameters:
        raise _wrong(
            handler, "it takes no parameter; the first one receives the context: (ctx: Context, ...)"
        )
    return parameters[1:]


def match_parameters(handler: Handler, models: Sequence[type[Hypothesis]]) -> tuple[str, ...]:
    """Return the names of the parameters that receive the entries of `models`, in order.

    Raises:
        BlackboardError: `invalid_source` with the signature to write.
    """
    parameters = _entry_parameters(handler)
    if len(parameters) != len(models):
        raise _wrong(
            handler,
            f"it takes {len(parameters)} entries after the context, and when(...) binds {len(models)}; "
            f"write ({_signature(models)})",
        )
    annotated = _annotations(handler, models)
    for parameter, model in zip(parameters, models, strict=True):
        if parameter.name not in annotated:
            continue
        found = _model_of(handler, parameter.name, annotated[parameter.name])
        if not issubclass(model, found):
            raise _wrong(
                handler,
                f"parameter {parameter.name!r} is an Entry[{found.__name__}], and the on(...) in its place "
                f"binds {model.__name__}; write ({_signature(models)})",
            )
    return tuple(parameter.name for parameter in parameters)


def models_of_annotations(handler: Handler) -> tuple[type[Hypothesis], ...]:
    """Return the models that the parameters after the context are annotated with, for the short form.

    Raises:
        BlackboardError: `invalid_source` if one is missing, or if there is none to wait for.
    """
    annotated = _annotations(handler, ())
    models: list[type[Hypothesis]] = []
    for parameter in _entry_parameters(handler):
        if parameter.name not in annotated:
            raise _wrong(
                handler,
                f"parameter {parameter.name!r} has no annotation; write {parameter.name}: Entry[...], "
                "or pass when(...) to knowledge_source",
            )
        models.append(_model_of(handler, parameter.name, annotated[parameter.name]))
    if not models:
        raise _wrong(
            handler, "it waits for nothing; add a parameter such as `item: Entry[Item]`, or when(...)"
        )
    return tuple(models)


def _signature(models: Sequence[type[Hypothesis]]) -> str:
    entries = (f"{model.__name__.lower()}: Entry[{model.__name__}]" for model in models)
    return ", ".join(["ctx: Context", *entries])


def _model_of(handler: Handler, name: str, annotation: Any) -> type[Hypothesis]:
    if isinstance(annotation, type) and issubclass(annotation, Hypothesis):
        raise _wrong(handler, f"parameter {name!r}: write Entry[{annotation.__name__}]; the data is in .data")
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is not Entry or len(arguments) != 1:
        raise _wrong(
            handler, f"parameter {name!r} is annotated {annotation!r}; expected Entry[<a Hypothesis>]"
        )
    model = arguments[0]
    if not (isinstance(model, type) and issubclass(model, Hypothesis)):
        raise _wrong(handler, f"parameter {name!r}: Entry[{model!r}]; expected a subclass of Hypothesis")
    return model


def _annotations(handler: Handler, models: Sequence[type[Hypothesis]]) -> dict[str, Any]:
    """Evaluate the handler's annotations; our own names resolve even if imported for type checking only."""
    namespace: dict[str, Any] = {}
    for module in (contributions, context, entry):
        namespace.update(vars(module))
    namespace.update({model.__name__: model for model in models})
    namespace.update(getattr(inspect.unwrap(handler), "__globals__", {}))
    try:
        return typing.get_type_hints(handler, globalns=namespace, localns={})
    except NameError as error:
        raise _wrong(
            handler, f"annotation {error.name!r} cannot be resolved; import it when the module runs"
        ) from error
