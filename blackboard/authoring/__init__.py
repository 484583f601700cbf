"""What the author of a knowledge source types; depends on `core` and pydantic only."""

from __future__ import annotations

from blackboard.authoring.context import Context
from blackboard.authoring.contributions import (
    Contribution,
    Edge,
    Fatal,
    Judge,
    Link,
    Plain,
    Post,
    Ref,
    Result,
    Retract,
    Revise,
    refutes,
    supports,
    to_contributions,
    types_of,
)
from blackboard.authoring.entry import Entry, typed, view_entry
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.authoring.operators import any_of, between, has, not_, one_of, prefix, suffix
from blackboard.authoring.patterns import Guard, On, When, absent, exists, goal, on, quiescent, when
from blackboard.authoring.publisher import Publisher, is_retryable
from blackboard.authoring.record import var
from blackboard.authoring.source import (
    KnowledgeSource,
    SourceLike,
    SourceOptions,
    as_source,
    knowledge_source,
)

__all__ = [
    "Context",
    "Contribution",
    "Edge",
    "Entry",
    "Fatal",
    "Guard",
    "Hypothesis",
    "Judge",
    "KnowledgeSource",
    "Link",
    "On",
    "Plain",
    "Post",
    "Publisher",
    "Ref",
    "Result",
    "Retract",
    "Revise",
    "SourceLike",
    "SourceOptions",
    "When",
    "absent",
    "any_of",
    "as_source",
    "between",
    "exists",
    "goal",
    "has",
    "is_retryable",
    "knowledge_source",
    "not_",
    "on",
    "one_of",
    "prefix",
    "quiescent",
    "refutes",
    "suffix",
    "supports",
    "to_contributions",
    "typed",
    "types_of",
    "var",
    "view_entry",
    "when",
]
