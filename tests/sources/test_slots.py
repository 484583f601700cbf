"""Slots are handed out in order, also when waiters give up and the size changes."""

from __future__ import annotations

import asyncio

import pytest
from blackboard_sources.slots import Slots


async def hold(slots: Slots, name: str, log: list[str], release: asyncio.Event) -> None:
    async with slots.slot():
        log.append(name)
        await release.wait()


async def test_waiters_come_in_order_and_one_that_gives_up_keeps_nobody_back() -> None:
    slots, log, release = Slots(1), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, name, log, release)) for name in "abc"]
    await asyncio.sleep(0.01)
    assert log == ["a"]
    tasks[1].cancel()
    release.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert log == ["a", "c"]
    async with asyncio.timeout(1), slots.slot():
        pass


async def test_a_larger_size_lets_more_in_at_once() -> None:
    slots, log, release = Slots(0), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, name, log, release)) for name in "ab"]
    await asyncio.sleep(0.01)
    assert log == []
    slots.size = 2
    await asyncio.sleep(0.01)
    assert log == ["a", "b"]
    release.set()
    await asyncio.gather(*tasks)


async def test_cancelled_just_as_its_turn_comes_it_gives_the_slot_back() -> None:
    slots, log, release = Slots(0), list[str](), asyncio.Event()
    late = asyncio.create_task(hold(slots, "a", log, release))
    await asyncio.sleep(0.01)
    slots.size = 1  # its turn has come, but it has not run yet
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert log == []
    async with asyncio.timeout(1), slots.slot():
        pass
