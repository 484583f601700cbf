"""A whole server over real sockets."""

import asyncio
import contextlib
import itertools
import logging
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from blackboard.client import open_session
from blackboard.config import Config
from blackboard.core.errors import BlackboardError
from blackboard.core.limits import Limits
from blackboard.server.app import Server
from blackboard.server.dispatch import DISPATCH
from blackboard.wire.messages import METHODS
from blackboard.wire.requests import COMMANDS
from tests.server.talk import WORD, Refusal, Talk, serving, source, talking


def on_both_loops(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on asyncio's own loop and on uvloop, whose transports differ where it matters here."""

    @pytest.mark.parametrize(
        "factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["own", "uvloop"]
    )
    def run(tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(test(tmp_path))

    run.__doc__ = test.__doc__
    return run


async def open_board(talk: Talk, name: str = "b", **params: Any) -> None:
    await talk.call("board.open", board=name, types=[WORD], **params)


async def post(talk: Talk, n: int = 1, **params: Any) -> dict[str, Any]:
    return await talk.call("entry.post", board="b", type="Word", data={"n": n}, **params)


def test_every_method_has_exactly_one_home():
    """The dispatch table and the commands together are the protocol."""
    assert set(DISPATCH) | set(COMMANDS) | {"session.hello"} == set(METHODS)
    assert not set(DISPATCH) & set(COMMANDS)


@on_both_loops
async def test_a_board_is_opened_filled_and_read(tmp_path: Path):
    """Every answer fits its documented model; `Talk` checks that."""
    async with serving(tmp_path) as server, talking(server) as talk:
        assert talk.hello["durability"] == "full"
        await open_board(talk, goal="find it")
        assert (await post(talk))["entries"] == [1]
        assert (await post(talk, 2, links=[{"kind": "supports", "target": 1}]))["entries"] == [2]
        boards = (await talk.call("board.list"))["boards"]
        assert [(each["board"], each["entries"]) for each in boards] == [("b", 2), ("default", 0)]
        assert (await talk.call("board.get", board="b"))["goal"] == "find it"
        assert (await talk.call("entry.get", board="b", entry=1))["links_in"][0]["source"] == 2
        assert [each["id"] for each in (await talk.call("entry.list", board="b"))["entries"]] == [1, 2]
        assert len((await talk.call("entry.why", board="b", entry=1))["edges"]) == 1
        assert [each["name"] for each in (await talk.call("type.list", board="b"))["types"]] == ["Word"]
        log = await talk.call("board.log", board="b")
        assert [row["revision"] for row in log["rows"]] == list(range(1, len(log["rows"]) + 1))
        assert len((await talk.call("board.hash", board="b"))["state"]) == 64
        assert await talk.call("session.ping") == {}


async def test_entries_are_read_page_by_page(tmp_path: Path):
    """`next` leads through all of them, each once, with and without a filter."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        await open_board(talk)
        posts = [{"do": "post", "type": "Word", "data": {"n": n}} for n in range(25)]
        await talk.call("entry.batch", board="b", contributions=posts)
        for wanted, expected in (
            ({}, 25),
            ({"type": "Word"}, 25),
            ({"level": "none"}, 0),
            ({"live": False}, 0),
        ):
            seen: list[int] = []
            after: int | None = 0
            while after is not None:
                page = await talk.call("entry.list", board="b", after=after, limit=7, **wanted)
                seen += [each["id"] for each in page["entries"]]
                after = page.get("next")
            assert seen == list(range(1, expected + 1))


async def test_the_log_is_exported_page_by_page(tmp_path: Path):
    """Whole commits, each row once, and an end."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        await open_board(talk)
        for n in range(10):
            await post(talk, n)
        rows: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = await talk.call("board.log", board="b", after=after, limit=3)
            rows += page["rows"]
            after = page.get("next")
        head = (await talk.call("board.get", board="b"))["revision"]
        assert [row["revision"] for row in rows] == list(range(1, head + 1))
        assert rows[-1]["commit"] == (await talk.call("board.hash", board="b"))["chain"]


async def test_a_board_can_be_opened_again_only_if_that_is_meant(tmp_path: Path):
    """`exist_ok` leaves it as it is; a repeat of the same command gets the first answer."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        first = await talk.call("board.open", board="b", command_id="k")
        assert await talk.code("board.open", board="b") == "board_exists"
        assert (await talk.call("board.open", board="b", command_id="k"))["repeated"]
        again = await talk.call("board.open", board="b", goal="other", exist_ok=True)
        assert again["revision"] >= first["revision"]
        assert (await talk.call("board.get", board="b"))["goal"] == ""
        assert await talk.code("board.open", board="system") == "board_exists"
        both = await asyncio.gather(*(talk.send("board.open", board="c", exist_ok=True) for _ in range(2)))
        assert all("result" in answer for answer in both)


async def test_a_board_that_cannot_be_opened_leaves_nothing(tmp_path: Path):
    """Wrong settings or types are refused before the name is taken."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        assert await talk.code("board.open", board="b", settings={"parallelism": -1}) == "invalid_params"
        bad = {"name": "T", "level": "l", "schema": {"type": "array"}}
        assert await talk.code("board.open", board="b", types=[bad]) == "invalid_schema"
        assert await talk.code("board.get", board="b") == "unknown_board"
        await open_board(talk)


# Whoever sends nonsense gets a typed error, and nobody else notices.

NONSENSE: list[tuple[str | bytes, str]] = [
    ("", "parse_error"),
    ("not json", "parse_error"),
    (b"\xff\xfe\x00", "parse_error"),
    ('{"jsonrpc":"2.0","id":1,"method":"session.ping","params":{"a":NaN}}', "parse_error"),
    ("[]", "invalid_request"),
    ("[1,2]", "invalid_request"),
    ("7", "invalid_request"),
    ("null", "invalid_request"),
    ("{}", "invalid_request"),
    ('{"jsonrpc":"1.0","id":1,"method":"session.ping"}', "invalid_request"),
    ('{"jsonrpc":"2.0","id":1,"method":7}', "invalid_request"),
    ('{"jsonrpc":"2.0","id":{},"method":"session.ping"}', "invalid_request"),
    ('{"jsonrpc":"2.0","id":1,"result":{}}', "invalid_request"),
    ('{"jsonrpc":"2.0","id":1,"method":"session.ping","params":[]}', "invalid_params"),
    ('{"jsonrpc":"2.0","id":1,"method":"session.ping","params":{"a":1}}', "invalid_params"),
    ('{"jsonrpc":"2.0","id":1,"method":"entry.fly","params":{}}', "unknown_method"),
    ('{"jsonrpc":"2.0","id":1,"method":"entry.post","params":{}}', "invalid_params"),
    (
        '{"jsonrpc":"2.0","id":1,"method":"entry.post","params":{"board":7,"type":"Word","data":{}}}',
        "invalid_params",
    ),
    (
        '{"jsonrpc":"2.0","id":1,"method":"entry.post","params":{"board":"none","type":"Word","data":{}}}',
        "unknown_board",
    ),
    (
        '{"jsonrpc":"2.0","id":1,"method":"entry.post","params":{"board":"b","type":"None","data":{}}}',
        "unknown_type",
    ),
    (
        '{"jsonrpc":"2.0","id":1,"method":"entry.post","params":{"board":"b","type":"Word","data":{"n":"x"}}}',
        "schema_violation",
    ),
    (
        '{"jsonrpc":"2.0","id":1,"method":"entry.post",'
        '"params":{"board":"b","type":"Word","data":{},"confidence":2}}',
        "invalid_params",
    ),
    (
        '{"jsonrpc":"2.0","id":1,"method":"entry.post",'
        '"params":{"board":"b","type":"Word","data":{"n":9007199254740993}}}',
        "limit_exceeded",
    ),
    (
        '{"jsonrpc":"2.0","id":1,"method":"entry.post","params":{"board":"b","type":"Word","data":'
        + '{"a":' * 40
        + "1"
        + "}" * 42,
        "limit_exceeded",
    ),
    (
        '{"jsonrpc":"2.0","id":1,"method":"session.hello","params":{"protocol":1,"client":"x"}}',
        "invalid_request",
    ),
    ('{"jsonrpc":"2.0","id":1,"method":"board.unwatch","params":{"subscription":9}}', "invalid_params"),
    (
        '{"jsonrpc":"2.0","id":1,"method":"activation.renew","params":{"board":"b","activation":1,"token":1}}',
        "stale_token",
    ),
]


async def test_nonsense_gets_a_typed_error_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """One answer each, the connection stays usable, others go on, the log shows no fault of ours."""
    caplog.set_level(logging.INFO)
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as other:
        await open_board(other)
        before = await other.call("board.hash", board="b")
        async with connect(server.url, ping_interval=None, proxy=None) as raw:
            hello = {"protocol": 1, "client": "x", "token": server.token}
            request = {"jsonrpc": "2.0", "id": 0, "method": "session.hello", "params": hello}
            await raw.send(orjson.dumps(request).decode())
            assert "result" in orjson.loads(await raw.recv())
            for frame, code in NONSENSE:
                await raw.send(frame, text=True)
                answer = orjson.loads(await asyncio.wait_for(raw.recv(), 5))
                assert answer["error"]["data"]["code"] == code, (frame[:100], answer)
            await raw.send('{"jsonrpc":"2.0","method":"session.ping"}')  # a notice is not answered
            await raw.send('{"jsonrpc":"2.0","id":"last","method":"session.ping"}')
            assert orjson.loads(await raw.recv())["id"] == "last"
        assert await other.call("board.hash", board="b") == before
        assert (await post(other))["entries"] == [1]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [(b"\x00binary", 1003), ("x" * 5_000, 1009)],
    ids=["binary", "huge"],
)
async def test_frames_out_of_bounds_close_that_connection_alone(
    tmp_path: Path, frame: str | bytes, code: int
):
    """A close code says why; others go on."""
    async with serving(tmp_path, ephemeral=True, message_bytes_max=4_000) as server, talking(server) as other:
        async with connect(server.url, ping_interval=None, proxy=None) as raw:
            await raw.send(frame)
            with pytest.raises(ConnectionClosed) as caught:
                await asyncio.wait_for(raw.recv(), 5)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == code
        assert await other.call("session.ping") == {}


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 2_000,
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /" + b"a" * 20_000,
        b"\r\n\r\n",
        b"G",
    ],
)
async def test_bytes_that_are_no_request_disturb_nobody(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
):
    """They are answered with an HTTP error, or closed."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as other:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
        writer.close()
        assert await other.call("session.ping") == {}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_answer_beyond_the_queue_is_refused_and_the_connection_stays(tmp_path: Path):
    """The message says to ask for less."""
    bounds = {"connection_queue_bytes_max": 20_000}
    async with serving(tmp_path, ephemeral=True, **bounds) as server, talking(server) as talk:
        await talk.call("board.open", board="b", types=[BULK])
        await talk.call("entry.post", board="b", type="Bulk", data={"text": "x" * 30_000})
        assert await talk.code("entry.get", board="b", entry=1) == "limit_exceeded"
        assert await talk.call("session.ping") == {}


async def test_the_client_reads_whatever_may_be_posted(tmp_path: Path):
    """The deepest data and the largest come back in a commit that wraps them, and several share one."""
    async with serving(tmp_path, ephemeral=True) as server:  # noqa: SIM117
        async with open_session(server.url, token=server.token, name="client") as session:
            await session.request("board.open", {"board": "b", "types": [BULK]})
            deep: dict[str, Any] = {}
            for _ in range(28):
                deep = {"d": deep}
            datas = [deep, *({"text": "x" * 1_040_000} for _ in range(4))]
            posts = [{"board": "b", "type": "Bulk", "data": data} for data in datas]
            await asyncio.gather(*(session.request("entry.post", post) for post in posts))
            seen: list[int] = []
            async with asyncio.timeout(10):
                async for change in session.board("b").watch(after=0):
                    seen.append(change.last)
                    if change.last >= 7:
                        break
            assert seen[-1] == 7
            assert server.metrics.counters.connections == 1


# Who may speak.


async def test_hello_comes_first_and_with_a_valid_token(tmp_path: Path):
    """Anything else is refused; a wrong token ends the connection."""
    async with serving(tmp_path, ephemeral=True) as server:
        raw = await connect(server.url, ping_interval=None, proxy=None)
        talk = Talk(raw)
        assert await talk.code("board.list") == "hello_required"
        assert (
            await talk.code("session.hello", protocol=2, client="x", token=server.token) == "invalid_params"
        )
        assert await talk.code("session.hello", protocol=1, client="x", token="wrong") == "unauthorized"
        with contextlib.suppress(ConnectionClosed):
            await asyncio.wait_for(raw.wait_closed(), 5)
        assert raw.close_code == 1008
        headers = {"Authorization": f"Bearer {server.token}"}
        async with connect(server.url, additional_headers=headers, proxy=None) as other:
            talk = Talk(other)
            assert (await talk.call("session.hello", protocol=1, client="x"))["principal"] == "admin"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
)
async def test_a_foreign_host_or_origin_is_refused(tmp_path: Path, headers: dict[str, str]):
    """A web page elsewhere cannot use a browser to get in."""
    async with serving(tmp_path, ephemeral=True) as server:
        lines = {"Host": f"127.0.0.1:{server.port}"} | headers
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        headers_text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"GET /v1 HTTP/1.1\r\n{headers_text}{upgrade}{key}\r\n".encode())
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 403")
        writer.close()


async def test_tokens_are_issued_with_scopes_and_survive_a_restart(tmp_path: Path):
    """A board out of scope does not exist for its bearer; agents do not steer."""
    async with serving(tmp_path) as server, talking(server) as admin:
        await open_board(admin)
        await open_board(admin, "hidden")
        issued = await admin.call("token.issue", name="bot", kind="agent", scopes=["board:b"])
        assert await admin.code("token.issue", name="admin", kind="agent") == "invalid_params"
        assert await admin.code("token.issue", name="bot", kind="agent") == "invalid_params"
    async with serving(tmp_path) as server, talking(server, token=issued["token"]) as bot:
        assert (bot.hello["principal"], bot.hello["kind"]) == ("bot", "agent")
        assert [each["board"] for each in (await bot.call("board.list"))["boards"]] == ["b"]
        for method in ("board.get", "entry.list", "board.watch", "board.log", "agenda.list", "type.list"):
            assert await bot.code(method, board="hidden") == "unknown_board"
            assert await bot.code(method, board="missing") == "unknown_board"
        assert await bot.code("board.open", board="hidden", exist_ok=True) == "forbidden"
        assert await bot.code("board.pause", board="b") == "forbidden"
        assert await bot.code("token.issue", name="x", kind="person") == "forbidden"
        assert (await post(bot))["entries"] == [1]
        await bot.call("source.register", source=source())
        assert "hidden" not in str(await bot.call("source.list"))


# Watching.


@on_both_loops
async def test_a_watcher_resumes_where_it_left(tmp_path: Path):
    """What was changed meanwhile comes first, then what comes, each once."""
    async with serving(tmp_path) as server, talking(server) as author:
        await open_board(author)
        async with talking(server) as watcher:
            await watcher.call("board.watch", board="b", after=0)
            await post(author)
            await watcher.until(lambda: len(watcher.revisions) == 3)
            seen = watcher.revisions
        for n in range(20):
            await post(author, n)
        async with talking(server) as watcher:
            await watcher.call("board.watch", board="b", after=seen[-1])
            await post(author)
            await watcher.until(lambda: len(watcher.revisions) == 21)
            assert seen + watcher.revisions == list(range(1, 25))
            assert await watcher.code("board.watch", board="b", after=1_000) == "gone"
            await watcher.call("board.unwatch", subscription=1)
            await post(author)
            await watcher.call("session.ping")
            assert len(watcher.revisions) == 21


class Stalled:
    """A watcher that reads its greeting and then nothing more, with the smallest buffer there is."""

    def __init__(self, server: Server, board: str = "b") -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.socket.connect(("127.0.0.1", server.port))
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        upgrade = f"Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n"
        self.socket.sendall(f"GET /v1 HTTP/1.1\r\n{upgrade}".encode())
        hello = {"protocol": 1, "client": "stalled", "token": server.token}
        self.send(1, "session.hello", hello)
        self.send(2, "board.watch", {"board": board, "after": 0})

    def send(self, id_: int, method: str, params: dict[str, Any]) -> None:
        payload = orjson.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
        length = bytes((0x81, 0xFE)) + len(payload).to_bytes(2, "big")
        self.socket.sendall(length + b"\0\0\0\0" + payload)

    def close(self) -> None:
        self.socket.close()


BULK = {"name": "Bulk", "level": "word", "schema": {"type": "object"}}


async def flood(author: Talk, count: int = 60) -> None:
    """Post some megabytes."""
    for n in range(count):
        await author.call("entry.post", board="b", type="Bulk", data={"n": n, "text": "x" * 100_000})


@on_both_loops
async def test_a_stalled_reader_is_cut_and_nobody_else_notices(tmp_path: Path):
    """Its memory stays bounded, the others get everything."""
    bounds = {"write_deadline_ms": 400, "connection_queue_bytes_max": 1_000_000}
    async with serving(tmp_path, ephemeral=True, **bounds) as server, talking(server) as author:
        await author.call("board.open", board="b", types=[BULK])
        async with talking(server) as watcher:
            await watcher.call("board.watch", board="b", after=0)
            stalled = Stalled(server)
            await flood(author)
            values = server.metrics.values()
            assert values["blackboard_outgoing_bytes"] < 4_000_000
            await watcher.until(lambda: len(watcher.revisions) == 62)
            assert watcher.revisions == list(range(1, 63))
            async with asyncio.timeout(10):
                while server.metrics.values()["blackboard_open_connections"] > 2:
                    await asyncio.sleep(0.02)
            assert server.metrics.counters.connections_cut == 1
            assert await author.call("session.ping") == {}
            stalled.close()


@on_both_loops
async def test_stopping_takes_no_longer_than_its_deadline(tmp_path: Path):
    """Stalled readers attached or not."""
    bounds = {"write_deadline_ms": 60_000, "stop_deadline_ms": 2_000, "connection_queue_bytes_max": 1_000_000}
    async with serving(tmp_path, ephemeral=True, **bounds) as server, talking(server) as author:
        await author.call("board.open", board="b", types=[BULK])
        stalled = [Stalled(server) for _ in range(3)]
        await flood(author, 20)
        began = time.monotonic()
        await server.__aexit__(None, None, None)
        assert time.monotonic() - began < 2
        assert author.socket.close_code in {1001, None, 1006}
        for each in stalled:
            each.close()


@on_both_loops
async def test_a_flood_of_requests_is_answered_in_bounded_memory(tmp_path: Path):
    """A peer that sends without reading is read from no further than its bound; others go on."""
    bounds = {"connection_inflight_max": 64, "connection_queue_bytes_max": 400_000, "write_deadline_ms": 500}
    async with serving(tmp_path, ephemeral=True, **bounds) as server, talking(server) as other:
        await open_board(other)
        rude = Stalled(server)
        rude.socket.setblocking(False)
        ids = itertools.count(10)

        def request() -> bytes:
            message = {"jsonrpc": "2.0", "id": next(ids), "method": "board.list", "params": {}}
            payload = orjson.dumps(message)
            return bytes((0x81, 0x80 | len(payload))) + b"\0\0\0\0" + payload

        burst = b""
        sent = 0
        while sent < 3_000_000:
            try:
                burst = burst or b"".join(request() for _ in range(100))
                count = rude.socket.send(burst)
                sent += count
                burst = burst[count:]
            except BlockingIOError:
                began = time.monotonic()
                assert await other.call("session.ping") == {}
                assert time.monotonic() - began < 1
                await asyncio.sleep(0.02)
            except ConnectionError:
                break
            assert server.metrics.values()["blackboard_outgoing_bytes"] < 2_000_000
        assert (await post(other))["entries"] == [1]
        rude.close()


@on_both_loops
async def test_silent_peers_are_cut(tmp_path: Path):
    """One that never says hello, and one that answers no ping."""
    bounds = {"hello_deadline_ms": 200, "ping_interval_ms": 200, "ping_deadline_ms": 200}
    async with serving(tmp_path, ephemeral=True, **bounds) as server, talking(server) as alive:
        async with connect(server.url, ping_interval=None, proxy=None) as mute:
            await asyncio.wait_for(mute.wait_closed(), 5)
            assert mute.close_code == 1008
        quiet = Stalled(server, "default")
        raw = socket.create_connection(("127.0.0.1", server.port))
        async with asyncio.timeout(5):
            while server.metrics.values()["blackboard_open_connections"] > 1:
                await asyncio.sleep(0.02)
        assert await alive.call("session.ping") == {}
        quiet.close()
        raw.close()


@on_both_loops
async def test_connections_are_bounded(tmp_path: Path):
    """One too many is told so, and the others stay."""
    async with serving(tmp_path, ephemeral=True, connections_max=1) as server, talking(server) as first:
        with pytest.raises(InvalidStatus) as caught:
            await connect(server.url, proxy=None)
        assert caught.value.response.status_code == 503
        assert await first.call("session.ping") == {}


# Agents.


@on_both_loops
async def test_an_agent_is_offered_work_and_completes_it(tmp_path: Path):
    """Also on a board that was opened after it came."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as author:  # noqa: SIM117
        async with talking(server, agent="worker-1") as agent:
            await agent.call("source.register", source=source(types=[WORD]), credits=3)
            await open_board(author)
            await post(author)
            await agent.until(lambda: len(agent.of("activation.offered")) == 1)
            offer = agent.of("activation.offered")[0]
            held = {"board": "b", "activation": offer["activation"], "token": offer["token"]}
            assert await author.code("activation.accept", **held) == "stale_token"
            await agent.call("activation.accept", **held)
            await agent.call("activation.renew", **held)
            answer = {"do": "post", "type": "Word", "data": {"n": 2}}
            assert (await agent.call("activation.complete", **held, contributions=[answer]))["entries"] == [2]
            assert await agent.code("activation.renew", **held) == "stale_token"
            assert await agent.code("activation.complete", **held) == "stale_token"
            rows = (await agent.call("agent.list"))["agents"]
            assert [(each["agent"], each["credits"]) for each in rows if each["sources"]] == [("worker-1", 3)]
            await agent.call("agent.credits", credits=0)
            await agent.call("source.unregister", source="reader")
            assert await agent.code("source.unregister", source="reader") == "unknown_source"


async def test_work_that_is_not_taken_up_is_offered_to_another(tmp_path: Path):
    """The first agent's token is stale from then on, and it is told."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server, agent="one") as one:
        declared = source(types=[WORD], accept_ms=150)
        await one.call("source.register", source=declared)
        await open_board(one)
        await post(one)
        await one.until(lambda: bool(one.of("activation.offered")))
        async with talking(server, agent="two") as two:
            await two.call("source.register", source=declared)
            await two.until(lambda: bool(two.of("activation.offered")))
            await one.until(lambda: bool(one.of("activation.withdrawn")))
            first, second = one.of("activation.offered")[0], two.of("activation.offered")[0]
            assert second["activation"] == first["activation"]
            assert second["token"] > first["token"]
            late = {"board": "b", "activation": first["activation"], "token": first["token"]}
            assert await one.code("activation.complete", **late) == "stale_token"


async def test_an_agent_that_comes_back_goes_on_with_its_leases(tmp_path: Path):
    """Under the same name it is sent the offer again, with the same token."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as author:
        async with talking(server, agent="worker") as agent:
            await agent.call("source.register", source=source(types=[WORD]))
            await open_board(author)
            await post(author)
            await agent.until(lambda: bool(agent.of("activation.offered")))
            offer = agent.of("activation.offered")[0]
        async with talking(server, agent="worker") as agent:
            await agent.until(lambda: bool(agent.of("activation.offered")))
            assert agent.of("activation.offered") == [offer]
            held = {"board": "b", "activation": offer["activation"], "token": offer["token"]}
            await agent.call("activation.complete", **held)


async def test_a_second_connection_under_one_name_takes_over(tmp_path: Path):
    """The older one is closed; its closing detaches nothing."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as author:
        await open_board(author)
        async with talking(server, agent="worker") as old:
            await old.call("source.register", source=source())
            async with talking(server, agent="worker") as new:
                await new.call("source.register", source=source())
                await asyncio.wait_for(old.socket.wait_closed(), 5)
                await post(author)
                await new.until(lambda: bool(new.of("activation.offered")))


# Stopping, starting, failing.


async def test_everything_is_there_after_a_restart(tmp_path: Path):
    """Boards, agenda, leases and repeats; the lease gets a full term and can still be completed."""
    async with serving(tmp_path) as server, talking(server, agent="worker") as agent:
        await agent.call("source.register", source=source(types=[WORD]))
        await open_board(agent)
        await post(agent, command_id="once")
        await agent.until(lambda: bool(agent.of("activation.offered")))
        offer = agent.of("activation.offered")[0]
    async with serving(tmp_path) as server, talking(server, agent="worker") as agent:
        assert (await post(agent, command_id="once"))["repeated"]
        assert [each["entries"] for each in (await agent.call("board.list"))["boards"]] == [1, 0]
        await agent.until(lambda: bool(agent.of("activation.offered")))
        assert agent.of("activation.offered")[0]["token"] == offer["token"]
        await agent.call("source.register", source=source(types=[WORD]))
        held = {"board": "b", "activation": offer["activation"], "token": offer["token"]}
        await agent.call("activation.complete", **held)


async def test_a_used_port_is_explained(tmp_path: Path):
    """The message says who holds it and what to do; nothing is left running."""
    async with serving(tmp_path / "one", ephemeral=True) as server:
        config = Config(port=server.port, data_dir=str(tmp_path / "two"), sources_dir="", ephemeral=True)
        with pytest.raises(BlackboardError, match=r"port \d+ is in use by pid \d+ .*--port 0") as caught:
            async with Server(config):
                pass
        assert caught.value.code == "invalid_settings"


async def test_one_server_owns_a_data_folder(tmp_path: Path):
    """A second one on the same file is refused."""
    async with serving(tmp_path):
        with pytest.raises(BlackboardError) as caught:
            async with serving(tmp_path):
                pass
        assert caught.value.code == "store_locked"


async def get(server: Server, target: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


@on_both_loops
async def test_pages_are_served_on_the_same_port(tmp_path: Path):
    """Health without a token, metrics with one."""
    async with serving(tmp_path, ephemeral=True) as server:
        assert (await get(server, "/"))[0] == 200
        assert await get(server, "/healthz") == (200, b"ok\n")
        assert await get(server, "/readyz") == (200, b"ready\n")
        assert (await get(server, "/metrics"))[0] == 401
        status, page = await get(server, f"/metrics?t={server.token}")
        assert status == 200
        assert b"blackboard_boards 1\n" in page


async def test_a_refusal_raises_in_the_test_client(tmp_path: Path):
    """So that a test cannot take an error for a result."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        with pytest.raises(Refusal):
            await talk.call("board.get", board="none")
        assert Limits().message_bytes_max == talk.hello["limits"]["message_bytes_max"]
