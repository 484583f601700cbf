"""How long `blackboard --help` takes beyond a bare Python: `python tests/cli/bench_help.py`.

The goal is 60 ms; the two are measured in turns, so that the machine's moods fall on both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 20
BLACKBOARD = str(Path(sys.executable).with_name("blackboard"))
COMMANDS = {
    "bare python": [sys.executable, "-c", "pass"],
    "blackboard --help": [BLACKBOARD, "--help"],
    "blackboard post --help": [BLACKBOARD, "post", "--help"],
}


def milliseconds(command: list[str]) -> float:
    """Run a command once."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1_000


def main() -> None:
    """Print the median of each command, and what it is beyond the first."""
    taken = {
        name: statistics.median(times)
        for name, times in zip(
            COMMANDS,
            zip(*([milliseconds(each) for each in COMMANDS.values()] for _ in range(ROUNDS)), strict=True),
            strict=True,
        )
    }
    bare = taken["bare python"]
    for name, median in taken.items():
        sys.stdout.write(f"{name:<24} {median:6.1f} ms  {median - bare:+6.1f} ms\n")


if __name__ == "__main__":
    main()
