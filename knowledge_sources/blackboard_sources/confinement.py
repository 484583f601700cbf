"""The limits that a worker process puts on itself before it loads a plugin.

They are set in the process that they bind, so nothing has to run between fork and exec, and they hold for
whatever it forks. A plugin cannot raise them again, unless it runs as root, which no server should.
"""

from __future__ import annotations

import os
import resource
from typing import Final

__all__ = ["confine"]

_MIB: Final = 1_048_576


def confine(*, memory_mib: int = 0, open_files: int = 0, niceness: int = 0) -> None:
    """Bound this process; 0 leaves a bound as it is, and none is ever raised.

    Args:
        memory_mib: Most private memory. Beyond it an allocation fails, in Python as a `MemoryError`.
        open_files: Most open files, sockets included.
        niceness: How far it steps back when others want the processor, 0 to 19.
    """
    if memory_mib:
        _lower(resource.RLIMIT_DATA, memory_mib * _MIB)
    if open_files:
        _lower(resource.RLIMIT_NOFILE, open_files)
    if niceness:
        os.nice(niceness)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))
