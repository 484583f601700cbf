"""The view of an entry that handlers and clients get: typed data, fractions as numbers from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from blackboard.authoring.hypothesis import Hypothesis
from blackboard.core import entry as core
from blackboard.core.entry import EntryId, Status
from blackboard.core.errors import BlackboardError
from blackboard.core.values import Data, to_fraction

__all__ = ["Entry", "typed", "view_entry"]

H = TypeVar("H", bound=Hypothesis)
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Entry(Generic[T_co]):
    """An entry as it stood when it was read.

    Args:
        id: Number on its board.
        type: Name of its entry type.
        level: Level of abstraction.
        data: Content, typed by the model that was asked for; plain data without one.
        confidence: Strongest standing claim of an author.
        belief: Computed from all claims and evidence.
        version: Version of the data.
        status: Where it is in its life-cycle.
        author: Who posted it first.
        because: Numbers of the entries that it rests on.
        note: The author's one-line explanation.
        posted_ms: Engine time of the post, in milliseconds.
        activation: The activation that posted it, if any.
    """

    id: EntryId
    type: str
    level: str
    data: T_co
    confidence: float
    belief: float
    version: int
    status: Status
    author: str
    because: tuple[EntryId, ...] = ()
    note: str = ""
    posted_ms: int = 0
    activation: int | None = None


def typed(entry: Entry[Any], model: type[H]) -> Entry[H]:
    """Return `entry` with its plain data read as `model`.

    Raises:
        BlackboardError: `schema_violation` if the data does not fit, because another module declares a
            type of that name differently.
    """
    try:
        return replace(entry, data=model.model_validate(entry.data))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = "/".join(map(str, fault["loc"]))
        raise BlackboardError(
            "schema_violation", f"entry #{entry.id} is no {model.__name__}: at {place!r}: {fault['msg']}"
        ) from error


def view_entry(entry: core.Entry) -> Entry[Data]:
    """Return the view of a core entry, with plain data."""
    standing = [each for each in entry.justifications if not each.withdrawn]
    because = sorted({premise.entry for each in standing for premise in each.premises})
    return Entry(
        id=entry.id,
        type=entry.type,
        level=entry.level,
        data=entry.data,
        confidence=to_fraction(entry.confidence),
        belief=to_fraction(entry.belief),
        version=entry.version,
        status=entry.status,
        author=entry.author,
        because=tuple(because),
        note=entry.note,
        posted_ms=entry.posted_ms,
        activation=entry.activation,
    )
