"""Connections come and go at random; every watcher still sees every change once, in order."""

import asyncio
import contextlib
import random
from functools import partial
from pathlib import Path

import pytest

from tests.server.talk import WORD, Talk, serving, talking

POSTS = 400


def has_seen(talk: Talk, count: int) -> bool:
    return len(talk.revisions) >= count


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_watchers_that_come_and_go_miss_nothing(tmp_path: Path, seed: int):
    """A small chunk and a small queue make them fall behind and catch up often."""
    chance = random.Random(seed)
    bounds = {"connection_queue_bytes_max": 40_000}
    async with serving(tmp_path, ephemeral=True, **bounds) as server, talking(server) as author:
        await author.call("board.open", board="b", types=[WORD])

        async def write() -> None:
            for n in range(POSTS):
                params = {"board": "b", "type": "Word", "data": {"n": n, "text": "x" * chance.randrange(900)}}
                answer = author.send("entry.post", **params)
                if chance.random() < 0.2:
                    await answer

        async def watch(types: list[str] | None) -> list[int]:
            seen: list[int] = []
            while not seen or seen[-1] < POSTS + 2:
                async with talking(server) as talk:
                    after = seen[-1] if seen else 0
                    extra = {} if types is None else {"types": types}
                    await talk.call("board.watch", board="b", after=after, **extra)
                    goal = chance.randrange(1, 150)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.5):
                            await talk.until(partial(has_seen, talk, goal))
                    seen += talk.revisions
                    talk.socket.transport.abort()
            return seen

        async with asyncio.timeout(60):
            *watched, _ = await asyncio.gather(*(watch(None) for _ in range(4)), watch(["Word"]), write())
        for seen in watched:
            assert seen == list(range(1, POSTS + 3))
    assert server.metrics.counters.catch_ups > 0
