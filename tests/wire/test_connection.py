"""The connection state machine: life-cycle, HTTP, closing; the shortcut against websockets' parser."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from blackboard.wire.connection import (
    MOVES,
    ClientConnection,
    Closed,
    HttpRequest,
    Opened,
    Pinged,
    Ponged,
    ProtocolFault,
    Refused,
    ServerConnection,
    Text,
    next_state,
)
from blackboard.wire.frames import frame_text, frame_text_masked

UPGRADE = (
    b"GET /v1?x=1 HTTP/1.1\r\nHost: localhost:8787\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PAGE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
MASK = b"\x01\x02\x03\x04"
BYTES_MAX = 300


def opened(*, shortcut: bool = True, bytes_max: int = BYTES_MAX) -> ServerConnection:
    """Return a server's connection just after its handshake."""
    connection = ServerConnection(message_bytes_max=bytes_max, shortcut=shortcut)
    connection.receive(UPGRADE)
    assert connection.accept() == [Opened()]
    connection.data_to_send()
    return connection


def masked(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def connected() -> tuple[ClientConnection, ServerConnection]:
    """Return both ends of one connection, after the handshake."""
    client = ClientConnection("ws://localhost:8787/v1", random_bytes=random.Random(1).randbytes)
    server = ServerConnection()
    server.receive(client.data_to_send())
    assert server.accept() == [Opened()]
    assert client.receive(server.data_to_send()) == [Opened()]
    return client, server


# The life-cycle.


def test_every_state_can_be_lost_and_only_closed_is_final():
    for state, moves in MOVES.items():
        assert (moves == {}) == (state == "closed")
        assert moves.get("lose", "closed") == "closed"
        assert set(moves.values()) <= set(MOVES)


def test_unlisted_move_is_a_bug():
    with pytest.raises(AssertionError, match="illegal move 'hello' of a connection that is 'closed'"):
        next_state("closed", "hello")


def test_server_walks_from_request_to_closed():
    connection = ServerConnection()
    assert connection.state == "connecting"
    (request,) = connection.receive(UPGRADE)
    assert isinstance(request, HttpRequest)
    assert (request.method, request.target, request.upgrade) == ("GET", "/v1?x=1", True)
    assert ("Host", "localhost:8787") in request.headers
    assert connection.state == "http"
    assert connection.accept() == [Opened()]
    assert connection.state == "awaiting_hello"
    assert connection.data_to_send().startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    connection.hello_done()
    assert connection.state == "open"
    assert connection.receive(frame_text_masked(b'{"a":1}', MASK)) == [Text(b'{"a":1}')]
    connection.close(1001, "stopping")
    assert connection.state == "closing"
    assert not connection.is_finished
    assert connection.receive(masked(Opcode.CLOSE, b"\x03\xe9")) == [Closed(1001, "")]
    assert connection.is_finished
    assert connection.receive_eof() == []
    assert connection.state == "closed"
    assert connection.receive_eof() == []


def test_equal_input_gives_equal_output():
    """No clock and no randomness shows on the server's side."""
    outputs = []
    for _ in range(2):
        connection = ServerConnection()
        connection.receive(UPGRADE)
        connection.accept()
        connection.receive(masked(Opcode.PING, b"p"))
        outputs.append(connection.data_to_send())
    assert outputs[0] == outputs[1]
    assert b"Date" not in outputs[0]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_both_ends_exchange_messages_of_all_sizes(size):
    client, server = connected()
    payload = b"x" * size
    assert client.send_text(payload)
    assert server.receive(client.data_to_send()) == [Text(payload)]
    assert server.send_text(payload)
    assert client.receive(server.data_to_send()) == [Text(payload)]


def test_client_draws_fresh_masks_for_every_frame():
    client, _ = connected()
    frames = []
    for _ in range(3_000):  # more than one block of randomness
        client.send_text(b"same")
        frames.append(client.data_to_send())
    assert len(set(frames)) == 3_000


def test_close_by_the_client_is_answered_and_finishes_the_server():
    client, server = connected()
    client.close(1000, "done")
    assert server.receive(client.data_to_send()) == [Closed(1000, "done")]
    assert server.is_finished
    assert client.receive(server.data_to_send()) == [Closed(1000, "done")]
    assert client.is_finished


def test_close_without_a_code_is_1005():
    connection = opened()
    assert connection.receive(masked(Opcode.CLOSE, b"")) == [Closed(1005, "")]


def test_nothing_is_sent_once_closing():
    client, server = connected()
    server.close(1001)
    client.close()
    for end in (client, server):
        end.data_to_send()
        end.close(1002, "again")
        assert not end.send_text(b"late")
        assert not end.send_ping(b"late")
        assert end.data_to_send() == b""
    assert not server.send_frame(frame_text(b"late"))


def test_messages_after_our_close_are_dropped_and_the_close_still_seen():
    connection = opened()
    connection.close(1001, "stopping")
    connection.data_to_send()
    stream = frame_text_masked(b"late", MASK) + masked(Opcode.TEXT, b"la", fin=False)
    assert connection.receive(stream + masked(Opcode.CONT, b"te")) == []
    assert connection.receive(masked(Opcode.CLOSE, b"\x03\xe9")) == [Closed(1001, "")]


def test_long_reason_is_cut_at_a_character():
    connection = opened()
    connection.close(1008, "é" * 200)
    client_side = connection.data_to_send()
    assert client_side == b"\x88\x7c\x03\xf0" + "é".encode() * 61


def test_ping_is_answered_and_pong_reported():
    client, server = connected()
    assert server.send_ping(b"42")
    assert client.receive(server.data_to_send()) == [Pinged(b"42")]
    assert server.receive(client.data_to_send()) == [Ponged(b"42")]


def test_lost_transport_closes_with_1006():
    connection = opened()
    assert connection.receive_eof() == [Closed(1006, "")]
    assert connection.is_finished
    assert connection.receive(b"late") == []


def test_lost_transport_in_the_middle_of_our_close_is_1006():
    connection = opened()
    connection.close()
    assert connection.receive_eof() == [Closed(1006, "")]


# What is refused.


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (masked(Opcode.BINARY, b"\x00"), 1003),
        (masked(Opcode.TEXT, b"x" * (BYTES_MAX + 1)), 1009),
        (b"\x81\xff" + b"\x7f" * 8, 1009),
        (b"\x81\x01x", 1002),
        (b"\x00~", 1002),
        (b"\x81\x7f", 1002),
        (b"\x83\xff", 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (b"\xc1\x80\x00\x00\x00\x00", 1002),
        (masked(Opcode.CONT, b"x"), 1002),
        (b"\x89\xfe\x00\x7e" + MASK + bytes(126), 1002),
        (b"\x09\x80" + MASK, 1002),
        (masked(Opcode.CLOSE, b"\x03"), 1002),
        (masked(Opcode.CLOSE, b"\x03\xed"), 1002),
        (masked(Opcode.CLOSE, b"\x03\xe8\xff"), 1007),
        (masked(Opcode.TEXT, b"x", fin=False) + masked(Opcode.TEXT, b"y"), 1002),
        (masked(Opcode.TEXT, b"x" * 200, fin=False) + masked(Opcode.CONT, b"x" * 101), 1009),
    ],
)
@pytest.mark.parametrize("shortcut", [True, False])
def test_broken_frames_fail_the_connection(stream, code, shortcut):
    connection = opened(shortcut=shortcut)
    events = connection.receive(stream) + connection.receive(frame_text_masked(b"after", MASK))
    assert [type(each) for each in events] == [ProtocolFault, Closed]
    assert events[-1].code == code
    assert connection.is_finished
    assert connection.data_to_send()[:4] == b"\x88" + connection_close_rest(events[-1])
    assert connection.receive(frame_text_masked(b"after", MASK)) == []
    assert connection.receive_eof() == []


def connection_close_rest(closed: Closed) -> bytes:
    """Return length and code of the close frame that tells the other side of `closed`."""
    return bytes((2 + len(closed.reason.encode()),)) + closed.code.to_bytes(2, "big")


def test_empty_fragments_pin_no_memory():
    connection = opened()
    connection.receive(masked(Opcode.TEXT, b"x", fin=False))
    for _ in range(1_000):
        assert connection.receive(masked(Opcode.CONT, b"", fin=False)) == []
    assert connection._fragments == bytearray(b"x")
    assert connection.receive(masked(Opcode.CONT, b"y")) == [Text(b"xy")]


def test_large_message_in_small_reads():
    connection = opened(bytes_max=100_000)
    stream = frame_text_masked(b"x" * 100_000, MASK)
    events = [
        event for at in range(0, len(stream), 999) for event in connection.receive(stream[at : at + 999])
    ]
    assert events == [Text(b"x" * 100_000)]
    assert not connection._unread


# HTTP on the same port.


def test_page_is_answered_and_the_connection_ended():
    connection = ServerConnection()
    (request,) = connection.receive(PAGE)
    assert not request.upgrade
    connection.respond(200, (("Content-Type", "text/plain"),), b"ok")
    assert connection.data_to_send() == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    )
    assert connection.is_finished
    assert connection.receive(b"more") == []
    assert connection.receive_eof() == [Closed(1000, "")]


def test_head_gets_no_body():
    connection = ServerConnection()
    connection.receive(PAGE.replace(b"GET", b"HEAD"))
    connection.respond(200, (), b"ok")
    assert connection.data_to_send().endswith(b"Content-Length: 2\r\nConnection: close\r\n\r\n")


def test_reject_gives_its_reason_in_plain_text():
    connection = ServerConnection()
    connection.receive(UPGRADE)
    connection.reject(403, "Host 'evil' is not one of this server's")
    answer = connection.data_to_send()
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert answer.endswith(b"Host 'evil' is not one of this server's\n")
    assert connection.state == "closing"


def test_wrong_handshake_is_answered_with_an_http_error():
    connection = ServerConnection()
    connection.receive(UPGRADE.replace(b"Version: 13", b"Version: 8"))
    assert connection.accept() == []
    assert connection.data_to_send().startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert connection.state == "closing"
    assert connection.is_finished


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"POST /v1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    ],
)
def test_garbage_instead_of_a_request_is_answered_and_ended(garbage):
    connection = ServerConnection()
    events = connection.receive(garbage)
    assert [type(each) for each in events] == [ProtocolFault, Closed]
    assert connection.data_to_send().startswith(b"HTTP/1.1 4")
    assert connection.is_finished
    assert connection.receive_eof() == []


def test_early_frames_wait_for_the_handshake():
    """A hasty client's first message, in the same packet as its request, is not lost and not read before."""
    connection = ServerConnection()
    (request,) = connection.receive(UPGRADE + frame_text_masked(b"early", MASK)[:3])
    assert request.upgrade
    assert connection.receive(frame_text_masked(b"early", MASK)[3:]) == []
    assert connection.data_to_send() == b""
    assert connection.accept() == [Opened(), Text(b"early")]


def test_answers_to_a_request_that_was_lost_meanwhile_are_dropped():
    """The shell works through the events of one read; the last of them may have ended the connection."""
    connection = ServerConnection(message_bytes_max=100)
    events = connection.receive(UPGRADE + b"x" * 101)
    assert [type(each) for each in events] == [HttpRequest, ProtocolFault, Closed]
    connection.data_to_send()
    assert connection.accept() == []
    connection.respond(200, (), b"late")
    connection.reject(403, "late")
    assert connection.data_to_send() == b""


def test_hello_answered_while_closing_changes_nothing():
    connection = opened()
    events = connection.receive(frame_text_masked(b"hello", MASK) + masked(Opcode.CLOSE, b"\x03\xe8"))
    assert events == [Text(b"hello"), Closed(1000, "")]
    connection.hello_done()
    assert connection.state == "closing"


def test_early_bytes_are_bounded():
    connection = ServerConnection(message_bytes_max=100)
    connection.receive(UPGRADE)
    events = connection.receive(b"x" * 101)
    assert [type(each) for each in events] == [ProtocolFault, Closed]
    assert connection.is_finished


def test_request_cut_off_is_lost():
    connection = ServerConnection()
    assert connection.receive(UPGRADE[:20]) == []
    assert connection.receive_eof() == [Closed(1006, "")]


@pytest.mark.parametrize("at", range(len(UPGRADE)))
def test_request_may_come_in_two_reads(at):
    connection = ServerConnection()
    early = frame_text_masked(b"x", MASK)
    events = connection.receive(UPGRADE[:at]) + connection.receive(UPGRADE[at:] + early)
    assert [type(each) for each in events] == [HttpRequest]
    assert connection.accept() == [Opened(), Text(b"x")]


# The client's handshake.


def test_client_sends_its_headers():
    client = ClientConnection(
        "ws://h:1/v1", random_bytes=random.Random(1).randbytes, headers=(("Origin", "http://h:1"),)
    )
    request = client.data_to_send()
    assert request.startswith(b"GET /v1 HTTP/1.1\r\nHost: h:1\r\n")
    assert b"\r\nOrigin: http://h:1\r\n" in request


@pytest.mark.parametrize("cut", [10, 40, 85, 200])
def test_client_reports_a_refusal_with_its_reason(cut):
    client = ClientConnection("ws://localhost/v1", random_bytes=random.Random(1).randbytes)
    server = ServerConnection()
    server.receive(client.data_to_send())
    server.reject(403, "Not from there.")
    answer = server.data_to_send()
    events = client.receive(answer[:cut]) + client.receive(answer[cut:])
    assert events[0] == Refused(403, "Not from there.")
    assert [type(each) for each in events[1:]] == [Closed]
    assert client.is_finished


def test_client_refuses_a_server_that_speaks_something_else():
    client = ClientConnection("ws://localhost/v1", random_bytes=random.Random(1).randbytes)
    client.data_to_send()
    events = client.receive(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert [type(each) for each in events] == [ProtocolFault, Closed]


# The shortcut against websockets' own parser.


def reference(chunks: list[bytes]) -> tuple[list[object], bytes]:
    """Read the stream with websockets alone, and write down what it says in our events."""
    protocol = ServerProtocol(state=State.OPEN, max_size=BYTES_MAX)
    events: list[object] = []
    output = b""
    joined = b""
    for chunk in chunks:
        protocol.receive_data(chunk)
        for frame in protocol.events_received():
            assert not isinstance(frame, Request)
            data = bytes(frame.data)
            match frame.opcode:
                case Opcode.TEXT | Opcode.CONT:
                    joined += data
                    if frame.fin:
                        events.append(Text(joined))
                        joined = b""
                case Opcode.PING:
                    events.append(Pinged(data))
                case Opcode.PONG:
                    events.append(Ponged(data))
                case Opcode.BINARY:
                    protocol.fail(1003, "")
                    return [*events, ProtocolFault(1003, ""), Closed(1003, "")], output
                case Opcode.CLOSE:
                    close = protocol.close_rcvd
                    events.append(Closed(close.code, close.reason))
        fault = protocol.parser_exc
        output += b"".join(protocol.data_to_send())
        if fault is not None:
            code = 1009 if isinstance(fault, PayloadTooBig) else 1002
            code = 1007 if isinstance(fault, UnicodeDecodeError) else code
            return [*events, ProtocolFault(code, ""), Closed(code, "")], output
        if protocol.close_rcvd is not None:
            break
    return events, output


TEXTS = st.binary(max_size=40).map(lambda data: masked(Opcode.TEXT, data))
PIECES = st.one_of(
    TEXTS,
    TEXTS,
    TEXTS,
    st.integers(120, BYTES_MAX).map(lambda size: masked(Opcode.TEXT, b"y" * size)),
    st.lists(st.binary(max_size=90), min_size=2, max_size=5).map(
        lambda parts: b"".join(
            masked(Opcode.CONT if n else Opcode.TEXT, part, fin=n == len(parts) - 1)
            for n, part in enumerate(parts)
        )
    ),
    st.binary(max_size=125).map(lambda data: masked(Opcode.PING, data)),
    st.binary(max_size=125).map(lambda data: masked(Opcode.PONG, data)),
    st.tuples(st.binary(max_size=20), st.binary(max_size=20), st.binary(max_size=20)).map(
        lambda t: masked(Opcode.TEXT, t[0], fin=False) + masked(Opcode.PING, t[1]) + masked(Opcode.CONT, t[2])
    ),
)
BREAKS = st.one_of(
    st.just(b""),
    st.sampled_from([b"\x03\xe8", b"\x03\xe8bye", b"", b"\x00\x01", b"\x03"]).map(
        lambda data: masked(Opcode.CLOSE, data)
    ),
    st.binary(max_size=9).map(lambda data: masked(Opcode.BINARY, data)),
    st.just(masked(Opcode.TEXT, b"z" * (BYTES_MAX + 1))),
    st.just(masked(Opcode.CONT, b"lost")),
    st.just(masked(Opcode.TEXT, b"half", fin=False)),
    st.binary(min_size=2, max_size=30),
)


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=8), BREAKS, st.lists(PIECES, max_size=2), st.data())
def test_shortcut_and_websockets_see_the_same(pieces, breaking, rest, data):
    """However the stream is cut, with and without the shortcut: the same events, the same bytes out."""
    stream = b"".join(pieces) + breaking + b"".join(rest)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12), label="cuts"))
    edges = [0, *cuts, len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    expected, expected_output = reference(chunks)
    for shortcut in (True, False):
        connection = opened(shortcut=shortcut)
        events, output = [], b""
        for chunk in chunks:
            events += connection.receive(chunk)
            output += connection.data_to_send()
        assert without_reasons(events) == without_reasons(expected)
        if not any(isinstance(each, ProtocolFault) and each.code == 1003 for each in events):
            assert output == expected_output
        assert connection.is_finished == any(isinstance(each, Closed) for each in events)


def without_reasons(events: list[object]) -> list[object]:
    """Leave out the wording of faults, which is ours in one case and websockets' in another."""
    faulty = any(isinstance(each, ProtocolFault) for each in events)
    return [
        (type(each), each.code)
        if isinstance(each, ProtocolFault) or (faulty and isinstance(each, Closed))
        else each
        for each in events
    ]


@given(st.lists(st.binary(max_size=200), max_size=10), st.data())
def test_messages_arrive_as_sent_however_cut(payloads, data):
    """What one end sends, the other receives, in order, in both directions."""
    client, server = connected()
    for sender, receiver in ((client, server), (server, client)):
        for payload in payloads:
            sender.send_text(payload)
        stream = sender.data_to_send()
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        edges = [0, *cuts, len(stream)]
        received = [event for a, b in itertools.pairwise(edges) for event in receiver.receive(stream[a:b])]
        assert received == [Text(payload) for payload in payloads]


@given(st.binary(max_size=400))
def test_no_bytes_make_the_server_raise(garbage):
    """Whatever comes, before or after the handshake, there are events and no exception."""
    for connection in (ServerConnection(message_bytes_max=BYTES_MAX), opened()):
        connection.receive(garbage)
        connection.receive_eof()
        assert connection.state == "closed"
