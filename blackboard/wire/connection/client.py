"""The client's side of a connection: the handshake request, and masked frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from websockets.client import ClientProtocol
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.wire.connection.base import LOG, Connection
from blackboard.wire.events import Closed, Event, Opened, ProtocolFault, Refused
from blackboard.wire.frames import frame_text_masked
from blackboard.wire.handshake import Headers

__all__ = ["ClientConnection"]

_MASK_BLOCK_BYTES: Final = 4_096
"""How much randomness is drawn at a time: 1,024 masks."""


class ClientConnection(Connection):
    """The client's side of one connection; the handshake request is the first thing in `data_to_send`.

    Args:
        url: `ws://` or `wss://` address of the server.
        random_bytes: Gives so many unpredictable bytes, for masking; in production `os.urandom`.
        headers: Header lines to add to the request.
        message_bytes_max: Largest message taken; a larger one closes the connection with 1009.
        shortcut: Whether whole text frames skip websockets' parser.
    """

    def __init__(
        self,
        url: str,
        *,
        random_bytes: Callable[[int], bytes],
        headers: Headers = (),
        message_bytes_max: int = DEFAULT_LIMITS.message_bytes_max,
        shortcut: bool = True,
    ) -> None:
        self._client = ClientProtocol(parse_uri(url), max_size=message_bytes_max, logger=LOG)
        super().__init__(self._client, message_bytes_max=message_bytes_max, mask_bit=0, shortcut=shortcut)
        self._random_bytes = random_bytes
        self._masks = b""
        self._mask_at = 0
        request = self._client.connect()
        for name, value in headers:
            request.headers[name] = value
        self._client.send_request(request)
        self._collect()

    def send_text(self, payload: bytes) -> bool:
        """Send one message; false, and nothing sent, if the connection no longer takes any."""
        if not self._takes_messages():
            return False
        self._out.append(frame_text_masked(payload, self._next_mask()))
        return True

    def _next_mask(self) -> bytes:
        """Return four fresh bytes; drawn by the block, since each draw is a system call."""
        at = self._mask_at
        if at >= len(self._masks):
            self._masks = self._random_bytes(_MASK_BLOCK_BYTES)
            at = 0
        self._mask_at = at + 4
        return self._masks[at : at + 4]

    def _receive_head(self, data: bytes) -> list[Event]:
        client = self._client
        head, rest = self._split_head(data)
        client.receive_data(head)
        if client.state is OPEN:
            client.events_received()
            self._move("upgrade")
            return [Opened(), *self._receive_frames(rest)]
        if rest:  # the body of a refusal
            client.receive_data(rest)
        events: list[Event] = []
        for response in client.events_received():
            assert isinstance(response, Response), "before the handshake there are only responses"
            body = bytes(response.body or b"").decode(errors="replace").strip()
            events.append(Refused(response.status_code, body))
        error = client.handshake_exc
        if error is not None:
            self._collect()
            self._move("fail")
            reason = str(error.__cause__ or error)
            if not events:
                events.append(ProtocolFault(int(CloseCode.PROTOCOL_ERROR), reason))
            self._end(events, Closed(int(CloseCode.PROTOCOL_ERROR), reason))
        return events
