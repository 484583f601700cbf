"""The session against a scripted server: requests, errors, deadlines, reconnect and repeats."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from blackboard.client import Session, SessionOptions, open_session
from blackboard.core.errors import BlackboardError
from blackboard.wire.codec import encode_error
from tests.client.fake_server import DROP, SILENCE, FakeServer, check, in_turn, refuse, serving

FAST = SessionOptions(backoff_first=0.01, backoff_cap=0.02, request_timeout=5, connect_timeout=5)
RECEIPT = {"revision": 7, "entries": [3], "repeated": False}


async def test_hello_says_who_speaks() -> None:
    async with (
        serving() as server,
        open_session(server.url, token="t", agent="a-1", name="n", options=FAST) as s,
    ):
        assert server.said("session.hello") == [{"protocol": 1, "client": "n", "token": "t", "agent": "a-1"}]
        assert (s.agent, s.principal) == ("a-1", "tester")


async def test_requests_of_one_turn_arrive_in_one_read() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        peer = server.peers[0]
        reads = peer.reads
        await asyncio.gather(*(session.request("session.ping", {}) for _ in range(100)))
        assert peer.reads == reads + 1
        assert len(server.said("session.ping")) == 100


async def test_refusal_is_raised_with_the_servers_code() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["board.get"] = refuse("unknown_board", "no board 'x'")
        with pytest.raises(BlackboardError, match="no board 'x'") as caught:
            await session.board("x").get()
        assert caught.value.code == "unknown_board"


async def test_unanswered_request_ends_at_its_deadline() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["session.ping"] = lambda _: SILENCE
        with pytest.raises(BlackboardError, match=r"session\.ping was not answered within 0.05 s") as caught:
            await session.request("session.ping", {}, timeout=0.05)
        assert caught.value.code == "timed_out"


async def test_late_answer_after_a_cancelled_wait_is_dropped() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["session.ping"] = lambda _: SILENCE
        task = asyncio.create_task(session.request("session.ping", {}))
        await server.wait_for("session.ping")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.peers[0].connection.send_text(b'{"jsonrpc":"2.0","id":1,"result":{}}')
        server.peers[0].flush()
        server.scripts.clear()
        assert await session.request("session.ping", {}) == {}


async def test_no_server_is_unreachable_at_once() -> None:
    async with serving() as server:
        url = server.url
    with pytest.raises(BlackboardError) as caught:
        async with open_session(url, token="t", options=FAST):
            raise AssertionError("there is no server")
    assert caught.value.code == "unreachable"
    assert url in caught.value.message


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ws:///v1", "nonsense"])
async def test_wrong_address_is_refused_with_the_right_form(url: str) -> None:
    with pytest.raises(BlackboardError, match="expected ws://HOST:PORT/v1") as caught:
        async with open_session(url, token="t", options=FAST):
            raise AssertionError("there is no server")
    assert caught.value.code == "invalid_params"


@pytest.mark.parametrize(("status", "code"), [(403, "forbidden"), (503, "unreachable")])
async def test_refused_handshake_says_why(status: int, code: str) -> None:
    async with serving() as server:
        server.http_status = status
        with pytest.raises(BlackboardError, match=f"HTTP {status}: not now") as caught:
            async with open_session(server.url, token="t", options=FAST):
                raise AssertionError("it was refused")
        assert caught.value.code == code


async def test_refused_hello_is_raised() -> None:
    async with serving() as server:
        server.scripts["session.hello"] = refuse("unauthorized", "wrong token")
        with pytest.raises(BlackboardError, match="wrong token") as caught:
            async with open_session(server.url, token="t", options=FAST):
                raise AssertionError("it was refused")
        assert caught.value.code == "unauthorized"


@pytest.mark.parametrize("answer", [SILENCE, DROP])
async def test_hello_without_an_answer_ends_at_its_deadline(answer: object) -> None:
    async with serving() as server:
        server.scripts["session.hello"] = lambda _: answer
        with pytest.raises(BlackboardError) as caught:
            async with open_session(server.url, token="t", options=SessionOptions(connect_timeout=0.1)):
                raise AssertionError("there was no hello")
        assert caught.value.code == ("timed_out" if answer is SILENCE else "connection_lost")


async def test_change_lost_with_the_connection_is_repeated_under_its_command_id() -> None:
    async with serving() as server, open_session(server.url, token="t", agent="a", options=FAST) as session:
        server.scripts["entry.post"] = in_turn(DROP, RECEIPT)
        number = await session.board("b").post("Word", {"text": "hi"})
        assert number == 3
        first, second = server.said("entry.post")
        assert first == second
        assert first["command_id"]
        assert [each.get("agent") for each in server.said("session.hello")] == ["a", "a"]
        assert session.connections == 2


async def test_every_change_has_its_own_command_id() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        board = session.board("b")
        await asyncio.gather(*(board.post("Word", {}) for _ in range(20)))
        assert len({each["command_id"] for each in server.said("entry.post")}) == 20


async def test_made_up_agent_name_is_kept_across_reconnects() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.cut()
        await server.wait_for("session.hello", 2)
        assert [each.get("agent") for each in server.said("session.hello")] == [None, "made-up"]
        assert await session.request("session.ping", {}) == {}


async def test_request_made_while_disconnected_is_sent_once_connected() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        await server.stop()
        while session.is_connected:
            await asyncio.sleep(0)
        task = asyncio.create_task(session.request("session.ping", {}))
        await asyncio.sleep(0.05)
        assert not task.done()
        await server.listen()
        assert await task == {}


async def test_deadline_passes_while_disconnected() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        await server.stop()
        with pytest.raises(BlackboardError, match="connection is lost") as caught:
            await session.request("session.ping", {}, timeout=0.1)
        assert caught.value.code == "timed_out"
        await server.listen()


async def test_reconnecting_ends_with_a_refusal_that_no_repeat_heals() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["session.ping"] = lambda _: SILENCE
        task = asyncio.create_task(session.request("session.ping", {}))
        await server.wait_for("session.ping")
        server.scripts["session.hello"] = refuse("unauthorized", "the token was revoked")
        server.cut()
        with pytest.raises(BlackboardError, match="revoked"):
            await task
        assert (await session.ended).code == "unauthorized"
        with pytest.raises(BlackboardError, match="revoked"):
            await session.request("session.ping", {})


async def test_reconnecting_goes_on_through_refusals_that_pass() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        hello = {"agent": "made-up", "principal": "tester"}
        server.scripts["session.hello"] = in_turn(refuse("shutting_down"), refuse("too_busy"), hello)
        server.cut()
        await server.wait_for("session.hello", 4)
        assert await session.request("session.ping", {}) == {}


async def test_reconnecting_gives_up_after_its_bound() -> None:
    options = SessionOptions(backoff_first=0.01, backoff_cap=0.02, reconnect_seconds=0.1)
    async with serving() as server, open_session(server.url, token="t", options=options) as session:
        await server.stop()
        assert (await asyncio.wait_for(session.ended, 5)).code == "unreachable"
        await server.listen()


async def test_silent_server_is_given_up_and_dialled_again() -> None:
    """Pings go unanswered when the host of the server is gone without a word."""
    options = SessionOptions(backoff_first=0.01, ping_interval=0.05)
    async with serving() as server, open_session(server.url, token="t", options=options) as session:
        server.peers[0].transport.pause_reading()
        await server.wait_for("session.hello", 2)
        assert await session.request("session.ping", {}) == {}
        assert session.connections >= 2


async def test_quiet_server_that_answers_pings_is_kept() -> None:
    options = SessionOptions(ping_interval=0.05)
    async with serving() as server, open_session(server.url, token="t", options=options) as session:
        await asyncio.sleep(0.4)
        assert session.connections == 1


async def test_requests_beyond_the_bound_wait_for_room() -> None:
    options = SessionOptions(inflight_max=2, request_timeout=5)
    async with serving() as server, open_session(server.url, token="t", options=options) as session:
        server.scripts["session.ping"] = lambda _: SILENCE
        tasks = [asyncio.create_task(session.request("session.ping", {})) for _ in range(3)]
        await server.wait_for("session.ping", 2)
        await asyncio.sleep(0.05)
        assert len(server.said("session.ping")) == 2
        tasks[0].cancel()
        await server.wait_for("session.ping", 3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_closing_fails_what_is_unanswered() -> None:
    async with serving() as server:
        async with open_session(server.url, token="t", options=FAST) as session:
            server.scripts["session.ping"] = lambda _: SILENCE
            task = asyncio.create_task(session.request("session.ping", {}))
            await server.wait_for("session.ping")
        with pytest.raises(BlackboardError, match="session was closed"):
            await task


@pytest.mark.parametrize(
    "noise",
    [
        b"{",
        b"[]",
        b'{"jsonrpc":"2.0","method":"new.notice","params":{}}',
        b'{"jsonrpc":"2.0","id":99,"result":1}',
    ],
)
async def test_noise_of_the_server_harms_nothing(noise: bytes) -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.peers[0].connection.send_text(noise)
        server.peers[0].flush()
        assert await session.request("session.ping", {}) == {}


async def test_token_is_found_where_the_server_left_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BLACKBOARD_TOKEN", raising=False)
    (tmp_path / ".blackboard").mkdir()
    (tmp_path / ".blackboard" / "token").write_text("found\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    async with serving() as server, open_session(server.url, options=FAST):
        assert server.said("session.hello")[0]["token"] == "found"


async def test_pending_requests_do_not_outlive_their_callers() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        await asyncio.gather(*(session.request("session.ping", {}) for _ in range(10)))
        assert unanswered(session) == 0
        _ = server


def unanswered(session: Session) -> int:
    return len(session._pending)  # pyright: ignore[reportPrivateUsage]


async def test_refused_registration_after_a_reconnect_ends_the_session() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:

        async def hook() -> None:
            raise BlackboardError("source_conflict", "another trigger")

        session.on_connected(hook)
        server.cut()
        assert (await asyncio.wait_for(session.ended, 5)).code == "source_conflict"


async def test_passing_failure_of_a_hook_makes_the_connection_again() -> None:
    """What a hook resumes must not be left half done."""
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        script = in_turn(refuse("too_busy"), {})
        server.scripts["agent.list"] = script

        async def hook() -> None:
            await session.request("agent.list", {})

        session.on_connected(hook)
        server.cut()
        await server.wait_for("agent.list", 2)
        assert len(server.said("session.hello")) == 3
        session.remove_hooks(hook)


async def test_fake_server_holds_the_client_to_the_protocol() -> None:
    """A wrong parameter breaks the test server's connection, so these tests cannot pass by luck."""
    server = FakeServer()
    assert server.said("x") == []
    with pytest.raises(BlackboardError, match="nonsense"):
        check("session.ping", {"nonsense": 1})


async def test_failure_without_an_id_and_stray_messages_are_only_noted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        peer = server.peers[0]
        peer.connection.send_text(encode_error(None, BlackboardError("parse_error", "what was that")))
        peer.connection.send_text(b'{"jsonrpc":"2.0","id":"text","result":1}')
        peer.connection.send_text(b'{"jsonrpc":"2.0","id":3,"method":"client.do","params":{}}')
        peer.flush()
        assert await session.request("session.ping", {}) == {}
    assert "what was that" in caplog.text
    assert caplog.text.count("answers nothing") == 2


async def test_connection_that_ends_right_after_the_hello_is_an_error() -> None:
    async with serving() as server:

        def answer_and_hang_up(params: object) -> object:
            asyncio.get_running_loop().call_soon(server.peers[0].connection.close)
            asyncio.get_running_loop().call_soon(server.peers[0].flush)
            return {"agent": "a", "principal": "p"}

        server.scripts["session.hello"] = answer_and_hang_up
        with pytest.raises(BlackboardError) as caught:
            async with open_session(server.url, token="t", options=FAST) as session:
                await session.request("session.ping", {}, timeout=0.3)
        assert caught.value.code in {"connection_lost", "timed_out"}


async def test_request_that_is_not_awaited_reports_its_error_where_asked() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        errors: list[str] = []
        server.scripts["session.ping"] = refuse("too_busy", "wait")
        session.request_nowait("session.ping", {}, on_error=lambda error: errors.append(error.code))
        session.request_nowait("session.ping", {})
        await session.request("agent.list", {})
        await asyncio.sleep(0)
        assert errors == ["too_busy"]
        await server.stop()
        while session.is_connected:
            await asyncio.sleep(0)
        session.request_nowait("board.unwatch", {"subscription": 1})
        await server.listen()
        assert len(server.said("board.unwatch")) == 0


async def test_server_may_allow_fewer_unanswered_requests() -> None:
    async with serving() as server:
        limits = {"connection_inflight_max": 1}
        server.scripts["session.hello"] = lambda _: {"agent": "a", "principal": "p", "limits": limits}
        server.scripts["session.ping"] = lambda _: SILENCE
        async with open_session(server.url, token="t", options=FAST) as session:
            tasks = [asyncio.create_task(session.request("session.ping", {})) for _ in range(2)]
            await server.wait_for("session.ping")
            await asyncio.sleep(0.05)
            assert len(server.said("session.ping")) == 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
