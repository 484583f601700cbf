"""What a server does with garbage: a typed refusal or a close code, no change, no line in its log."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.processes import Served, server
from tests.server.talk import WORD, Talk, talking


def request(method: str, **params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})


def post(data: str) -> str:
    """Return a post whose data is this JSON text."""
    head = '{"jsonrpc":"2.0","id":7,"method":"entry.post","params":{"board":"b","type":"Word","data":'
    return head + data + "}}"


DEEP = '{"x":' * 40 + "1" + "}" * 40
DEEPER = "[" * 100_000 + "]" * 100_000

REFUSED: dict[str, tuple[str, str]] = {
    "no JSON": ("{nonsense", "parse_error"),
    "nothing": ("", "parse_error"),
    "NaN": (post('{"n":NaN}'), "parse_error"),
    "infinity": (post('{"n":1e999}'), "parse_error"),
    "lone surrogate": (post(r'{"n":"\ud800"}'), "parse_error"),
    "NUL": ("\0", "parse_error"),
    "cut off": (post('{"n":1}')[:-3], "parse_error"),
    "number": ("42", "invalid_request"),
    "batch array": (f"[{post('{}')},{post('{}')}]", "invalid_request"),
    "no method": ('{"jsonrpc":"2.0","id":7}', "invalid_request"),
    "other version": ('{"jsonrpc":"1.0","id":7,"method":"session.ping"}', "invalid_request"),
    "id of a wrong type": ('{"jsonrpc":"2.0","id":[7],"method":"session.ping"}', "invalid_request"),
    "method of a wrong type": ('{"jsonrpc":"2.0","id":7,"method":{}}', "invalid_request"),
    "params as array": ('{"jsonrpc":"2.0","id":7,"method":"session.ping","params":[1]}', "invalid_params"),
    "unknown method": (request("board.explode", board="b"), "unknown_method"),
    "unknown board": (request("board.get", board="nowhere"), "unknown_board"),
    "post on an unknown board": (request("entry.post", board="x", type="Word", data={}), "unknown_board"),
    "unknown type": (request("entry.post", board="b", type="Wrod", data={}), "unknown_type"),
    "unknown entry": (request("entry.get", board="b", entry=99), "unknown_entry"),
    "unknown parameter": (request("board.get", board="b", colour="red"), "invalid_params"),
    "missing parameter": (request("entry.post", board="b", type="Word"), "invalid_params"),
    "text for a number": (request("entry.get", board="b", entry="1"), "invalid_params"),
    "number for text": (request("board.get", board=5), "invalid_params"),
    "data of a wrong type": (post('["n"]'), "invalid_params"),
    "data against its schema": (post('{"n":"one"}'), "schema_violation"),
    "confidence beyond 1": (
        request("entry.post", board="b", type="Word", data={"n": 1}, confidence=1.5),
        "invalid_params",
    ),
    "integer beyond 2^53": (post('{"n":9007199254740993}'), "limit_exceeded"),
    "integer beyond 2^64": (post('{"n":123456789012345678901234567890}'), "limit_exceeded"),
    "deep": (post(DEEP), "limit_exceeded"),
    "very deep": (DEEPER, "parse_error"),
    "stale token": (request("activation.complete", board="b", activation=1, token=1), "unknown_activation"),
    "hello again": (request("session.hello", protocol=1, client="x"), "invalid_request"),
}

CLOSED: dict[str, tuple[bytes | str, int]] = {
    "binary frame": (b"\x00\xff", 1003),
    "huge message": (post(json.dumps({"n": 1, "x": "x" * 1_100_000})), 1009),
}


@contextlib.asynccontextmanager
async def greeted(served: Served) -> AsyncIterator[ClientConnection]:
    """A connection that has said hello."""
    async with connect(served.url, compression=None, proxy=None) as socket:
        await socket.send(request("session.hello", protocol=1, client="abuse", token=served.token))
        assert "result" in json.loads(await socket.recv())
        yield socket


async def state(talk: Talk) -> dict[str, Any]:
    return await talk.call("board.hash", board="b")


async def test_garbage_is_refused_by_type_changes_nothing_and_disturbs_nobody(tmp_path: Path) -> None:
    """Every bad frame gets its code; the state's hash stands; a neighbour is answered all the while."""
    async with (
        server(tmp_path) as served,
        talking(served.url, token=served.token) as neighbour,
        greeted(served) as abuser,
    ):
        await neighbour.call("board.open", board="b", types=[WORD])
        before = await state(neighbour)
        codes: dict[str, str] = {}
        for name, (frame, _) in REFUSED.items():
            await abuser.send(frame)
            await neighbour.call("session.ping")
            answer = json.loads(await asyncio.wait_for(abuser.recv(), 10))
            codes[name] = answer["error"]["data"]["code"]
            assert answer["jsonrpc"] == "2.0"
            assert set(answer["error"]["data"]) >= {"code", "retryable", "advice"}
        assert codes == {name: code for name, (_, code) in REFUSED.items()}
        assert await state(neighbour) == before

        for name, (frame, code) in CLOSED.items():
            async with greeted(served) as closing:
                with contextlib.suppress(ConnectionClosed):
                    await closing.send(frame)
                with pytest.raises(ConnectionClosed) as caught:
                    await asyncio.wait_for(closing.recv(), 10)
                assert caught.value.rcvd is not None, name
                assert caught.value.rcvd.code == code, name
        assert await state(neighbour) == before
        # The abuser's own connection works as well as ever.
        await abuser.send(post('{"n":1}'))
        assert json.loads(await abuser.recv())["result"]["entries"] == [1]
        assert served.child.complained == ""
        assert await served.child.stop() == 0
        assert served.child.complained.strip() == "stopping …"


async def test_bytes_that_are_no_websocket_end_their_own_connection_only(tmp_path: Path) -> None:
    """Broken HTTP, an unmasked frame, a half handshake: the socket closes, and nothing else happens."""
    upgrade = (
        b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    attempts = {
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00" + bytes(range(256)),
        "endless header": b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000,
        "unmasked frame": upgrade + b"\x81\x02{}",
        "reserved bits": upgrade + b"\xf1\x80\0\0\0\0",
        "no UTF-8": upgrade + b"\x81\x82\0\0\0\0\xff\xfe",
    }
    async with server(tmp_path, hello_deadline_ms=1_000) as served:
        async with talking(served.url, token=served.token) as neighbour:
            await neighbour.call("board.open", board="b", types=[WORD])
            before = await state(neighbour)
            for name, data in attempts.items():
                reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
                with contextlib.suppress(ConnectionError):
                    writer.write(data)
                    await writer.drain()
                await neighbour.call("session.ping")
                with contextlib.suppress(ConnectionError):
                    rest = await asyncio.wait_for(reader.read(), 10)
                    assert b"Traceback" not in rest, name
                writer.close()
            assert await state(neighbour) == before
        assert served.child.complained == ""


async def test_who_says_no_hello_is_let_go(tmp_path: Path) -> None:
    """Before hello every request is refused; without one the connection is closed in time."""
    async with (
        server(tmp_path, hello_deadline_ms=700) as served,
        connect(served.url, compression=None, proxy=None) as socket,
    ):
        await socket.send(request("board.list"))
        answer = json.loads(await socket.recv())
        assert answer["error"]["data"]["code"] == "hello_required"
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), 10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008
