"""Contributions: what a handler hands back, and the one place where it becomes the core's commands.

Entries are named by what `Context` and triggers gave out, by number, or by a `Post` that stands earlier in
the same list; the latter becomes the negative number by which a batch names its own posts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, assert_never

from blackboard.authoring.entry import Entry
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.core import commands as core
from blackboard.core.commands import Verdict
from blackboard.core.entry import EntryId, LinkKind
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import BlackboardError
from blackboard.core.values import Data, check_fraction

__all__ = [
    "Contribution",
    "Edge",
    "Fatal",
    "Judge",
    "Link",
    "Plain",
    "Post",
    "Ref",
    "Result",
    "Retract",
    "Revise",
    "refutes",
    "supports",
    "to_contributions",
    "types_of",
]


class Fatal(BlackboardError):
    """Raise it in a handler to say that trying again cannot help."""

    def __init__(self, message: str) -> None:
        super().__init__("handler_failed", message)


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain data under the name of a type, where no model of it is at hand."""

    type: str
    data: Data


@dataclass(frozen=True, slots=True, eq=False)
class Post:
    """Post a hypothesis or partial result.

    Args:
        data: The hypothesis, or plain data under the name of a type.
        confidence: How sure the author is, from 0 to 1.
        because: Entries that it rests on, beside those bound by the trigger.
        links: Links from it to other entries, such as `supports(entry)`.
        note: One-line explanation for people.
        ttl: Time to live in seconds; `None` takes that of its type.
        keep: A partial result that stands even if the attempt fails.
    """

    data: Hypothesis | Plain
    confidence: float = 1.0
    because: Sequence[Ref] = ()
    links: Sequence[Edge] = ()
    note: str = ""
    ttl: float | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Revise:
    """Replace the data of an entry, or only the claim (`data=None`), if nobody else did since it was read."""

    entry: Entry[Any]
    data: Hypothesis | None = None
    confidence: float | None = None
    because: Sequence[Ref] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Link `source` to `target`; `supports` and `refutes` are evidence, scaled by `weight`."""

    kind: LinkKind
    source: Ref
    target: Ref
    weight: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Accept, reject or reopen an entry."""

    entry: Ref
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Retract:
    """Take back what this author claimed of an entry."""

    entry: Ref
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """A link from the entry being posted to `target`."""

    kind: LinkKind
    target: Ref
    weight: float = 1.0
    reason: str = ""


Ref: TypeAlias = Entry[Any] | EntryId | Post
Contribution: TypeAlias = Post | Revise | Link | Judge | Retract
Result: TypeAlias = Contribution | Hypothesis | Sequence[Contribution | Hypothesis] | None
"""What a handler may return; `None` declines, a bare hypothesis is posted with confidence 1."""


def supports(entry: Ref, *, weight: float = 1.0, reason: str = "") -> Edge:
    """Return a link by which the entry being posted is evidence for `entry`."""
    return Edge("supports", entry, weight, reason)


def refutes(entry: Ref, *, weight: float = 1.0, reason: str = "") -> Edge:
    """Return a link by which the entry being posted is evidence against `entry`."""
    return Edge("refutes", entry, weight, reason)


def to_contributions(result: Result) -> tuple[core.Contribution, ...]:
    """Return the core's commands for what a handler handed back; empty for `None`.

    Raises:
        BlackboardError: `invalid_params`, saying what came and what was expected.
    """
    lowering = _Lowering()
    return tuple(lowering.add(_check_item(each)) for each in _items(result))


def types_of(result: Result) -> list[EntryType]:
    """Return the entry types that the hypotheses among the contributions declare, each once."""
    bodies = [each.data if isinstance(each, Post | Revise) else each for each in _items(result)]
    models = dict.fromkeys(type(each) for each in bodies if isinstance(each, Hypothesis))
    return [model.entry_type() for model in models]


def _items(result: Result) -> Sequence[Contribution | Hypothesis]:
    if result is None:
        return ()
    return result if isinstance(result, Sequence) else (result,)


def _check_item(item: object) -> Contribution | Hypothesis:
    """Check what a handler returned, for handlers that no type checker has seen."""
    if isinstance(item, Post | Revise | Link | Judge | Retract | Hypothesis):
        return item
    raise BlackboardError(
        "invalid_params",
        f"the handler returned {item!r}; expected None, a Hypothesis, Post, Revise, Link, Judge or Retract",
    )


@dataclass(slots=True)
class _Lowering:
    """Turns contributions into commands in order, remembering where each `Post` stands."""

    posts: dict[Post, EntryId] = field(default_factory=dict[Post, EntryId])
    count: int = 0

    def add(self, item: Contribution | Hypothesis) -> core.Contribution:
        self.count += 1
        if isinstance(item, Hypothesis):
            item = Post(item)
        match item:
            case Post():
                command = self._post(item)
                self.posts[item] = -self.count
                return command
            case Revise():
                return self._revise(item)
            case Link():
                return core.LinkEntries(
                    kind=item.kind,
                    source=self._ref(item.source),
                    target=self._ref(item.target),
                    weight=check_fraction(item.weight, name="weight"),
                    reason=item.reason,
                )
            case Judge():
                return core.JudgeEntry(entry=self._ref(item.entry), verdict=item.verdict, reason=item.reason)
            case Retract():
                return core.RetractEntry(entry=self._ref(item.entry), reason=item.reason)
            case _:
                assert_never(item)

    def _post(self, item: Post) -> core.PostEntry:
        body = item.data
        plain = body if isinstance(body, Plain) else Plain(type(body).entry_type().name, body.to_data())
        return core.PostEntry(
            type=plain.type,
            data=plain.data,
            confidence=check_fraction(item.confidence, name="confidence"),
            because=self._refs(item.because),
            links=tuple(
                core.NewLink(
                    kind=edge.kind,
                    target=self._ref(edge.target),
                    weight=check_fraction(edge.weight, name="weight"),
                    reason=edge.reason,
                )
                for edge in item.links
            ),
            note=item.note,
            ttl_ms=None if item.ttl is None else round(item.ttl * 1000),
            keep=item.keep,
        )

    def _revise(self, item: Revise) -> core.ReviseEntry:
        confidence = item.confidence
        return core.ReviseEntry(
            entry=item.entry.id,
            version=item.entry.version,
            data=None if item.data is None else item.data.to_data(),
            confidence=None if confidence is None else check_fraction(confidence, name="confidence"),
            because=self._refs(item.because),
            note=item.note,
        )

    def _refs(self, refs: Sequence[Ref]) -> tuple[EntryId, ...]:
        return tuple(map(self._ref, refs))

    def _ref(self, ref: Ref) -> EntryId:
        match ref:
            case Entry():
                return ref.id
            case Post():
                if ref not in self.posts:
                    raise BlackboardError(
                        "invalid_params", f"{ref!r} is named before it is posted; list it earlier, and once"
                    )
                return self.posts[ref]
            case int():
                return ref
            case _:
                assert_never(ref)
