"""The worker's side of its server: code that comes over the standard input, a report, a word to drain.

A worker that a server started holds one end of two pipes. Over its standard input come, if the server says
so on the command line, first the bytes of the plugin as the server read them, so that the version that runs
is exactly the one that was found, whatever an editor does to the file meanwhile. Later comes at most the
line `drain`: take no more work, finish what runs. The end of that input means that the server is gone, and a
thread ends the process even if a handler blocks the event loop. Over the other pipe the worker says one
line, once: what it works for, or why it cannot.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from blackboard.authoring import KnowledgeSource
from blackboard.core.errors import BlackboardError
from blackboard.core.trigger import describe

__all__ = ["EXIT_ORPHANED", "FORCE_SECONDS", "Reporter", "follow_server", "read_code"]

EXIT_ORPHANED: Final = 3
FORCE_SECONDS: Final = 0.5
"""How long after the grace period the process is ended by force."""
_STDIN: Final = 0
_DRAIN: Final = b"drain\n"
_CHUNK_BYTES: Final = 65_536


def read_code(size: int) -> bytes:
    """Read the plugin's code, the first `size` bytes of the standard input.

    Raises:
        BlackboardError: `unreachable`; the server went away in the midst of it.
    """
    code = b""
    while len(code) < size:
        chunk = os.read(_STDIN, min(_CHUNK_BYTES, size - len(code)))
        if not chunk:
            raise BlackboardError("unreachable", f"the code ended after {len(code)} of {size} bytes")
        code += chunk
    return code


class Reporter:
    """Says the one line to the server, if one listens; what comes after it is not said.

    Args:
        descriptor: The pipe; `None` where nobody listens.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @property
    def is_heard(self) -> bool:
        """Whether a server still waits for the line."""
        return self._descriptor is not None

    def loaded(self, sources: Sequence[KnowledgeSource], *, agent: str, drain_seconds: float) -> None:
        """Say what this worker works for, under which name, and how long its work may take."""
        views = [
            {
                "source": each.name,
                "trigger": describe(each.declaration.trigger),
                "produces": list(each.declaration.produces),
            }
            for each in sources
        ]
        self._say({"agent": agent, "sources": views, "drain_seconds": drain_seconds})

    def refused(self, error: str) -> None:
        """Say why it does not work."""
        self._say({"error": error})

    def _say(self, message: dict[str, Any]) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        line = orjson.dumps(message) + b"\n"
        try:
            while line:
                line = line[os.write(descriptor, line) :]
        except BrokenPipeError:
            pass  # The server listens no more; the end of the standard input says the rest.
        finally:
            os.close(descriptor)


def follow_server(*, grace: float, drain: Callable[[], object]) -> None:
    """Heed the standard input from now on, if it is a pipe: `drain`, and its end.

    Args:
        grace: How long work may go on once the server is gone, in seconds.
        drain: Called in another thread when the server wants this process to finish.
    """
    try:
        mode = os.fstat(_STDIN).st_mode
    except OSError:
        return
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=_follow, args=(grace, drain), name="server watch", daemon=True).start()


def _follow(grace: float, drain: Callable[[], object]) -> None:
    said = b""
    while chunk := os.read(_STDIN, _CHUNK_BYTES):
        said = (said + chunk)[-len(_DRAIN) :]
        if said == _DRAIN:
            drain()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(grace + FORCE_SECONDS)
    os._exit(EXIT_ORPHANED)
