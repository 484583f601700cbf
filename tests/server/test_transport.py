"""One channel with a fake transport: batches, bounds and deadlines."""

import asyncio

import pytest

from blackboard.core.limits import Limits
from blackboard.server.channels import Channels
from blackboard.server.metrics import Counters
from blackboard.server.transport import MESSAGES_PER_TURN, Channel
from blackboard.wire.codec import encode_notice
from blackboard.wire.connection import HttpRequest
from blackboard.wire.frames import frame_text, frame_text_masked
from tests.server.virtual import run_virtually

UPGRADE = (
    b"GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def notice(size: int = 200) -> bytes:
    """Return a frame of `size` bytes that the protocol knows; two bytes of it are its length."""
    bare = len(encode_notice("board.lost", LOST | {"advice": ""})) + 4
    return frame_text(encode_notice("board.lost", LOST | {"advice": "x" * (size - bare)}))


LOST = {"subscription": 1, "code": "gone"}


class FakeTransport(asyncio.Transport):
    """Keeps what is written; the test says how much of it the peer takes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.untaken = 0
        self.is_reading_now = True
        self.state = "open"
        self.channel: Channel

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.marks = (high, low)

    def pause_reading(self) -> None:
        assert self.is_reading_now
        self.is_reading_now = False

    def resume_reading(self) -> None:
        assert not self.is_reading_now
        self.is_reading_now = True

    def is_closing(self) -> bool:
        return self.state != "open"

    def close(self) -> None:
        self._end("closed")

    def abort(self) -> None:
        self._end("aborted")

    def _end(self, how: str) -> None:
        if self.state == "open":
            self.state = how
            asyncio.get_running_loop().call_soon(self.channel.connection_lost, None)


class FakeHandler:
    """Accepts websockets and notes what came."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.drains = 0
        self.closed_channels = 0
        self.keeps_open = False

    def http(self, channel: Channel, request: HttpRequest) -> None:
        channel.handle(channel.connection.accept())

    def texts(self, channel: Channel, payloads: list[bytes]) -> None:
        self.batches.append(payloads)
        if self.keeps_open:
            for payload in payloads:
                channel.begin_request(len(payload))

    def drained(self, channel: Channel) -> None:
        self.drains += 1

    def closed(self, channel: Channel) -> None:
        self.closed_channels += 1


class Bench:
    """A channel between fakes, its websocket open."""

    def __init__(self, *, upgrade: bool = True, hello: bool = True, **bounds: int) -> None:
        self.handler = FakeHandler()
        self.channels = Channels(self.handler, limits=Limits(**bounds), counters=Counters())
        self.channel = self.channels.make()
        self.transport = FakeTransport()
        self.transport.channel = self.channel
        self.channel.connection_made(self.transport)
        if upgrade:
            self.channel.data_received(UPGRADE)
            if hello:
                self.channel.hello_done()

    def receive(self, count: int, *, size: int = 10) -> None:
        self.channel.data_received(b"".join(frame_text_masked(b"x" * size, b"abcd") for _ in range(count)))


async def test_all_that_one_read_brought_is_one_batch():
    """And what is sent in one turn is one write."""
    bench = Bench()
    bench.receive(3)
    assert [len(batch) for batch in bench.handler.batches] == [3]
    await asyncio.sleep(0)
    bench.transport.writes.clear()
    frames = [notice(size) for size in (200, 210, 220)]
    for frame in frames:
        bench.channel.send_frame(frame)
    await asyncio.sleep(0)
    assert bench.transport.writes == [b"".join(frames)]
    await bench.channels.close(0)


async def test_a_burst_is_worked_off_over_several_turns():
    """Others get the loop in between, and nothing more is read meanwhile."""
    bench = Bench()
    bench.receive(3 * MESSAGES_PER_TURN)
    assert bench.handler.batches == []
    assert not bench.transport.is_reading_now
    await asyncio.sleep(0.05)
    assert [len(batch) for batch in bench.handler.batches] == [MESSAGES_PER_TURN] * 3
    assert bench.transport.is_reading_now
    await bench.channels.close(0)


@pytest.mark.parametrize(
    "bounds", [{"connection_inflight_max": 4}, {"connection_queue_bytes_max": 40}], ids=["count", "bytes"]
)
async def test_a_peer_with_too_much_in_flight_is_not_read_from(bounds: dict[str, int]):
    """Until some of it is answered; what came meanwhile waits."""
    bench = Bench(**bounds)
    bench.handler.keeps_open = True
    bench.receive(4)
    assert not bench.transport.is_reading_now
    bench.receive(2)
    await asyncio.sleep(0.02)
    assert [len(batch) for batch in bench.handler.batches] == [4]
    for _ in range(4):
        bench.channel.end_request(10)
    await asyncio.sleep(0.02)
    assert [len(batch) for batch in bench.handler.batches] == [4, 2]
    assert bench.transport.is_reading_now
    await bench.channels.close(0)


async def test_one_large_frame_is_always_taken_into_an_empty_queue():
    """An answer or an offer may exceed the bound; the next one may not."""
    bench = Bench(connection_queue_bytes_max=250)
    await asyncio.sleep(0)
    bench.channel.send_frame(notice(500))
    await asyncio.sleep(0)
    assert bench.transport.writes[-1] == notice(500)
    bench.transport.untaken = 500
    bench.channel.pause_writing()
    bench.channel.send_frame(notice())
    assert bench.transport.state == "aborted"
    await bench.channels.close(0)


async def test_a_queue_beyond_its_bound_cuts_the_connection():
    """Even within one turn."""
    bench = Bench(connection_queue_bytes_max=450)
    for _ in range(3):
        bench.channel.send_frame(notice())
    assert bench.transport.state == "aborted"
    await asyncio.sleep(0)
    assert bench.handler.closed_channels == 1
    assert bench.channels.counters.connections_cut == 1
    await bench.channels.close(0)


def test_a_reader_that_takes_nothing_is_cut_at_the_write_deadline():
    """One that takes a little now and then is not."""

    async def main() -> None:
        bench = Bench(write_deadline_ms=1_000)
        bench.transport.untaken = 5_000
        bench.channel.pause_writing()
        assert bench.channel.is_paused
        assert not bench.transport.is_reading_now
        for _ in range(10):
            await asyncio.sleep(0.6)
            bench.transport.untaken -= 10
        assert bench.transport.state == "open"
        await asyncio.sleep(1.6)
        assert bench.transport.state == "aborted"
        await bench.channels.close(0)

    run_virtually(main())


def test_a_drained_queue_is_told_and_reading_goes_on():
    """So that watchers catch up."""

    async def main() -> None:
        bench = Bench()
        bench.channel.pause_writing()
        bench.channel.resume_writing()
        assert not bench.channel.is_paused
        assert bench.transport.is_reading_now
        assert bench.handler.drains == 1
        await bench.channels.close(0)

    run_virtually(main())


def test_a_peer_that_does_not_say_hello_is_closed():
    """With a word why, and for good if it does not answer."""

    async def main() -> None:
        bench = Bench(hello=False, hello_deadline_ms=1_000)
        await asyncio.sleep(1.5)
        assert b"session.hello did not come in time" in bench.transport.writes[-1]
        await asyncio.sleep(3)
        assert bench.transport.state == "aborted"
        await bench.channels.close(0)

    run_virtually(main())


def test_a_silent_peer_is_pinged_and_then_cut():
    """A pong, or anything else, shows that it is there."""

    async def main() -> None:
        bench = Bench(ping_interval_ms=1_000, ping_deadline_ms=2_000)
        for _ in range(5):
            await asyncio.sleep(1.5)
            assert bench.transport.writes[-1][0] == 0x89
            bench.receive(1)
        await asyncio.sleep(4)
        assert bench.transport.state == "aborted"
        await bench.channels.close(0)

    run_virtually(main())


def test_a_peer_that_we_do_not_read_from_need_not_answer_pings():
    """Its pong may stand behind what we have not read."""

    async def main() -> None:
        bench = Bench(ping_interval_ms=1_000, ping_deadline_ms=2_000, connection_inflight_max=1)
        bench.handler.keeps_open = True
        bench.receive(1)
        await asyncio.sleep(60)
        assert bench.transport.state == "open"
        bench.channel.end_request(10)
        await asyncio.sleep(0.5)
        assert bench.transport.state == "open"
        await bench.channels.close(0)

    run_virtually(main())


async def test_one_connection_too_many_is_told_so():
    """It is not counted, and its end is nobody's business."""
    bench = Bench(connections_max=1)
    other, transport = bench.channels.make(), FakeTransport()
    transport.channel = other
    other.connection_made(transport)
    assert transport.writes[0].startswith(b"HTTP/1.1 503")
    assert transport.state == "closed"
    await asyncio.sleep(0)
    assert (len(bench.channels), bench.handler.closed_channels) == (1, 0)
    await bench.channels.close(0)
