"""The gauge that says when a checkpoint is due, against what SQLite really writes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from blackboard.store import SqliteStore, StoreLimits
from blackboard.store.checkpoint import WalGauge
from blackboard.store.conformance import LogBuilder

FRAME = 4096 + 24


@pytest.mark.parametrize(("boards", "body_bytes"), [(1, 10), (1, 3_000), (1, 100_000), (64, 300)])
async def test_gauge_is_near_what_was_written(tmp_path: Path, boards: int, body_bytes: int) -> None:
    """For few and many boards, small and large rows the estimate is within a factor of two."""
    path = tmp_path / "board.db"
    gauge = WalGauge()
    builders = [LogBuilder(f"board-{number}") for number in range(boards)]
    async with SqliteStore(path, limits=StoreLimits(checkpoint_pages=10**9, idle_ms=60_000)) as store:
        for _ in range(60):
            batch = [builder.next(b"x" * body_bytes) for builder in builders]
            gauge.count(batch)
            await asyncio.gather(*map(store.submit, batch))
        pages = path.with_name("board.db-wal").stat().st_size / FRAME
    assert not gauge.is_due(StoreLimits(checkpoint_pages=round(pages * 2)))
    assert gauge.is_due(StoreLimits(checkpoint_pages=round(pages / 2)))


def test_checkpoint_starts_the_count_anew() -> None:
    """What was copied no longer counts."""
    gauge = WalGauge()
    gauge.count([LogBuilder("b").next()])
    assert gauge.is_due(StoreLimits(checkpoint_pages=1))
    gauge.checkpointed(wal_bytes=FRAME)
    assert not gauge.is_due(StoreLimits(checkpoint_pages=1))
    assert (gauge.checkpoints, gauge.wal_bytes) == (1, FRAME)
