"""Nothing leaves a writer before what it rests on is durable, and in order."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from blackboard.clock import EngineClock
from blackboard.core.commands import PauseBoard, Request
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.limits import Limits
from blackboard.core.ready import Ready, Receipt
from blackboard.server.metrics import Counters
from blackboard.server.writer import BoardWriter
from tests.server.fakes import FakeJournal, FakeMachine, FakeShell, request
from tests.server.virtual import run_virtually

FULL = BlackboardError("storage_full", "no space left on the disk")
FAILED = BlackboardError("storage_failed", "the disk failed to sync")


class Bench:
    """A writer with fakes around it; `said` notes what it answered, in order."""

    def __init__(self, *, at_once: bool = False, **bounds: int) -> None:
        loop = asyncio.get_running_loop()
        self.said: list[object] = []
        self.machine = FakeMachine()
        self.journal = FakeJournal(at_once=at_once)
        self.shell = FakeShell(self.journal)
        self.counters = Counters()
        self.writer = BoardWriter(
            "b",
            self.machine,
            journal=self.journal,
            clock=EngineClock(monotonic=loop.time, wall=lambda: 0.0),
            shell=self.shell,
            counters=self.counters,
            limits=Limits(**bounds),
        )

    def submit(self, word: str = "post") -> None:
        self.writer.submit(request(word), self.hear)

    def look(self) -> None:
        self.writer.read(lambda machine: ("saw", machine.revision), self.hear)

    def hear(self, answer: object) -> None:
        match answer:
            case Receipt():
                self.said.append(answer.revision)
            case Rejected():
                self.said.append(answer.code)
            case _:
                self.said.append(answer)


async def turn(times: int = 1) -> None:
    """Let the loop go round."""
    for _ in range(times):
        await asyncio.sleep(0)


def scenario(**options: Any) -> Callable[[Callable[[Bench], Coroutine[Any, Any, None]]], Callable[[], None]]:
    """Run a test with its bench on virtual time."""

    def decorate(test: Callable[[Bench], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        def run() -> None:
            async def main() -> None:
                bench = Bench(**options)
                await test(bench)
                bench.writer.close()

            run_virtually(main())

        run.__doc__ = test.__doc__
        return run

    return decorate


@scenario()
async def test_requests_of_one_loop_turn_become_one_batch(bench: Bench):
    """Three requests, one call of the engine, one commit."""
    for _ in range(3):
        bench.submit()
    await turn(2)
    assert [count for count, _ in bench.machine.batches] == [3]
    assert len(bench.journal.waiting) == 1


@scenario()
async def test_an_answer_waits_for_the_disk(bench: Bench):
    """Nothing is said until the commit is durable; then every answer, in order."""
    bench.submit()
    bench.submit("refuse")
    await turn(2)
    assert bench.said == []
    bench.journal.settle()
    assert bench.said == [1, "unknown_type"]
    assert bench.writer.durable_revision == 1


@scenario()
async def test_a_refusal_waits_for_the_revision_that_it_rested_on(bench: Bench):
    """A refusal needs no commit of its own, but it saw one that is not durable yet."""
    bench.submit()
    await turn(2)
    bench.submit("refuse")
    await turn(2)
    assert bench.said == []
    bench.journal.settle()
    assert bench.said == [1, "unknown_type"]


@scenario()
async def test_a_read_is_answered_when_what_it_saw_is_durable(bench: Bench):
    """It sees the writes before it in the queue and none of those behind it."""
    bench.submit()
    bench.look()
    bench.submit()
    await turn(2)
    assert bench.said == []
    bench.journal.settle()
    assert bench.said == [1, ("saw", 1)]
    bench.journal.settle()
    assert bench.said == [1, ("saw", 1), 2]


@scenario()
async def test_commits_settled_out_of_order_are_released_in_order(bench: Bench):
    """The second commit's answers wait for the first."""
    bench.submit()
    await turn(2)
    bench.submit()
    await turn(2)
    second = bench.journal.waiting.pop(1)
    second[1](None)
    assert bench.said == []
    bench.journal.settle()
    assert bench.said == [1, 2]


@scenario(batches_ahead_max=2)
async def test_the_writer_runs_ahead_of_the_disk_by_a_bounded_number_of_batches(bench: Bench):
    """Beyond the bound requests gather in the inbox and go out as one larger batch."""
    for _ in range(5):
        bench.submit()
        await turn(2)
    assert len(bench.journal.waiting) == 2
    assert bench.writer.statistics() == {"inbox": 3, "pipeline": 2, "ahead": 2}
    bench.journal.settle()
    await turn(2)
    assert [count for count, _ in bench.machine.batches] == [1, 1, 3]


@scenario(inbox_requests_max=2)
async def test_a_full_inbox_refuses_at_once(bench: Bench):
    """What does not fit is told to come back."""
    for _ in range(3):
        bench.submit()
    assert bench.said == ["too_busy"]


@scenario(inbox_bytes_max=100)
async def test_an_inbox_is_bounded_in_bytes(bench: Bench):
    """Few large messages fill it as well."""
    for _ in range(3):
        bench.writer.submit(request(), bench.hear, size=60)
    assert bench.said == ["too_busy"]
    await turn(2)
    bench.writer.submit(request(), bench.hear, size=60)
    assert bench.said == ["too_busy"]


@scenario(batch_bytes_max=100)
async def test_a_batch_is_bounded_in_bytes(bench: Bench):
    """So that the commit that it makes can be delivered whole."""
    for _ in range(5):
        bench.writer.submit(request(), bench.hear, size=60)
    await turn(5)
    assert [count for count, _ in bench.machine.batches] == [2, 2, 1]


@scenario(requests_per_batch_max=2)
async def test_a_batch_is_bounded(bench: Bench):
    """More requests than fit make several batches, over several turns."""
    for _ in range(5):
        bench.submit()
    await turn(5)
    assert [count for count, _ in bench.machine.batches] == [2, 2, 1]


@scenario(at_once=True)
async def test_the_deadline_of_the_machine_brings_a_turn_without_requests(bench: Bench):
    """The engine is called at its deadline without any request, once, and not before."""
    bench.machine.deadline_ms = 700
    bench.submit()
    await asyncio.sleep(5)
    assert bench.machine.batches == [(1, 0), (0, 700)]


@scenario()
async def test_a_full_disk_refuses_all_that_rested_on_it_and_starts_over(bench: Bench):
    """Every request of the lost batches gets `storage_full`; the machine is rebuilt from the log."""
    bench.submit()
    await turn(2)
    bench.journal.settle()
    for _ in range(2):
        bench.submit()
        bench.look()
        await turn(2)
    bench.journal.settle(FULL)
    assert bench.said == [1]
    bench.journal.settle(FULL)
    assert bench.said == [1] + ["storage_full"] * 4
    await turn(2)
    bench.look()
    await turn(2)
    assert bench.said[-1] == ("saw", 1)


@scenario()
async def test_a_full_disk_is_tried_again_by_itself(bench: Bench):
    """Until then commands are refused at once; afterwards they are taken again."""
    bench.submit()
    await turn(2)
    bench.journal.settle(FULL)
    await turn(2)
    bench.submit()
    assert bench.said == ["storage_full", "storage_full"]
    await asyncio.sleep(1.1)
    bench.submit()
    await turn(2)
    bench.journal.settle()
    assert bench.said == ["storage_full", "storage_full", 1]
    assert bench.shell.rebuilds == 1


@scenario()
async def test_a_failed_sync_is_the_end(bench: Bench):
    """Nothing is acknowledged any more, not even what was settled before; the server is told to stop."""
    bench.submit()
    await turn(2)
    bench.submit()
    await turn(2)
    bench.journal.settle(FAILED)
    bench.journal.settle()
    assert bench.said == []
    assert [error.code for error in bench.shell.failures] == ["storage_failed"]
    bench.submit()
    assert bench.said == ["storage_failed"]


def test_a_fault_of_the_engine_costs_one_batch(caplog: pytest.LogCaptureFixture):
    """The batch is refused as a whole, the fault is logged once, and the board goes on from its log."""

    async def main() -> None:
        bench = Bench()
        bench.submit()
        await turn(2)
        bench.submit("break")
        bench.submit()
        await turn(2)
        assert bench.said == ["internal_error", "internal_error"]
        bench.submit()
        bench.journal.settle()
        await turn(3)
        bench.journal.settle()
        assert bench.said == ["internal_error", "internal_error", 1, 2]
        bench.writer.close()

    with caplog.at_level(logging.ERROR):
        run_virtually(main())
    assert [record.getMessage() for record in caplog.records] == ["the engine failed"]


@scenario()
async def test_a_request_of_the_servers_own_is_repeated_until_it_succeeds(bench: Bench):
    """A full disk delays it, no more."""
    bench.writer.insist(PauseBoard(), bench.hear)
    await turn(2)
    bench.journal.settle(FULL)
    assert bench.said == []
    await asyncio.sleep(2.5)
    bench.journal.settle()
    assert bench.said == [1]


@scenario()
async def test_draining_answers_what_was_taken_and_refuses_the_rest(bench: Bench):
    """A stop loses no acknowledged work and takes no new."""
    bench.submit()
    drained = asyncio.ensure_future(bench.writer.drain())
    await turn(3)
    bench.submit()
    assert not drained.done()
    bench.journal.settle()
    await drained
    assert bench.said == ["shutting_down", 1]


@scenario()
async def test_a_refused_read_is_answered_and_changes_nothing(bench: Bench):
    """A read may refuse, for instance for an unknown entry."""

    def look(machine: FakeMachine) -> object:
        raise Rejected("unknown_entry", f"no entry at {machine.revision}")

    bench.writer.read(look, bench.hear)
    await turn(2)
    assert bench.said == ["unknown_entry"]


def test_an_engine_that_fails_on_its_deadline_is_not_asked_again_at_once(caplog: pytest.LogCaptureFixture):
    """Else the server would do nothing but replay that board."""

    class Failing(FakeMachine):
        def next_deadline_ms(self) -> int | None:
            return 0

        def handle(self, requests: tuple[Request, ...], now_ms: int) -> Ready:
            raise RuntimeError("a fault of the engine")

    async def main() -> None:
        bench = Bench()
        bench.shell.on_rebuild = lambda writer: writer.resume(Failing(), revision=0)
        bench.writer.machine = Failing()
        bench.submit()
        await asyncio.sleep(5.5)
        assert bench.said == ["internal_error"]
        assert 5 <= bench.shell.rebuilds <= 7
        bench.writer.close()

    run_virtually(main())
    assert {record.getMessage() for record in caplog.records} == {"the engine failed"}


def test_a_fault_in_a_read_is_answered_and_logged(caplog: pytest.LogCaptureFixture):
    """It harms nothing but that read."""

    async def main() -> None:
        bench = Bench()
        bench.writer.read(lambda machine: 1 // 0, bench.hear)
        bench.look()
        await turn(2)
        assert bench.said == ["internal_error", ("saw", 0)]
        bench.writer.close()
        bench.look()
        bench.submit()
        assert bench.said[2:] == ["shutting_down", "shutting_down"]
        assert bench.machine.batches == []

    run_virtually(main())
    assert [record.getMessage() for record in caplog.records] == ["a read failed"]


@scenario(inbox_requests_max=1)
async def test_a_full_inbox_refuses_reads_too(bench: Bench):
    """They would have to be kept as well."""
    bench.submit()
    bench.look()
    assert bench.said == ["too_busy"]


@scenario()
async def test_what_the_server_no_longer_wants_is_not_repeated(bench: Bench):
    """For instance attaching an agent that has left meanwhile."""
    bench.writer.insist(PauseBoard(), bench.hear, wanted=lambda: False)
    await turn(2)
    bench.journal.settle(FULL)
    await asyncio.sleep(3)
    assert bench.said == ["storage_full"]
    assert bench.journal.waiting == []


@scenario()
async def test_reads_wait_while_the_board_is_rebuilt(bench: Bench):
    """They see the state that the log gives."""
    bench.shell.on_rebuild = lambda writer: None
    bench.submit()
    await turn(2)
    bench.journal.settle(FULL)
    bench.look()
    await turn(3)
    assert bench.said == ["storage_full"]
    bench.writer.resume(FakeMachine(7), revision=7)
    await turn(2)
    assert bench.said == ["storage_full", ("saw", 7)]


@scenario()
async def test_a_conflict_with_the_log_undoes_the_batch(bench: Bench):
    """Something else extended the log; the board starts over from there, and takes requests at once."""
    bench.submit()
    await turn(2)
    bench.journal.settle(BlackboardError("log_conflict", "the log ends elsewhere"))
    assert bench.said == ["internal_error"]
    await turn(2)
    bench.submit()
    await turn(2)
    bench.journal.settle()
    assert bench.said == ["internal_error", 1]
