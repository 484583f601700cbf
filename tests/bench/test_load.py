"""The load generator of the benchmarks: what it sends, and that it counts every answer once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from websockets.speedups import apply_mask

from tests.bench.load import FOUR, NUMBER, TWO, Link, Template, generate

POST = Template(f'{{"id":1{NUMBER},"service":"service-{FOUR}","severity":{TWO},"summary":"~"}}', 200)


def payload(number: int) -> bytes:
    frame = POST.frame(number)
    assert frame[:4] == b"\x81\xfe\x00\xc8", "a masked text frame of 200 bytes"
    return apply_mask(frame[8:], frame[4:8])


def test_every_message_has_the_stated_length_and_its_own_numbers() -> None:
    """Messages differ in all that tells posts apart, and in nothing that costs time."""
    numbers = (0, 7, 123_456)
    assert {len(payload(number)) for number in numbers} == {200}
    seen = [orjson.loads(payload(number)) for number in numbers]
    assert [each["id"] for each in seen] == [10_000_000_000, 10_000_000_007, 10_000_123_456]
    assert [each["service"] for each in seen] == ["service-0000", "service-0007", "service-0456"]
    assert [each["severity"] for each in seen] == [10, 17, 76]


def test_message_that_does_not_fit_is_refused() -> None:
    """A template longer than the wanted size is a mistake in the benchmark."""
    with pytest.raises(AssertionError, match="at most 10"):
        Template(f'{{"id":1{NUMBER}}}', 10)


def test_generator_counts_every_answer_once(tmp_path: Path) -> None:
    """Against an echo, what was answered is what was sent, and nothing is left unread."""
    command = [sys.executable, "-m", "tests.bench.baselines", "synced", str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as server:
        assert server.stdout is not None
        links = [Link(int(server.stdout.readline()))]
        figures = generate(links, POST, first=5, window=4, seconds=0.1, warm_seconds=0.05)
        for link in links:
            link.close()
        server.communicate()
    assert figures.rate > 0
    assert figures.p50_ms <= figures.p99_ms
    assert (tmp_path / "synced").stat().st_size == 200 * figures.answered


def test_generator_stops_at_the_first_refusal() -> None:
    """An error is not an answer: a benchmark of refusals would look splendid."""

    class Refusing(Link):
        def __init__(self) -> None:
            pass

        def take(self) -> list[bytes]:
            return [b'{"jsonrpc":"2.0","id":1,"error":{}}']

    with pytest.raises(AssertionError, match="a message was refused"):
        Refusing().count()
