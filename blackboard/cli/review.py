"""What is to be said of the sources of some files before they meet a board; no I/O.

An *error* keeps a source from working, a *warning* says that it can never act, a *hint* is worth a look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from blackboard.core.contradiction import contradictions, only_one
from blackboard.core.source import SourceDeclaration
from blackboard.core.trigger import Trigger

__all__ = ["Checked", "Finding", "Weight", "review"]

Weight: TypeAlias = Literal["error", "warning", "hint"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A source, and where its handler stands."""

    file: str
    location: str
    declaration: SourceDeclaration


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be said.

    Args:
        weight: How much it matters.
        where: `file:line`.
        source: The source that it is about.
        message: What is the matter, and what to do.
    """

    weight: Weight
    where: str
    source: str
    message: str


def review(sources: Sequence[Checked]) -> list[Finding]:
    """Return what is to be said of sources that are to work together, in their order."""
    produced = {name for each in sources for name in each.declaration.produces}
    is_open = any(not each.declaration.produces for each in sources)
    found: list[Finding] = []
    for number, each in enumerate(sources):
        found += _conflicts(each, sources[:number])
        found += _alone(each)
        if not is_open:
            found += _unproduced(each, produced)
    return found


def _conflicts(source: Checked, before: Sequence[Checked]) -> Iterable[Finding]:
    """Names that two files use for different things."""
    declaration = source.declaration
    for other in before:
        if other.declaration.name == declaration.name:
            message = f"is declared in {other.location} too; give one of them name=…"
            yield Finding("error", source.location, declaration.name, message)
        known = {each.name: each for each in other.declaration.types}
        for each in declaration.types:
            if known.get(each.name, each) != each:
                message = (
                    f"its type {each.name} differs from that of {other.declaration.name} ({other.location}); "
                    "a board takes only one of them: import the same model, or rename one"
                )
                yield Finding("error", source.location, declaration.name, message)


def _alone(source: Checked) -> Iterable[Finding]:
    """What one declaration says of itself."""
    declaration = source.declaration
    for reason in contradictions(declaration.trigger):
        yield Finding("warning", source.location, declaration.name, f"can never match: {reason}")
    for pattern in only_one(declaration.trigger):
        message = f"acts only while there is a single {pattern}, since it forbids another one like it"
        yield Finding("hint", source.location, declaration.name, message)
    bound = {each.type for each in declaration.trigger.patterns}
    for name in declaration.produces:
        if name in bound and not declaration.trigger.absent:
            message = f"acts on {name} and produces {name}: it may trigger itself without end"
            yield Finding("hint", source.location, declaration.name, message)


def _unproduced(source: Checked, produced: set[str]) -> Iterable[Finding]:
    for name in dict.fromkeys(_wanted(source.declaration.trigger)):
        if name not in produced:
            message = f"nobody here produces {name}; a person or another source has to post it"
            yield Finding("hint", source.location, source.declaration.name, message)


def _wanted(trigger: Trigger) -> Iterable[str]:
    for group in (trigger.patterns, *trigger.exists):
        for pattern in group:
            yield pattern.type
