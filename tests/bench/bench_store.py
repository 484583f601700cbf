"""Durable rows per second through the store, against raw SQLite doing the same group commit.

Run as `python -m tests.bench.bench_store [ROWS]`; prints one JSON line. 64 appenders each keep one commit
of one 300-byte row in flight. The baseline is a thread with `sqlite3` alone: the same tables, a transaction
for every 64 rows, no loop, no chain, no queue. Both write in turns to the same directory, since the disk of
the hour decides more than the code does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from blackboard.store import MemoryStore, SqliteStore, Store
from blackboard.store.conformance import LogBuilder
from blackboard.store.schema import load_migrations

APPENDERS: Final = 64
ROUNDS: Final = 3
BODY: Final = b"x" * 300


async def rows_per_second(store: Store, count: int, *, boards: int) -> tuple[float, list[float]]:
    """Return rows per second and every latency in millicount; the commits are made beforehand."""
    builders = [LogBuilder(f"board-{number}") for number in range(boards)]
    commits = iter([builders[number % boards].next(BODY) for number in range(count)])
    latencies: list[float] = []

    async def append() -> None:
        for commit in commits:
            start = time.perf_counter()
            await store.append(commit)
            latencies.append((time.perf_counter() - start) * 1000)

    async with store:
        start = time.perf_counter()
        await asyncio.gather(*(append() for _ in range(APPENDERS)))
        return count / (time.perf_counter() - start), latencies


def raw_rows_per_second(path: Path, count: int) -> float:
    """Return rows per second of plain `sqlite3` with a transaction for every 64 rows."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(load_migrations()[0].sql)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        start = time.perf_counter()
        for first in range(1 << 40 | 1, (1 << 40 | 1) + count, APPENDERS):
            ids = range(first, first + APPENDERS)
            links = [(i, i, bytes(32)) for i in ids]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO chain VALUES (?, ?, 1, 1, ?)", links)
            connection.executemany("INSERT INTO event VALUES (?, ?, NULL, NULL)", [(i, BODY) for i in ids])
            connection.execute("COMMIT")
        return count / (time.perf_counter() - start)


async def replay_rows_per_second(path: Path) -> float:
    """Return rows per second of reading the first board's log and verifying its chain."""
    async with SqliteStore(path) as store:
        board = (await store.boards())[0].board
        start = time.perf_counter()
        count = 0
        async for commit in store.log(board):
            count += len(commit.rows)
        return count / (time.perf_counter() - start)


async def main(count: int) -> None:
    results: dict[str, list[float]] = {}
    latencies: list[float] = []

    def note(name: str, value: float) -> None:
        results.setdefault(name, []).append(value)

    for turn in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            note("raw", raw_rows_per_second(Path(folder, "raw.db"), count))
            path = Path(folder, "one.db")
            value, seen = await rows_per_second(SqliteStore(path), count, boards=1)
            note("full", value)
            latencies += seen
            note("bytes_per_row", path.stat().st_size / len(seen))
            note("replay", await replay_rows_per_second(path))
            many, _ = await rows_per_second(SqliteStore(Path(folder, "many.db")), count, boards=APPENDERS)
            note("full_64_boards", many)
            relaxed = SqliteStore(Path(folder, "relaxed.db"), durability="relaxed")
            note("relaxed", (await rows_per_second(relaxed, count, boards=1))[0])
            note("memory", (await rows_per_second(MemoryStore(), count, boards=1))[0])
        print(f"round {turn + 1} of {ROUNDS}", file=sys.stderr)  # noqa: T201  a measurement reports by printing
    medians = {name: round(statistics.median(values)) for name, values in results.items()}
    cuts = statistics.quantiles(latencies, n=100)
    report = {
        "ratio_to_raw": round(medians["full"] / medians["raw"], 2),
        "rows_per_second": medians,
        "full_ms": {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2), "max": round(max(latencies), 1)},
        "cpus": os.cpu_count(),
        "sqlite": sqlite3.sqlite_version,
    }
    print(json.dumps(report))  # noqa: T201  a measurement reports by printing


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
