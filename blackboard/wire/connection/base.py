"""The connection state machine: bytes in, events and bytes out, for the server and for the client.

It owns the life-cycle of one connection (`MOVES`), from the HTTP request to the closing handshake. There is
no socket, clock or task here; the shell feeds what it reads to `receive`, acts on the events, writes what
`data_to_send` gives, and closes the transport once `is_finished`.

Theory of operation. The WebSocket protocol is spoken by websockets' sans-I/O layer, with one shortcut:
most traffic is whole, small, unfragmented text frames, and for those its generator-based parser costs more
than everything else on the way of a message. So this class keeps the unread bytes itself and looks at each
frame's header:

1. A whole text frame, with no fragmented message in progress, becomes a `Text` event at once.
2. Any other whole frame is handed to websockets, which answers pings, checks and closes.
3. A frame that cannot be right (too large, wrongly masked, unknown opcode) is handed over with all that
   follows; websockets fails the connection as soon as it has read the header.
4. An incomplete frame waits. What waits is bounded by the largest message.

Hence websockets sees whole frames only, between two calls its own buffer is empty, and the two cannot get
out of step. Likewise it sees the HTTP head alone; bytes that a hasty client sends behind it wait until the
handshake is answered. We weighed entering its parser in the middle of a frame instead; that would rest on
its private state. `shortcut=False` sends every frame through websockets; tests compare the two.

What is random (the client's key, its masks of control frames) is websockets' own and has no meaning to us;
the masks of messages come from the shell.

Compression is never negotiated: with small messages it costs far more than it saves, and it would make
every frame private to one subscriber.

Invariants: `Closed` is the last event and comes once; no `Text` comes after a close was sent or received.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Final, Literal, TypeAlias

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CONNECTING
from websockets.server import ServerProtocol

from blackboard.wire.events import (
    Closed,
    Event,
    Pinged,
    Ponged,
    ProtocolFault,
    Text,
)
from blackboard.wire.frames import (
    MASKED,
    TEXT_WHOLE,
    apply_mask,
    frame_extent,
)

__all__ = ["LOG", "MOVES", "Connection", "ConnectionState", "Move", "next_state"]

ConnectionState: TypeAlias = Literal["connecting", "http", "awaiting_hello", "open", "closing", "closed"]
Move: TypeAlias = Literal["request", "respond", "upgrade", "hello", "close", "fail", "lose"]

MOVES: Final[dict[ConnectionState, dict[Move, ConnectionState]]] = {
    "connecting": {"request": "http", "upgrade": "awaiting_hello", "fail": "closing", "lose": "closed"},
    "http": {"upgrade": "awaiting_hello", "respond": "closing", "fail": "closing", "lose": "closed"},
    "awaiting_hello": {"hello": "open", "close": "closing", "fail": "closing", "lose": "closed"},
    "open": {"close": "closing", "fail": "closing", "lose": "closed"},
    "closing": {"close": "closing", "fail": "closing", "lose": "closed"},
    "closed": {},
}
"""A server passes through `http`, where the request waits for its answer; a client goes straight from
`connecting` to `awaiting_hello`. `lose` is the end of the byte stream."""


_HEAD_END: Final = b"\r\n\r\n"
_OPCODES: Final = frozenset(Opcode)
_HEADER_BYTES_MIN: Final = 2
_REASON_BYTES_MAX: Final = 123
"""What a close frame has room for beside the code."""

LOG: Final = logging.getLogger("blackboard.wire")
"""Where websockets writes at level DEBUG; shared, so that no connection makes its own."""


def next_state(state: ConnectionState, move: Move) -> ConnectionState:
    """Walk the life-cycle one step; an unlisted move is a bug and raises `AssertionError`."""
    moves = MOVES[state]
    assert move in moves, f"illegal move {move!r} of a connection that is {state!r}"
    return moves[move]


class Connection(ABC):
    """What both sides have in common: frames, closing, and the bytes to send."""

    def __init__(
        self,
        protocol: ServerProtocol | ClientProtocol,
        *,
        message_bytes_max: int,
        mask_bit: int,
        shortcut: bool,
    ) -> None:
        self._protocol = protocol
        self._bytes_max = message_bytes_max
        self._mask_bit = mask_bit
        self._shortcut = shortcut
        self._state: ConnectionState = "connecting"
        self._unread: bytearray = bytearray()
        self._head_tail = b""
        self._fragments: bytearray | None = None
        self._out: list[bytes] = []
        self._is_ended = False
        self._is_finished = False

    @property
    def state(self) -> ConnectionState:
        """Where the connection is in its life-cycle."""
        return self._state

    @property
    def is_finished(self) -> bool:
        """Whether the transport is to be closed once `data_to_send` is written."""
        return self._is_finished

    def receive(self, data: bytes) -> list[Event]:
        """Take in what was read from the transport and return what it brought."""
        if self._state in ("connecting", "http"):
            return self._receive_head(data)
        if self._is_finished or self._is_ended:
            return []
        return self._receive_frames(data)

    def receive_eof(self) -> list[Event]:
        """Take in the end of the byte stream, also after an error of the transport."""
        if self._state == "closed":
            return []
        was_answered = self._state == "closing" and self._protocol.state is CONNECTING  # plain HTTP
        self._move("lose")
        self._protocol.receive_eof()
        self._collect()
        self._is_finished = True
        if self._is_ended:
            return []
        self._is_ended = True
        code = CloseCode.NORMAL_CLOSURE if was_answered else CloseCode.ABNORMAL_CLOSURE
        return [Closed(int(code), "")]

    def data_to_send(self) -> bytes:
        """Return, once, all bytes that are to be written."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    def hello_done(self) -> None:
        """Note that the first message was answered well; a connection that is closing by then stays so."""
        if self._state == "awaiting_hello":
            self._move("hello")

    def send_ping(self, payload: bytes = b"") -> bool:
        """Send a ping of at most 125 bytes; false if the connection no longer takes any."""
        if not self._takes_messages():
            return False
        self._protocol.send_ping(payload)
        self._collect()
        return True

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Start the closing handshake; `Closed` follows when the other side answers.

        Repeating it is harmless. Before the handshake there is nothing to say: close the transport.
        """
        if not self._takes_messages():
            return
        self._move("close")
        self._protocol.send_close(code, _short(reason))
        self._collect()

    def _takes_messages(self) -> bool:
        return self._state in ("open", "awaiting_hello")

    def _move(self, move: Move) -> None:
        self._state = next_state(self._state, move)

    def _collect(self) -> None:
        """Take over what websockets wants written; an empty string is its mark for the end."""
        for data in self._protocol.data_to_send():
            if data:
                self._out.append(data)
            else:
                self._is_finished = True

    # Reading.

    @abstractmethod
    def _receive_head(self, data: bytes) -> list[Event]:
        """Read while the handshake is not done."""

    def _split_head(self, data: bytes) -> tuple[bytes, bytes]:
        """Split what was read into the part that belongs to the HTTP head, and the rest."""
        seam = self._head_tail
        found = (seam + data).find(_HEAD_END)
        if found < 0:
            self._head_tail = (seam + data)[-len(_HEAD_END) + 1 :]
            return data, b""
        end = found + len(_HEAD_END) - len(seam)
        return data[:end], data[end:]

    def _receive_frames(self, data: bytes) -> list[Event]:
        """Read as many frames as there are; see the theory of operation above."""
        unread = self._unread
        source: bytes | bytearray = data
        if unread:
            unread += data
            source = unread
        events: list[Event] = []
        start, end = 0, len(source)
        shortcut = self._shortcut and self._takes_messages()
        while not self._is_ended and end - start >= _HEADER_BYTES_MIN:
            first, masked = source[start], source[start + 1] & MASKED
            extent = frame_extent(source, start)
            body, stop = extent or (0, 0)
            is_right = (
                masked == self._mask_bit and (first & 0xF) in _OPCODES and stop - body <= self._bytes_max
            )
            if not is_right:  # 3. Never right, however much follows.
                self._hand_over(bytes(source[start:end]), events)
                assert self._is_ended, "websockets accepted a frame that cannot be right"
                break
            if extent is None:  # 4. Incomplete, even its length.
                break
            if stop > end:  # 4. Incomplete.
                break
            if shortcut and first == TEXT_WHOLE and self._fragments is None:  # 1. The common case.
                payload = source[body:stop]
                events.append(
                    Text(apply_mask(payload, source[body - 4 : body]) if masked else bytes(payload))
                )
            else:  # 2. Everything else.
                self._hand_over(bytes(source[start:stop]), events)
                shortcut = self._shortcut and self._takes_messages()
            start = stop
        if self._is_ended:
            unread.clear()
        elif source is unread:
            del unread[:start]
        elif start < end:
            unread += source[start:] if start else source
        return events

    def _hand_over(self, data: bytes, events: list[Event]) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for frame in protocol.events_received():
            assert isinstance(frame, Frame), "after the handshake there are only frames"
            self._read_frame(frame, events)
            if self._is_ended:
                break
        fault = protocol.parser_exc
        if fault is not None and not self._is_ended:
            code, sent = _fault_code(fault), protocol.close_sent
            reason = sent.reason if sent is not None and sent.code == code else str(fault)
            self._end_by_fault(code, reason, events)
        self._collect()

    def _read_frame(self, frame: Frame, events: list[Event]) -> None:
        opcode = frame.opcode
        if opcode is Opcode.PING:
            events.append(Pinged(bytes(frame.data)))
        elif opcode is Opcode.PONG:
            events.append(Ponged(bytes(frame.data)))
        elif opcode is Opcode.CLOSE:
            self._end_by_close(events)
        elif opcode is Opcode.BINARY:
            reason = "binary frames are not spoken here; send JSON in text frames"
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, reason)
            self._end_by_fault(CloseCode.UNSUPPORTED_DATA, reason, events)
        else:
            self._read_text(frame, events)

    def _read_text(self, frame: Frame, events: list[Event]) -> None:
        """Join fragments; their sum is bounded by websockets. Once closing, messages are dropped."""
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += frame.data
        if frame.fin:
            payload, self._fragments = bytes(self._fragments), None
            if self._takes_messages():
                events.append(Text(payload))

    def _end_by_close(self, events: list[Event]) -> None:
        close = self._protocol.close_rcvd
        assert close is not None, "websockets notes a close before it reports the frame"
        self._move("close")
        self._end(events, Closed(int(close.code), close.reason))

    def _end_by_fault(self, code: CloseCode, reason: str, events: list[Event]) -> None:
        self._move("fail")
        events.append(ProtocolFault(int(code), reason))
        self._end(events, Closed(int(code), reason))

    def _end(self, events: list[Event], closed: Closed) -> None:
        self._is_ended = True
        self._is_finished = True
        self._fragments = None
        events.append(closed)


def _fault_code(error: Exception) -> CloseCode:
    if isinstance(error, PayloadTooBig):
        return CloseCode.MESSAGE_TOO_BIG
    if isinstance(error, UnicodeDecodeError):
        return CloseCode.INVALID_DATA
    return CloseCode.PROTOCOL_ERROR if isinstance(error, ProtocolError) else CloseCode.INTERNAL_ERROR


def _short(reason: str) -> str:
    """Cut a reason to what fits into a close frame, at a character's border."""
    return reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
