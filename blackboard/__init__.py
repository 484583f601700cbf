"""The blackboard server: independent agents solve a problem together on one shared, durable board.

Everything that users type is imported from here. The names are resolved on first use, so that importing
the package stays fast and the packages inside can be used without a cycle; `__all__`, `_HOMES` and the
imports for type checkers are kept in step by a test.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from blackboard_sources.agent import (
        Agent,
        connect,
    )

    from blackboard.authoring import (
        Context,
        Entry,
        Fatal,
        Hypothesis,
        Judge,
        KnowledgeSource,
        Link,
        Post,
        Result,
        Retract,
        Revise,
        absent,
        any_of,
        between,
        exists,
        goal,
        has,
        knowledge_source,
        not_,
        on,
        one_of,
        prefix,
        quiescent,
        refutes,
        suffix,
        supports,
        var,
        when,
    )
    from blackboard.client import (
        Board,
        BoardInfo,
        Change,
        Session,
        SessionOptions,
        Watch,
        Why,
        open_session,
    )
    from blackboard.core.completion import (
        AllOf,
        Deadline,
        Goal,
        Outcome,
        Quiescent,
        Settings,
        Spent,
    )
    from blackboard.core.errors import (
        BlackboardError,
    )
    from blackboard.testing import TestBoard

__all__ = [
    "Agent",
    "AllOf",
    "BlackboardError",
    "Board",
    "BoardInfo",
    "Change",
    "Context",
    "Deadline",
    "Entry",
    "Fatal",
    "Goal",
    "Hypothesis",
    "Judge",
    "KnowledgeSource",
    "Link",
    "Outcome",
    "Post",
    "Quiescent",
    "Result",
    "Retract",
    "Revise",
    "Session",
    "SessionOptions",
    "Settings",
    "Spent",
    "TestBoard",
    "Watch",
    "Why",
    "absent",
    "any_of",
    "between",
    "connect",
    "exists",
    "goal",
    "has",
    "knowledge_source",
    "not_",
    "on",
    "one_of",
    "open_session",
    "prefix",
    "quiescent",
    "refutes",
    "suffix",
    "supports",
    "var",
    "when",
]

_HOMES: Final[dict[str, str]] = {
    "Board": "blackboard.client",
    "BoardInfo": "blackboard.client",
    "Change": "blackboard.client",
    "Session": "blackboard.client",
    "SessionOptions": "blackboard.client",
    "Watch": "blackboard.client",
    "Why": "blackboard.client",
    "open_session": "blackboard.client",
    "AllOf": "blackboard.core.completion",
    "Deadline": "blackboard.core.completion",
    "Goal": "blackboard.core.completion",
    "Outcome": "blackboard.core.completion",
    "Quiescent": "blackboard.core.completion",
    "Settings": "blackboard.core.completion",
    "Spent": "blackboard.core.completion",
    "BlackboardError": "blackboard.core.errors",
    "Agent": "blackboard_sources.agent",
    "TestBoard": "blackboard.testing",
    "connect": "blackboard_sources.agent",
}
"""Where the names live that are not of `blackboard.authoring`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'blackboard' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "blackboard.authoring")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
