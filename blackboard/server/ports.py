"""Who holds a port, as far as the operating system tells: for one helpful error message."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["describe_owner"]

_LISTEN: Final = "0A"
_LOCAL_ADDRESS: Final = 1
_STATE: Final = 3
_INODE: Final = 9


def describe_owner(port: int, *, proc: Path = Path("/proc")) -> str:
    """Return ` by pid 4121 (blackboard serve, this directory)`, or nothing if it cannot be found out."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listeners(proc / "net" / table, port)}
    if not inodes:
        return ""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in proc.glob("[0-9]*"):
        if _holds(process, wanted):
            return f" by pid {process.name} ({_command_of(process)}{_place_of(process)})"
    return ""


def _listeners(table: Path, port: int) -> list[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return []
    rows = (line.split() for line in lines)
    return [
        row[_INODE]
        for row in rows
        if row[_STATE] == _LISTEN and int(row[_LOCAL_ADDRESS].rpartition(":")[2], 16) == port
    ]


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(link.readlink()) in sockets for link in (process / "fd").iterdir())
    except OSError:  # It ended meanwhile, or is not ours to look at.
        return False


def _command_of(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "unknown"
    if len(words) > 1 and Path(words[0]).name.startswith("python") and not words[1].startswith("-"):
        del words[0]  # A script is known by its own name.
    return " ".join((Path(words[0]).name, *words[1:])).strip()


def _place_of(process: Path) -> str:
    try:
        return ", this directory" if (process / "cwd").samefile(Path.cwd()) else ""
    except OSError:
        return ""
