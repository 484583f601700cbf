"""The server's side of a connection: the request, its answer, and unmasked frames."""

from __future__ import annotations

from http import HTTPStatus

from websockets.datastructures import Headers as HeaderMap
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.wire.connection.base import LOG, Connection
from blackboard.wire.events import Event, HttpRequest, Opened
from blackboard.wire.frames import MASKED, frame_text
from blackboard.wire.handshake import Headers, header_values

__all__ = ["ServerConnection"]


class ServerConnection(Connection):
    """The server's side of one connection.

    Args:
        message_bytes_max: Largest message taken; a larger one closes the connection with 1009.
        shortcut: Whether whole text frames skip websockets' parser.
    """

    def __init__(
        self, *, message_bytes_max: int = DEFAULT_LIMITS.message_bytes_max, shortcut: bool = True
    ) -> None:
        self._server = ServerProtocol(max_size=message_bytes_max, logger=LOG)
        self._request: Request | None = None
        super().__init__(
            self._server, message_bytes_max=message_bytes_max, mask_bit=MASKED, shortcut=shortcut
        )

    def accept(self) -> list[Event]:
        """Answer the request with the handshake, if it is a right one, else with the fitting HTTP error.

        Returns:
            `Opened` and whatever came behind the request; nothing if the handshake was not right, or if the
            connection was lost meanwhile.
        """
        if self._state != "http":
            return []
        assert self._request is not None, "in state http there is a request"
        response = self._server.accept(self._request)
        # The date is of no use to a WebSocket client, and without it equal input gives equal output.
        del response.headers["Date"]
        self._server.send_response(response)
        self._collect()
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._move("respond")
            return []
        self._move("upgrade")
        early = bytes(self._unread)
        self._unread.clear()
        return [Opened(), *self._receive_frames(early)]

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer the request with a plain HTTP response, unless it was lost, and end the connection.

        Args:
            status: HTTP status other than 101.
            headers: Header lines; `Content-Length` and `Connection: close` are added.
            body: Content; not sent in answer to `HEAD`.
        """
        if self._state != "http":
            return
        assert self._request is not None, "in state http there is a request"
        phrase = HTTPStatus(status).phrase
        lines = HeaderMap([*headers, ("Content-Length", str(len(body))), ("Connection", "close")])
        sent = b"" if self._request.method == "HEAD" else body
        self._server.send_response(Response(status, phrase, lines, sent))
        self._collect()
        self._move("respond")
        self._unread.clear()

    def reject(self, status: int, reason: str) -> None:
        """Refuse the request with `status` and a reason in plain text."""
        self.respond(status, (("Content-Type", "text/plain; charset=utf-8"),), reason.encode() + b"\n")

    def send_text(self, payload: bytes) -> bool:
        """Send one message; false, and nothing sent, if the connection no longer takes any."""
        return self.send_frame(frame_text(payload))

    def send_frame(self, frame: bytes) -> bool:
        """Send what `frame_text` made, perhaps for many subscribers at once; false as for `send_text`."""
        if not self._takes_messages():
            return False
        self._out.append(frame)
        return True

    def _receive_head(self, data: bytes) -> list[Event]:
        if self._state == "http":
            return self._keep_early(data)
        head, rest = self._split_head(data)
        self._server.receive_data(head)
        events: list[Event] = []
        for request in self._server.events_received():
            assert isinstance(request, Request), "before the handshake there are only requests"
            self._request = request
            self._move("request")
            events.append(_http_request(request))
        if self._server.handshake_exc is not None:
            self._fail_head(self._server.handshake_exc, events)
            return events
        return events + self._keep_early(rest)

    def _keep_early(self, data: bytes) -> list[Event]:
        """Keep what came before its time, within the size of one message."""
        events: list[Event] = []
        if len(self._unread) + len(data) > self._bytes_max:
            self._unread.clear()
            reason = "too much data before the handshake"
            self._server.fail(CloseCode.POLICY_VIOLATION, reason)
            self._collect()
            self._end_by_fault(CloseCode.POLICY_VIOLATION, reason, events)
        else:
            self._unread += data
        return events

    def _fail_head(self, error: Exception, events: list[Event]) -> None:
        """End a connection whose first bytes are no request; websockets answers only some of them."""
        self._collect()
        reason = str(error.__cause__ or error)
        if not self._out:
            text = (
                f"This is not a request that can be read: {reason}. GET requests and WebSockets are served.\n"
            )
            body = text.encode()
            lines = HeaderMap(
                [
                    ("Content-Type", "text/plain; charset=utf-8"),
                    ("Content-Length", str(len(body))),
                    ("Connection", "close"),
                ]
            )
            status = HTTPStatus.BAD_REQUEST
            self._out.append(Response(status.value, status.phrase, lines, body).serialize())
        self._end_by_fault(CloseCode.PROTOCOL_ERROR, reason, events)


def _http_request(request: Request) -> HttpRequest:
    headers = tuple(request.headers.raw_items())
    upgrade = any(value.strip().lower() == "websocket" for value in header_values(headers, "upgrade"))
    return HttpRequest(request.method, request.path, headers, upgrade)
