"""Runs scenario transcripts: text files of commands, each followed by what the board then shows.

A line that is not indented is a command (see `language`), the indented lines below it are what it must
show (see `render`); `#` starts a comment line. Besides the commands of the language:

    limits matches_per_change_max=2      before anything else: bounds of this engine
    circular                             before anything else: evidence runs in circles here
    given COMMAND                        does it, which must succeed, without showing what follows
    at 1500                              moves the time on, and lets the engine act at that time
    entries | agenda                     show what stands, and what waits
    restart                              go on with a fresh engine that replayed the log

After every command the log is replayed into a fresh engine and compared, and the invariants are checked.

Run with `BLACKBOARD_REWRITE_TRANSCRIPTS=1` in the environment to write the present output into the files;
then read the difference like prose before committing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from blackboard.core.limits import DEFAULT_LIMITS
from tests.scenarios.language import parse_turn
from tests.scenarios.render import agenda_lines, entry_lines, ready_lines
from tests.scenarios.world import World

__all__ = ["REWRITE", "run_transcript"]

REWRITE = "BLACKBOARD_REWRITE_TRANSCRIPTS"


def run_transcript(path: Path) -> str:
    """Return the transcript as it reads when its commands are run now."""
    session = _Session()
    out: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith("  "):
            continue
        out.append(line)
        if line and not line.startswith("#"):
            try:
                shown = [f"  {each}".rstrip() for each in session.run(line)]
            except Exception as error:
                error.add_note(f"in {path.name}: {line}")
                raise
            out += shown
    return "\n".join(out) + "\n"


class _Session:
    def __init__(self) -> None:
        self.world = World()
        self.deadline_ms: int | None = None

    def run(self, line: str) -> Iterator[str]:
        verb, _, rest = line.partition(" ")
        match verb:
            case "limits":
                pairs = [each.split("=") for each in rest.split()]
                changes = {name: int(value) for name, value in pairs}
                self.world = World(limits=msgspec.structs.replace(DEFAULT_LIMITS, **changes))
            case "circular":
                self.world = World(beliefs_settle=False)
            case "given":
                shown = list(self.run(rest))
                assert not any(each.startswith("refused") for each in shown), shown
            case "entries":
                yield from entry_lines(self.world.engine)
            case "agenda":
                yield from agenda_lines(self.world.engine, self.world.now_ms)
            case "restart":
                self.world.restart()
            case "at":
                self.world.now_ms = int(rest)
                yield from self._turn("")
            case _:
                yield from self._turn(line)

    def _turn(self, line: str) -> Iterator[str]:
        ready = self.world.turn(parse_turn(line))
        self.world.replayed()
        yield from ready_lines(ready)
        if ready.deadline_ms != self.deadline_ms:
            self.deadline_ms = ready.deadline_ms
            yield f"wakes at {ready.deadline_ms}" if ready.deadline_ms is not None else "wakes at no time"
