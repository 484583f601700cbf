"""One server per file: an operating-system lock on a file beside the database.

The lock belongs to the open descriptor and goes with the process, however it ends; nothing is ever stale.
The lock file stays behind: removing it would let two processes lock two files of the same name. Its content,
the owner's process id, is information for people only.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from blackboard.core.errors import BlackboardError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileLock"]

_PID_BYTES_MAX = 32


class FileLock:
    """Held from construction to `release`.

    Args:
        path: The file that is guarded; `.lock` is added to its name.

    Raises:
        BlackboardError: `store_locked`, naming the process that holds it; `storage_failed` if the lock file
            cannot be made.
    """

    def __init__(self, path: Path) -> None:
        lock_path = path.with_name(path.name + ".lock")
        try:
            descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BlackboardError(
                "storage_failed", f"cannot create {lock_path}: {error.strerror}; check the directory"
            ) from error
        try:
            _lock(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the lock back. Releasing twice does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(descriptor, _PID_BYTES_MAX, 0).decode(errors="replace").strip() or "unknown"
        raise BlackboardError(
            "store_locked", f"{path} is in use by pid {owner}; stop that server or name another file"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
