"""`python -m blackboard_sources.describe FILE`: what a plugin declares, as one JSON object.

A process of its own for `blackboard check`, so that importing a plugin cannot disturb the command: what the
plugin prints goes to standard error, and whatever it leaves running ends with the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from blackboard.core.errors import BlackboardError
from blackboard.core.fact import to_data
from blackboard_sources.loading import load_file

__all__ = ["main"]

_STDOUT: Final = 1
_STDERR: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Describe one file on standard output."""
    (name,) = sys.argv[1:] if arguments is None else arguments
    answer = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    sys.dont_write_bytecode = True
    with os.fdopen(answer, "wb") as out:
        out.write(orjson.dumps(_describe(Path(name))))
    return 0


def _describe(path: Path) -> dict[str, Any]:
    try:
        sources = load_file(path)
    except BlackboardError as error:
        return {"error": error.message}
    return {
        "sources": [{"declaration": to_data(each.declaration), "location": each.location} for each in sources]
    }


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Threads that the plugin started are none of our business.
    os._exit(code)
