"""A load generator that is not the bottleneck: one process, plain sockets, a closed loop.

Each of C clients keeps W messages in flight over its own connection: it sends a new one for every answer.
What one read brought is scanned for frames and answered by one write. Messages are made from a template
whose numbers have a fixed width, and masked as the protocol wants it; that takes about 1 µs, and an echo
server is measured beside everything else to show how far off the limit is (docs/performance.md).

Latencies are from the send to the read that brought the answer; servers answer each client in order.
"""

from __future__ import annotations

import base64
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from itertools import count as count_from
from statistics import quantiles
from typing import Any, Final, NamedTuple

import orjson
from websockets.speedups import apply_mask

__all__ = ["FOUR", "NUMBER", "TWO", "Figures", "Link", "Template", "generate"]

READ_BYTES: Final = 1 << 18
NUMBER: Final = "##########"
FOUR: Final = "####"
TWO: Final = "##"

ANSWER_SECONDS_MAX: Final = 10.0
"""A server that says nothing for so long has failed."""


class Template:
    """A message of which no two are alike.

    Args:
        text: The message, with `NUMBER`, `FOUR` and `TWO` where digits are to stand: the number of the
            message, the last three of them after a zero, and one of 10 to 99. The one `~` becomes words.
        length: Size of every message in bytes.
    """

    def __init__(self, text: str, length: int) -> None:
        missing = length - len(text) + 1
        assert missing >= 0, f"the message has {len(text)} bytes already; at most {length}"
        words = ("pool exhausted after deploy; retries climb " * length)[:missing]
        filled = text.replace("%", "%%").replace("~", words)
        filled = filled.replace(NUMBER, "%(number)010d").replace(FOUR, "%(four)04d").replace(TWO, "%(two)02d")
        self._head = bytes((0x81, 0x80 | 126, length >> 8, length & 0xFF))
        self._text = filled.encode()

    def frame(self, number: int) -> bytes:
        """Return message `number` as a masked text frame."""
        digits = {b"number": number, b"four": number % 1_000, b"two": 10 + number % 90}
        mask = _MASKS[number & 0xFF]
        return self._head + mask + apply_mask(self._text % digits, mask)


_MASKS: Final = [os.urandom(4) for _ in range(256)]


class Figures(NamedTuple):
    """What one run showed.

    Answers per second, latencies in milliseconds, messages answered in all, and the share of a core that the
    generator used.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    answered: int
    client_load: float


class Link:
    """One WebSocket connection over a blocking socket.

    Args:
        port: Where the server listens on the loopback address.
        path: What to ask for.
    """

    def __init__(self, port: int, path: str = "/") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._last_id = 0
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._read()
        head, _, self._unread = head.partition(b"\r\n\r\n")
        assert b" 101 " in head.split(b"\r\n", 1)[0], f"the server refused: {head.decode()}"

    def _read(self) -> bytes:
        data = self.socket.recv(READ_BYTES)
        assert data, "the server closed the connection"
        return data

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send one JSON-RPC request and return its result; notifications meanwhile are passed over."""
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        payload = orjson.dumps(request)
        head = bytes((0x81, 0xFF)) + len(payload).to_bytes(8, "big")
        self.socket.sendall(head + b"\0\0\0\0" + payload)
        while True:
            for message in map(orjson.loads, self.take()):
                if message.get("id") == self._last_id:
                    assert "result" in message, f"{method} was refused: {message}"
                    return message["result"]

    def take(self) -> list[bytes]:
        """Read once, and return the payloads of all whole frames."""
        data = self._unread + self._read()
        found: list[bytes] = []
        start, end = 0, len(data)
        while end - start > 1:
            length, body = data[start + 1], start + 2
            if length == 126:
                body += 2
                length = int.from_bytes(data[start + 2 : body], "big")
            elif length == 127:
                body += 8
                length = int.from_bytes(data[start + 2 : body], "big")
            if body + length > end:
                break
            found.append(data[body : body + length])
            start = body + length
        self._unread = data[start:]
        return found

    def close(self) -> None:
        """Say good-bye and wait for the end of the stream."""
        self.socket.sendall(b"\x88\x82\0\0\0\0" + (1_000).to_bytes(2, "big"))
        while self.socket.recv(READ_BYTES):
            pass
        self.socket.close()

    def count(self) -> int:
        """Read once, and return how many answers that brought; none of them may be an error."""
        taken = self.take()
        assert all(b'"error"' not in each for each in taken), f"a message was refused: {taken}"
        return len(taken)


class _Client:
    """One connection that keeps its window full."""

    def __init__(self, link: Link, template: Template, numbers: Iterator[int]) -> None:
        self.link = link
        self._template = template
        self._numbers = numbers
        self._sent: deque[float] = deque()

    @property
    def waiting(self) -> int:
        """How many messages are in flight."""
        return len(self._sent)

    def send(self, count: int) -> None:
        """Send so many messages in one write."""
        frames = [self._template.frame(next(self._numbers)) for _ in range(count)]
        self._sent.extend([time.perf_counter()] * count)
        self.link.socket.sendall(b"".join(frames))

    def receive(self) -> list[float]:
        """Read once; return how long each answer took, in seconds."""
        count = self.link.count()
        now = time.perf_counter()
        return [now - self._sent.popleft() for _ in range(count)]


def generate(
    links: list[Link],
    template: Template,
    *,
    first: int,
    window: int,
    seconds: float,
    warm_seconds: float = 0.5,
) -> Figures:
    """Keep `window` messages of every link in flight for `seconds` after a warm-up, then drain.

    Args:
        links: Open connections.
        template: What to send.
        first: Number of the first message.
        window: Messages in flight over each connection.
        seconds: How long to measure.
        warm_seconds: How long to send before.

    Returns:
        What was seen after the warm-up; `answered` counts from the first message to the last.
    """
    numbers = count_from(first)
    clients = [_Client(link, template, numbers) for link in links]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.link.socket, selectors.EVENT_READ, client)
            client.send(window)
        _run(selector, warm_seconds)
        begun, busy = time.perf_counter(), time.process_time()
        latencies = _run(selector, seconds)
        elapsed, busy = time.perf_counter() - begun, time.process_time() - busy
    for client in clients:
        while client.waiting:
            client.receive()
    cuts = quantiles(latencies, n=100)
    answered = next(numbers) - first
    return Figures(len(latencies) / elapsed, cuts[49] * 1_000, cuts[98] * 1_000, answered, busy / elapsed)


def _run(selector: selectors.BaseSelector, seconds: float) -> list[float]:
    """Send a message for every answer; return the latencies of the answers, in seconds."""
    latencies: list[float] = []
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        ready = selector.select(ANSWER_SECONDS_MAX)
        assert ready, f"no answer for {ANSWER_SECONDS_MAX} seconds"
        for key, _ in ready:
            seen = key.data.receive()
            key.data.send(len(seen))
            latencies += seen
    return latencies
