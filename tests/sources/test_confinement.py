"""A process that confines itself cannot go beyond, nor can what it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

BOUNDS = [
    ("memory_mib=200", "bytearray(400 * 2**20)", "MemoryError"),
    ("memory_mib=200", "len(bytearray(50 * 2**20)) // 2**20", "50"),
    ("open_files=32", "[open('/dev/null') for _ in range(64)]", "OSError: [Errno 24] Too many open files"),
    ("open_files=32", "resource.getrlimit(resource.RLIMIT_NOFILE)", "(32, 32)"),
    ("niceness=3", "os.nice(0) - before", "3"),
    ("open_files=10**9", "resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= hard", "True"),
    (
        "open_files=40",
        "subprocess.run([sys.executable, '-c', 'import resource; "
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))'], capture_output=True, text=True).stdout.strip()",
        "(40, 40)",
    ),
    ("", "resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard and os.nice(0) == before", "True"),
]


@pytest.mark.parametrize(("bound", "attempt", "said"), BOUNDS)
def test_bound_holds(bound: str, attempt: str, said: str) -> None:
    """Tried in a process of its own, which cannot undo it."""
    script = (
        "import os, resource, subprocess, sys\n"
        "from blackboard_sources.confinement import confine\n"
        "before, hard = os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        f"confine({bound})\n"
        f"try: print({attempt})\n"
        "except (MemoryError, OSError) as error: print(f'{type(error).__name__}: {error}')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(said), done.stdout
