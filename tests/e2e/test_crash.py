"""Kill -9: whatever was acknowledged is there, and everything goes on where it was."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

from blackboard import SessionOptions, Watch, open_session
from tests.e2e.logs import events, of
from tests.e2e.processes import Served, free_port, now_ms, poll, server
from tests.server.talk import WORD, Talk, source, talking

POSTS = 600
FIRST = 10
"""Posts before it are made in peace."""
LEASE_MS = 3_000


async def posted(talk: Talk, number: int) -> dict[str, Any]:
    """Post, and return the receipt."""
    answer = await post(talk, number)
    return answer["result"]


def post(talk: Talk, number: int) -> asyncio.Future[dict[str, Any]]:
    """Send a post; the future gets the whole answer."""
    data = {"n": number}
    return talk.send("entry.post", board="b", type="Word", data=data, command_id=f"post-{number}")


async def kill_while_posting(served: Served, talk: Talk) -> dict[int, dict[str, Any]]:
    """Post without waiting, kill the server upon the first answer, and return the receipts that came.

    The last post is sent while the server is stopped already, so that one at least is unacknowledged.
    """
    answers = {number: post(talk, number) for number in range(FIRST, POSTS - 1)}
    await answers[FIRST]
    served.child.send(signal.SIGSTOP)
    answers[POSTS - 1] = post(talk, POSTS - 1)
    await asyncio.sleep(0)
    await served.child.kill_9()
    await asyncio.wait(answers.values(), timeout=10)
    return {
        number: answer.result()["result"]
        for number, answer in answers.items()
        if answer.done() and answer.exception() is None
    }


async def pending(talk: Talk) -> list[tuple[Any, ...]]:
    """Return what waits on the agenda."""
    found = await talk.call("agenda.list", board="b", state="executable", limit=10_000)
    return [
        (each["id"], each["source"], tuple(map(str, each["bindings"])), each["rating"], each["attempts"])
        for each in found["activations"]
    ]


async def leases(talk: Talk) -> dict[int, str]:
    """Return who holds which activation."""
    found = await talk.call("agenda.list", board="b", state="leased")
    return {each["id"]: each["lease"]["agent"] for each in found["activations"]}


async def take_offer(talk: Talk) -> dict[str, Any]:
    """Wait for the first offer, accept it and return it."""
    await talk.until(lambda: bool(talk.of("activation.offered")))
    offer = talk.of("activation.offered")[0]
    lease = {"board": "b", "activation": offer["activation"], "token": offer["token"]}
    await talk.call("activation.accept", **lease)
    return offer


async def follow(watch: Watch, seen: list[int]) -> None:
    async for change in watch:
        seen.extend(record.revision for record in change.records)


async def test_everything_goes_on_where_a_killed_server_was(tmp_path: Path) -> None:
    """Boards, agenda, leases, receipts and a watcher survive a kill amid leases held and posts under way."""
    port = free_port()
    reader = source("reader", lease_ms=LEASE_MS, accept_ms=LEASE_MS, types=[WORD])
    seen: list[int] = []
    async with contextlib.AsyncExitStack() as stack:
        # 1. Two agents hold one lease each; eight activations wait; a watcher follows.
        async with (
            server(tmp_path, port=port) as served,
            talking(served.url, token=served.token, agent="stays") as stays,
            talking(served.url, token=served.token, agent="goes") as goes,
            talking(served.url, token=served.token) as person,
        ):
            await person.call("board.open", board="b", types=[WORD])
            options = SessionOptions(reconnect_seconds=None)
            session = await stack.enter_async_context(
                open_session(served.url, token=served.token, options=options)
            )
            watch = await stack.enter_async_context(session.board("b").watch(after=0))
            following = asyncio.ensure_future(follow(watch, seen))
            stack.callback(following.cancel)
            for agent in (stays, goes):
                await agent.call("source.register", source=reader, boards=["b"], credits=1)
            for number in range(FIRST):
                await posted(person, number)
            held, lost = await take_offer(stays), await take_offer(goes)
            held_before = await leases(person)
            waiting_before = await pending(person)
            assert len(held_before) == 2
            assert len(waiting_before) == 8
            # 2. Killed with both leases held, amid posts.
            answered = await kill_while_posting(served, person)
        assert FIRST in answered
        assert POSTS - 1 not in answered, "a post is unacknowledged"
        assert all(each.get("repeated") is not True for each in answered.values())

        # 3. Again, on the same data.
        started_ms = now_ms()
        async with (
            server(tmp_path, port=port) as served,
            talking(served.url, token=served.token) as person,
        ):
            ready_ms = now_ms()
            assert await leases(person) == held_before
            assert set(waiting_before) <= set(await pending(person))
            # Who comes back is offered what it holds, under the same token, and ends it once.
            async with talking(served.url, token=served.token, agent="stays") as stays:
                await stays.call("source.register", source=reader, boards=["b"], credits=1)
                offered = await take_offer(stays)
                assert (offered["activation"], offered["token"]) == (held["activation"], held["token"])
                lease = {"board": "b", "activation": held["activation"], "token": held["token"]}
                await stays.call("activation.complete", **lease)
                assert await stays.code("activation.complete", **lease) == "stale_token"
            # Repeated under its key, each post has its first receipt, and happened once.
            again = await asyncio.gather(*(posted(person, number) for number in range(FIRST, POSTS)))
            for number, receipt in enumerate(again, FIRST):
                if number in answered:
                    assert receipt == answered[number] | {"repeated": True}
            entries = (await person.call("entry.list", board="b", limit=10_000))["entries"]
            assert sorted(each["data"]["n"] for each in entries) == list(range(POSTS))
            # Who does not come back keeps its lease for one full term, no longer.
            expiry = await poll(lambda: expiry_of(person, lost["activation"]))
            assert expiry is not None
            assert expiry["accepted"]
            assert started_ms + LEASE_MS <= expiry["time_ms"] <= ready_ms + LEASE_MS + 1_000
            # The watcher has seen every revision once.
            revision = (await person.call("board.hash", board="b"))["revision"]
            await poll(lambda: reached(seen, revision))
            assert seen[:revision] == list(range(1, revision + 1))


async def reached(seen: list[int], revision: int) -> bool:
    return bool(seen) and seen[-1] >= revision


async def expiry_of(talk: Talk, activation: int) -> dict[str, Any] | None:
    """Return the event that ended the lease of an activation, once there is one."""
    found = of(await events(talk, "b"), "lease_expired", activation=activation)
    return found[0] if found else None
