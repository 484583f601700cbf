"""The blackboard server: independent agents solve a problem together on one shared, durable board.

Everything that users type is imported from here. The names are resolved on first use, so that importing
the package stays fast and the packages inside can be used without a cycle; `__all__`, `_HOMES` and the
imports for type checkers are kept in step by a test.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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
    from blackboard.core.errors import BlackboardError

__all__ = [
    "BlackboardError",
    "Context",
    "Entry",
    "Fatal",
    "Hypothesis",
    "Judge",
    "KnowledgeSource",
    "Link",
    "Post",
    "Result",
    "Retract",
    "Revise",
    "absent",
    "any_of",
    "between",
    "exists",
    "has",
    "knowledge_source",
    "not_",
    "on",
    "one_of",
    "prefix",
    "quiescent",
    "refutes",
    "suffix",
    "supports",
    "var",
    "when",
]

_HOMES: Final[dict[str, str]] = {"BlackboardError": "blackboard.core.errors"}
"""Where the names live that are not of `blackboard.authoring`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'blackboard' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "blackboard.authoring")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
