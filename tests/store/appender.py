"""A process that appends as fast as it can and prints each acknowledged commit, until it is killed.

Run as `python -m tests.store.appender FILE`: eight boards, eight commits in flight on each.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from blackboard.store import SqliteStore, StoreLimits
from blackboard.store.conformance import LogBuilder

BOARDS = 8
IN_FLIGHT = 8


async def append_for_ever(store: SqliteStore, board: str) -> None:
    builder = LogBuilder(board)
    head = await store.head(board)
    builder.head = head
    while True:
        commits = builder.many(IN_FLIGHT)
        futures = [store.submit(commit) for commit in commits]
        for commit, future in zip(commits, futures, strict=True):
            await future
            sys.stdout.write(f"{board} {commit.last} {commit.hash}\n")
        sys.stdout.flush()


async def main(path: Path) -> None:
    # Frequent checkpoints, so that some kills fall into one.
    async with SqliteStore(path, limits=StoreLimits(checkpoint_pages=100)) as store:
        await asyncio.gather(*(append_for_ever(store, f"board-{number}") for number in range(BOARDS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
