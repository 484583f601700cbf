"""Watches: order, resumption without gap or duplicate, overrun, loss."""

from __future__ import annotations

import asyncio

import pytest

from blackboard.client import SessionOptions, Watch, open_session
from blackboard.core.errors import BlackboardError
from blackboard.core.events import BoardPaused
from tests.client.fake_server import SILENCE, in_turn, refuse, serving

FAST = SessionOptions(backoff_first=0.01, backoff_cap=0.02, request_timeout=5)


async def take(watch: Watch, count: int) -> list[int]:
    async with asyncio.timeout(5):
        return [(await anext(watch)).last for _ in range(count)]


async def test_changes_come_in_order_with_typed_events() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        async with session.board("b").watch() as changes:
            assert server.said("board.watch") == [{"board": "b"}]
            event = {"event": "board_paused", "author": "me", "reason": "lunch"}
            server.change(11, 12, records=[{"revision": 11, "event": event}], beliefs={"4": 0.5})
            change = await asyncio.wait_for(anext(changes), 5)
        assert (change.board, change.first, change.last, change.beliefs) == ("b", 11, 12, {4: 0.5})
        assert change.records[0].event == BoardPaused(author="me", reason="lunch")
        await server.wait_for("board.unwatch")


async def test_change_right_behind_the_answer_is_not_missed() -> None:
    """The subscription stands before the next message of the same read is looked at."""
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:

        def answer_and_change(params: object) -> object:
            asyncio.get_running_loop().call_soon(lambda: server.change(11, subscription=1))
            return {"subscription": 1, "revision": 10}

        server.scripts["board.watch"] = answer_and_change
        watch = session.board("b").watch()
        assert await take(watch, 1) == [11]
        await watch.close()


async def test_watch_resumes_after_the_last_revision_it_saw() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", options=FAST) as session,
        session.board("b").watch(after=7, types=["Word"]) as changes,
    ):
        server.change(8)
        server.change(9)
        assert await take(changes, 2) == [8, 9]
        server.cut()
        await server.wait_for("board.watch", 2)
        assert server.said("board.watch") == [
            {"board": "b", "after": 7, "types": ["Word"]},
            {"board": "b", "after": 9, "types": ["Word"]},
        ]
        server.change(9)  # a duplicate, as a careless server might send
        server.change(10)
        assert await take(changes, 1) == [10]


async def test_watch_from_now_resumes_from_where_it_began() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", options=FAST) as session,
        session.board("b").watch(),
    ):
        server.cut()
        await server.wait_for("board.watch", 2)
        assert server.said("board.watch")[1]["after"] == 10


async def test_subscription_lost_in_the_making_is_made_on_the_next_connection() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        answer = {"subscription": 1, "revision": 10}
        server.scripts["board.watch"] = in_turn(lambda _: server.cut(), answer)
        async with session.board("b").watch() as changes:
            await server.wait_for("board.watch", 2)
            await session.request("session.ping", {})
            server.change(11, subscription=1)
            assert await take(changes, 1) == [11]


async def test_slow_consumer_costs_bounded_memory_and_misses_nothing() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        watch = Watch(session, session.router, "b", after=0, types=None, kept_max=3)
        await watch.start()
        for revision in range(1, 7):
            server.change(revision, subscription=1)
        await server.wait_for("board.unwatch")
        assert await take(watch, 3) == [1, 2, 3]
        task = asyncio.create_task(take(watch, 3))
        await server.wait_for("board.watch", 2)
        assert server.said("board.watch")[1] == {"board": "b", "after": 3}
        await session.request("session.ping", {})
        for revision in range(4, 7):
            server.change(revision, subscription=2)
        assert await task == [4, 5, 6]
        await watch.close()


async def test_overrun_while_disconnected_still_resumes() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        watch = Watch(session, session.router, "b", after=0, types=None, kept_max=1)
        await watch.start()
        server.change(1)
        server.change(2)
        await server.wait_for("board.unwatch")
        await server.stop()
        assert await take(watch, 1) == [1]
        task = asyncio.create_task(take(watch, 1))
        await asyncio.sleep(0.05)
        await server.listen()
        await server.wait_for("board.watch", 2)
        await session.request("session.ping", {})
        server.change(2)
        assert await task == [2]
        await watch.close()


async def test_subscription_ended_by_the_server_for_slowness_is_renewed() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", options=FAST) as session,
        session.board("b").watch(after=3) as changes,
    ):
        server.notify("board.lost", {"subscription": 1, "code": "too_busy", "advice": "a"})
        task = asyncio.create_task(take(changes, 1))
        await server.wait_for("board.watch", 2)
        await session.request("session.ping", {})
        server.change(4)
        assert await task == [4]


async def test_history_that_is_gone_is_an_error() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", options=FAST) as session,
        session.board("b").watch(after=3) as changes,
    ):
        server.notify("board.lost", {"subscription": 1, "code": "gone", "advice": "read afresh"})
        with pytest.raises(BlackboardError, match="read afresh") as caught:
            await take(changes, 1)
        assert caught.value.code == "gone"


async def test_gap_is_an_error_and_never_passes_silently() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", options=FAST) as session,
        session.board("b").watch(after=3) as changes,
    ):
        server.change(5)
        with pytest.raises(BlackboardError, match="jumped from revision 3 to 5"):
            await take(changes, 1)


async def test_refused_watch_is_raised() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["board.watch"] = refuse("unknown_board", "no board 'b'")
        with pytest.raises(BlackboardError, match="no board 'b'"):
            await take(session.board("b").watch(), 1)


async def test_watch_refused_after_a_reconnect_ends_with_the_reason() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", options=FAST) as session,
        session.board("b").watch() as changes,
    ):
        server.scripts["board.watch"] = refuse("unknown_board", "no board 'b' any more")
        server.cut()
        with pytest.raises(BlackboardError, match="any more"):
            await take(changes, 1)


async def test_watch_ends_with_its_session() -> None:
    async with serving() as server:
        async with open_session(server.url, token="t", options=FAST) as session:
            watch = session.board("b").watch()
            task = asyncio.create_task(take(watch, 1))
            await server.wait_for("board.watch")
        with pytest.raises(BlackboardError, match="session was closed"):
            await task


async def test_two_watches_get_their_own_changes() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", options=FAST) as session,
        session.board("b").watch(after=0) as one,
        session.board("b").watch(after=5) as two,
    ):
        server.change(6, subscription=2)
        server.change(1, subscription=1)
        server.change(9, subscription=77)
        assert (await take(one, 1), await take(two, 1)) == ([1], [6])


async def test_closing_twice_is_fine() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        watch = session.board("b").watch()
        await watch.close()
        await watch.start()
        await watch.start()
        await watch.close()
        await watch.close()
        assert len(server.said("board.watch")) == 1


async def test_change_that_cannot_be_read_is_an_error() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", options=FAST) as session,
        session.board("b").watch() as changes,
    ):
        server.change(11, records=[{"revision": 11, "event": {"event": "of_a_newer_server"}}])
        with pytest.raises(BlackboardError, match="this release cannot read"):
            await take(changes, 1)


async def test_cancelled_start_leaves_nothing_behind() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["board.watch"] = lambda _: SILENCE
        watch = session.board("b").watch()
        task = asyncio.create_task(watch.start())
        await server.wait_for("board.watch")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.cut()
        await server.wait_for("session.hello", 2)
        await session.request("session.ping", {})
        assert len(server.said("board.watch")) == 1


async def test_notification_for_no_subscription_is_dropped() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.notify("board.lost", {"subscription": 5, "code": "gone", "advice": "a"})
        assert await session.request("session.ping", {}) == {}
