"""The one writer of a board: it feeds the engine, and lets nothing out before it is durable.

All requests of one loop turn (at most `requests_per_batch_max`, or `batch_bytes_max` of messages) become one
`Machine.handle`; its commit is handed to the journal, and what the
engine said (answers, records, offers, withdrawals) is released once this commit and all earlier ones of the
board are durable, strictly in order. Meanwhile the writer goes on: it runs ahead of the disk by
`batches_ahead_max` turns, then requests wait in the inbox, which refuses with `too_busy` beyond
`inbox_requests_max` or `inbox_bytes_max`. Reads queue in the same order and are released when what they saw
is durable.

Theory of operation: everything here is synchronous and runs on the loop; a turn is atomic. Requests carry a
reply callback instead of a future, so that no task, lock or allocation beyond a tuple is spent on one.

When a commit is lost, the engine has decided on a state that never came to be. The writer then waits for
the outcome of whatever else is on its way, refuses all that rested on the lost commit, and asks for a new
machine, replayed from the log (`Shell.rebuild`). A full disk is retried by itself: until then commands are
refused with `storage_full`, and reads go on. After a failed sync nothing is acknowledged any more
(`Shell.failed`); silence means unknown.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Generic, Literal, TypeAlias

from blackboard.clock import EngineClock
from blackboard.core.commands import Command, Request, SystemCommand
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.limits import Limits
from blackboard.core.ready import Answer, Ready
from blackboard.server.metrics import Counters
from blackboard.server.seams import SERVER, Journal, M, Read, Reply, Shell

__all__ = ["RETRY_SECONDS", "BoardWriter"]

logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
"""How long a writer waits before it tries a full disk, or a request of the server's own, again."""

WAIT_SECONDS_MAX: Final = 3_600.0
"""Longest wait of one timer; a deadline further away is armed again then."""

_State: TypeAlias = Literal["running", "losing", "rebuilding", "closed", "failed"]


class _Part:
    """One step of the pipeline: a turn of the engine, or a read, whose outcome waits for the disk."""

    __slots__ = ("answers", "is_durable", "ready", "replies")

    def __init__(self, ready: Ready | None, answers: tuple[Any, ...], replies: list[Reply]) -> None:
        self.ready = ready
        self.answers = answers
        self.replies = replies
        self.is_durable = ready is None or ready.commit is None


class BoardWriter(Generic[M]):
    """The single writer of one board.

    Args:
        board: Name of the board.
        machine: Its engine.
        journal: Where commits go.
        clock: Engine time.
        shell: Who is told.
        counters: Counters of the server.
        limits: Bounds of the inbox, of a batch, and of how far to run ahead.
        revision: Revision up to which the log is durable already.
    """

    def __init__(
        self,
        board: str,
        machine: M,
        *,
        journal: Journal,
        clock: EngineClock,
        shell: Shell[M],
        counters: Counters,
        limits: Limits,
        revision: int = 0,
    ) -> None:
        self.board = board
        self.machine = machine
        self.durable_revision = revision
        self._journal = journal
        self._clock = clock
        self._shell = shell
        self._counters = counters
        self._inbox_max = limits.inbox_requests_max
        self._inbox_bytes_max = limits.inbox_bytes_max
        self._batch_max = limits.requests_per_batch_max
        self._batch_bytes_max = limits.batch_bytes_max
        self._ahead_max = limits.batches_ahead_max
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[tuple[Request | Read[M], Reply, int]] = deque()
        self._inbox_bytes = 0
        self._pipeline: deque[_Part] = deque()
        self._ahead = 0
        self._state: _State = "running"
        self._lost: BlackboardError | None = None
        self._refusal: Rejected | None = None
        self._is_scheduled = False
        self._deadline_ms: int | None = machine.next_deadline_ms()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ms = 0
        self._retry_timers: set[asyncio.TimerHandle] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._arm()

    # What others ask.

    def submit(self, request: Request, reply: Reply, *, size: int = 0) -> None:
        """Queue a request whose message was `size` bytes; `reply` is called once, unless storage fails."""
        if self._refusal is not None:
            reply(self._refusal)
        elif self._is_full:
            reply(self._too_busy())
        else:
            self._inbox.append((request, reply, size))
            self._inbox_bytes += size
            self._schedule()

    def read(self, look: Read[M], reply: Reply) -> None:
        """Queue a look at the state; `reply` gets its result once all that it saw is durable."""
        if self._state in {"closed", "failed"}:
            reply(_SHUTTING_DOWN)
        elif self._is_full:
            reply(self._too_busy())
        else:
            self._inbox.append((look, reply, 0))
            self._schedule()

    @property
    def _is_full(self) -> bool:
        return len(self._inbox) >= self._inbox_max or self._inbox_bytes >= self._inbox_bytes_max

    def _too_busy(self) -> Rejected:
        return Rejected(
            "too_busy", f"{len(self._inbox)} requests wait for board {self.board!r}; it takes no more for now"
        )

    def insist(
        self,
        command: Command | SystemCommand,
        reply: Reply | None = None,
        *,
        wanted: Callable[[], bool] | None = None,
    ) -> None:
        """Submit a command of the server's own; what may succeed later is repeated until it does.

        Args:
            command: What the server wants.
            reply: Gets the answer.
            wanted: Asked before each repeat whether it still makes sense.
        """
        answered = partial(self._insisted, command, reply, wanted)
        self.submit(Request(principal=SERVER, command=command), answered)

    def resume(self, machine: M, *, revision: int) -> None:
        """Go on with a machine replayed from the log up to `revision`, unless closed meanwhile."""
        if self._state == "closed":
            return
        assert self._state == "rebuilding", f"resumed while {self._state}"
        assert not self._pipeline, "a writer is rebuilt only when nothing is on its way"
        self.machine = machine
        self.durable_revision = revision
        self._state = "running"
        self._lost = None
        self._deadline_ms = machine.next_deadline_ms()
        if self._deadline_ms is not None:
            # A deadline on which the engine fails must not keep the server busy with replays.
            self._deadline_ms = max(self._deadline_ms, self._clock.now_ms() + int(RETRY_SECONDS * 1_000))
        if self._refusal is not None:
            self._later(RETRY_SECONDS, self._try_again)
        self._arm()
        self._schedule()

    async def drain(self) -> None:
        """Take no more requests, and return once all that were taken are answered."""
        if self._state == "running":
            self._refusal = _SHUTTING_DOWN
        while (self._inbox or self._pipeline) and self._state not in {"failed", "closed"}:
            idle = self._loop.create_future()
            self._idle.append(idle)
            await idle

    def close(self) -> None:
        """Stop at once; what is not yet durable stays unanswered."""
        self._state = "closed" if self._state != "failed" else "failed"
        self._refusal = _SHUTTING_DOWN
        self._stop_timers()
        self._tell_idle()

    def statistics(self) -> dict[str, int]:
        """Return the sizes of the queues."""
        return {"inbox": len(self._inbox), "pipeline": len(self._pipeline), "ahead": self._ahead}

    # One turn.

    def _schedule(self) -> None:
        if not self._is_scheduled and self._state == "running" and self._ahead < self._ahead_max:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_scheduled = False
        if self._state != "running" or self._ahead >= self._ahead_max:
            return
        now_ms = self._clock.now_ms()
        requests: list[Request] = []
        replies: list[Reply] = []
        inbox = self._inbox
        room = self._batch_bytes_max
        for _ in range(min(len(inbox), self._batch_max)):
            what, reply, size = inbox.popleft()
            self._inbox_bytes -= size
            room -= size
            if isinstance(what, Request):
                requests.append(what)
                replies.append(reply)
            else:
                # A read sees what was asked before it, and nothing that was asked after it.
                if requests:
                    self._handle(requests, replies, now_ms)
                    requests, replies = [], []
                self._look(what, reply)
            if room <= 0:
                break
        if requests or self._is_due(now_ms):
            self._handle(requests, replies, now_ms)
        self._arm()
        if inbox:
            self._schedule()
        elif not self._pipeline:
            self._tell_idle()

    def _is_due(self, now_ms: int) -> bool:
        return self._deadline_ms is not None and self._deadline_ms <= now_ms and self._refusal is None

    def _handle(self, requests: list[Request], replies: list[Reply], now_ms: int) -> None:
        if self._state != "running":
            self._refuse(replies, _LOST)
            return
        self._counters.turns += 1
        try:
            ready = self.machine.handle(tuple(requests), now_ms)
        except Exception:
            logger.exception("the engine failed", extra={"board": self.board, "requests": len(requests)})
            self._counters.engine_failures += 1
            self._refuse(replies, _LOST)
            self._lose(BlackboardError("internal_error", "the engine failed; see the server's log"))
            return
        assert len(ready.answers) == len(replies), "one answer per request"
        self._deadline_ms = ready.deadline_ms
        part = _Part(ready, ready.answers, replies)
        self._pipeline.append(part)
        if ready.commit is None:
            self._release()
        else:
            self._ahead += 1
            self._journal.append(ready.commit, partial(self._settled, part))

    def _look(self, look: Read[M], reply: Reply) -> None:
        if self._state != "running":
            self._inbox.append((look, reply, 0))
            return
        try:
            result: object = look(self.machine)
        except BlackboardError as error:
            result = error
        except Exception:
            logger.exception("a read failed", extra={"board": self.board})
            result = _LOST
        self._pipeline.append(_Part(None, (result,), [reply]))
        self._release()

    # What comes back from the disk.

    def _settled(self, part: _Part, error: BlackboardError | None) -> None:
        self._ahead -= 1
        if self._state in {"failed", "closed"}:
            return
        if error is None:
            part.is_durable = True
            self._release()
        elif error.code == "storage_failed":
            self._fail(error)
            return
        else:
            self._counters.storage_failures += 1
            self._lose(error)
        if self._state == "losing":
            self._give_up()
        elif self._inbox or self._is_due(self._clock.now_ms()):
            self._schedule()

    def _release(self) -> None:
        pipeline = self._pipeline
        while pipeline and pipeline[0].is_durable:
            part = pipeline.popleft()
            ready = part.ready
            if ready is not None and ready.commit is not None:
                self.durable_revision = ready.commit.last
                self._counters.commits += 1
                self._counters.records += len(ready.commit.rows)
            for reply, answer in zip(part.replies, part.answers, strict=True):
                reply(answer)
            if ready is not None and (ready.records or ready.offers or ready.withdrawals or ready.beliefs):
                self._shell.released(self, ready)
        if not pipeline and not self._inbox:
            self._tell_idle()

    # When a commit is lost.

    def _lose(self, error: BlackboardError) -> None:
        if self._state == "running":
            self._state = "losing"
            self._lost = error
            if error.code == "storage_full" and self._refusal is None:
                self._refusal = Rejected("storage_full", error.message)
        if self._ahead == 0:
            self._give_up()

    def _give_up(self) -> None:
        """Once nothing is on its way any more: refuse what was lost, and start over from the log."""
        if self._state != "losing" or self._ahead:
            return
        assert self._lost is not None, "a writer gives up only for a reason"
        self._stop_timers()
        self._state = "rebuilding"
        refusal = self._refusal or Rejected("internal_error", self._lost.message)
        while self._pipeline:
            self._refuse(self._pipeline.popleft().replies, refusal)
        if self._refusal is not None:
            waiting, self._inbox = self._inbox, deque()
            self._inbox_bytes = 0
            for what, reply, size in waiting:
                if isinstance(what, Request):
                    reply(refusal)
                else:
                    self._inbox.append((what, reply, size))
        self._shell.rebuild(self)

    def _try_again(self) -> None:
        if self._refusal is not None and self._refusal.code == "storage_full":
            self._refusal = None
            self._arm()
            self._schedule()

    def _fail(self, error: BlackboardError) -> None:
        self._state = "failed"
        self._refusal = Rejected("storage_failed", error.message)
        self._inbox.clear()
        self._pipeline.clear()
        self._stop_timers()
        self._tell_idle()
        self._shell.failed(error)

    @staticmethod
    def _refuse(replies: list[Reply], refusal: Rejected) -> None:
        for reply in replies:
            reply(refusal)

    # Timers.

    def _arm(self) -> None:
        """Keep one timer that rings no later than the deadline; ringing early only arms it again."""
        deadline_ms = self._deadline_ms
        if deadline_ms is None or self._state != "running" or self._refusal is not None:
            return
        if self._timer is not None:
            if self._armed_ms <= deadline_ms:
                return
            self._timer.cancel()
        wait = min(max(self._clock.seconds_until(deadline_ms), _TICK_SECONDS), WAIT_SECONDS_MAX)
        self._armed_ms = deadline_ms
        self._timer = self._loop.call_later(wait, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._is_due(self._clock.now_ms()):
            self._schedule()
        else:
            self._arm()

    def _insisted(
        self,
        command: Command | SystemCommand,
        reply: Reply | None,
        wanted: Callable[[], bool] | None,
        answer: Answer,
    ) -> None:
        def again() -> None:
            if wanted is None or wanted():
                self.insist(command, reply, wanted=wanted)
            elif reply is not None:
                reply(answer)

        if isinstance(answer, Rejected) and answer.retryable and self._state not in {"closed", "failed"}:
            self._later(RETRY_SECONDS, again)
        elif reply is not None:
            reply(answer)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        def ring() -> None:
            self._retry_timers.discard(handle)
            call()

        handle = self._loop.call_later(seconds, ring)
        self._retry_timers.add(handle)

    def _stop_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._state in {"closed", "failed"}:
            for handle in self._retry_timers:
                handle.cancel()
            self._retry_timers.clear()

    def _tell_idle(self) -> None:
        for idle in self._idle:
            if not idle.done():
                idle.set_result(None)
        self._idle.clear()


_TICK_SECONDS: Final = 0.001
_SHUTTING_DOWN: Final = Rejected("shutting_down", "the server is shutting down")
_LOST: Final = Rejected("internal_error", "the engine failed on this batch; it was undone as a whole")
