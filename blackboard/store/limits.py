"""Named limits of a store: its queue, its batches, its reads and its write-ahead log.

Apart from `core.limits`, because only the shell knows of disks. Tests pass smaller ones.
"""

from __future__ import annotations

from blackboard.core.fact import Fact

__all__ = ["DEFAULT_STORE_LIMITS", "StoreLimits"]


class StoreLimits(Fact):
    """The bounds of one store. Sizes are bytes, times milliseconds, the rest counts.

    Args:
        queue_commits_max: Commits that may wait; one more is refused as `too_busy`.
        queue_bytes_max: The same in bytes; a single commit is always accepted into an empty queue.
        batch_commits_max: Commits in one transaction; the others wait for the next.
        batch_bytes_max: The same in bytes; every batch holds at least one commit.
        read_commits_max: Commits in one page of `read`.
        read_bytes_max: The same in bytes; every page holds at least one commit.
        checkpoint_pages: Pages (of 4 KiB, estimated) in the write-ahead log, after which they are copied
            into the file. More make checkpoints rarer and longer.
        idle_ms: Quiet time after which the write-ahead log is emptied.
        busy_ms: How long a write waits for another program that has locked the file.
    """

    queue_commits_max: int = 65_536
    queue_bytes_max: int = 67_108_864
    batch_commits_max: int = 4_096
    batch_bytes_max: int = 4_194_304
    read_commits_max: int = 512
    read_bytes_max: int = 4_194_304
    checkpoint_pages: int = 2_000
    idle_ms: int = 1_000
    busy_ms: int = 2_000


DEFAULT_STORE_LIMITS = StoreLimits()
