"""All boards of one server: loaded from the log, each with its writer, opened and rebuilt.

A board is created in two steps, each durable before the next: its name is taken on the system board, then its
own log begins. If the server dies in between, the name is there without a log, and opening it again goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Any, Final, Protocol

from blackboard.clock import EngineClock
from blackboard.core.commands import Command, CreateBoard, OpenBoard, Request
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.events import ActivationCancelled, ActivationExecuted, ActivationFailed, LeaseExpired
from blackboard.core.limits import Limits
from blackboard.core.ready import Answer, Offer, Ready, Withdrawal
from blackboard.core.system import SYSTEM_BOARD, SystemBoard
from blackboard.engine import Engine
from blackboard.server.hosted import HostedBoard, Opening, Salts, Writer
from blackboard.server.journal import StoreJournal
from blackboard.server.leases import LeaseTable
from blackboard.server.metrics import Counters
from blackboard.server.seams import Reply
from blackboard.server.subscriptions import Subscriptions
from blackboard.server.writer import BoardWriter
from blackboard.store import Store

__all__ = ["Host", "Listener"]

logger = logging.getLogger(__name__)

_LEASE_ENDS: Final = (ActivationExecuted, ActivationFailed, LeaseExpired, ActivationCancelled)


class Listener(Protocol):
    """Who is told what concerns agents, and of the end."""

    def offered(self, offer: Offer) -> None:
        """A lease is durable: send it to its agent."""
        ...

    def withdrawn(self, withdrawal: Withdrawal) -> None:
        """A lease ended without its holder's doing: tell the agent."""
        ...

    def opened(self, hosted: HostedBoard) -> None:
        """A board was opened: enable sources and attach agents."""
        ...

    def failed(self, error: BlackboardError) -> None:
        """Storage failed for good: stop."""
        ...


class Host:
    """The boards of a server, and the shell that their writers talk to.

    Args:
        store: An open store.
        leases: Timers of live leases.
        subscriptions: Who watches what.
        counters: Counters of the server.
        limits: Bounds.
        listener: Who is told of offers and of the end.
    """

    def __init__(
        self,
        store: Store,
        *,
        leases: LeaseTable,
        subscriptions: Subscriptions,
        counters: Counters,
        limits: Limits,
        listener: Listener,
    ) -> None:
        self._store = store
        self._journal = StoreJournal(store)
        self._leases = leases
        self._subscriptions = subscriptions
        self._counters = counters
        self._limits = limits
        self._listener = listener
        self._boards: dict[str, HostedBoard] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._salts = Salts()
        self.clock = EngineClock()
        self._system: BoardWriter[SystemBoard] | None = None

    # Loading.

    async def load(self) -> None:
        """Replay the system board and every board, and give each live lease one full term.

        Raises:
            BlackboardError: `log_corrupt` if a log does not verify, or what the store raises.
        """
        heads = await self._store.boards()
        self.clock = EngineClock(max((head.time_ms for head in heads), default=0))
        system = await self._replay_system()
        self._system = self._write(SYSTEM_BOARD, system, _SystemShell(self), revision=system.revision)
        for head in heads:
            if head.board != SYSTEM_BOARD:
                engine = await self._replay(head.board)
                self._add(head.board, engine)
                for offer in engine.live_offers():
                    self._leases.arm(offer, accepted=True)

    async def _replay(self, board: str) -> Engine:
        engine = Engine(board, salts=self._salts, limits=self._limits)
        async for commit in self._store.log(board):
            engine.replay(commit)
        return engine

    async def _replay_system(self) -> SystemBoard:
        system = SystemBoard(limits=self._limits)
        async for commit in self._store.log(SYSTEM_BOARD):
            system.replay(commit)
        return system

    def _add(self, board: str, engine: Engine) -> HostedBoard:
        hosted = HostedBoard(self._write(board, engine, self, revision=engine.board.revision))
        self._boards[board] = hosted
        return hosted

    def _write(self, board: str, machine: Any, shell: Any, *, revision: int) -> BoardWriter[Any]:
        return BoardWriter[Any](
            board,
            machine,
            journal=self._journal,
            clock=self.clock,
            shell=shell,
            counters=self._counters,
            limits=self._limits,
            revision=revision,
        )

    # Questions.

    @property
    def system(self) -> BoardWriter[SystemBoard]:
        """The writer of the system board."""
        assert self._system is not None, "the system board is loaded first"
        return self._system

    def __len__(self) -> int:
        return len(self._boards)

    def __iter__(self) -> Iterator[HostedBoard]:
        return iter(self._boards.values())

    def find(self, board: str) -> HostedBoard | None:
        """Return a board, if there is one of that name."""
        return self._boards.get(board)

    def statistics(self) -> dict[str, int]:
        """Return the sizes of all queues together."""
        total = {"inbox": 0, "pipeline": 0, "ahead": 0}
        for hosted in self._boards.values():
            for name, value in hosted.writer.statistics().items():
                total[name] += value
        return total

    # Opening.

    def open(
        self, request: Request, command: OpenBoard, following: tuple[Command, ...], reply: Reply
    ) -> None:
        """Open a board, and carry out `following` right behind; `reply` gets the last receipt.

        Args:
            request: Who asks, with the key for a repeat; its command is `command`.
            command: What to open.
            following: Commands that belong to the opening, known to be valid.
            reply: Gets a `Receipt`, or the first refusal.
        """
        if command.board in self._boards:
            self._boards[command.board].writer.submit(request, reply)
        elif command.board == SYSTEM_BOARD:
            reply(Rejected("board_exists", f"the name {SYSTEM_BOARD!r} is reserved"))
        else:
            create = Request(principal=request.principal, command=CreateBoard(board=command.board))
            self.system.submit(create, partial(self._created, request, command, following, reply))

    def _created(
        self,
        request: Request,
        command: OpenBoard,
        following: tuple[Command, ...],
        reply: Reply,
        answer: Answer,
    ) -> None:
        if isinstance(answer, Rejected) and answer.code != "board_exists":
            reply(answer)
            return
        known = self._boards.get(command.board)
        if known is not None:
            known.writer.submit(request, reply)
            return
        hosted = self._add(command.board, Engine(command.board, salts=self._salts, limits=self._limits))
        collected = Opening(1 + len(following), partial(self._opened, hosted, reply))
        hosted.writer.submit(request, collected)
        for each in following:
            hosted.writer.submit(Request(principal=request.principal, command=each), collected)
        self._listener.opened(hosted)

    def _opened(self, hosted: HostedBoard, reply: Reply, answer: Answer) -> None:
        if isinstance(answer, Rejected) and hosted.durable_revision == 0:
            hosted.writer.close()
            if self._boards.get(hosted.board) is hosted:
                del self._boards[hosted.board]
        reply(answer)

    # What the writers say.

    def released(self, writer: Writer, ready: Ready) -> None:
        """Deliver what is durable: to watchers, to the timers of leases, to agents."""
        leases = self._leases
        for record in ready.records:
            event = record.event
            if isinstance(event, _LEASE_ENDS):
                leases.end(writer.board, event.activation)
        hosted = self._boards.get(writer.board)
        if hosted is not None:
            self._subscriptions.released(hosted, ready.records, ready.beliefs)
        for withdrawal in ready.withdrawals:
            leases.drop(withdrawal.board, withdrawal.activation, withdrawal.token)
            self._listener.withdrawn(withdrawal)
        for offer in ready.offers:
            self._counters.offers += 1
            leases.arm(offer)
            self._listener.offered(offer)

    def rebuild(self, writer: Writer) -> None:
        """Replay a board whose last commits were lost."""
        self.spawn(self._rebuild(writer))

    async def _rebuild(self, writer: Writer) -> None:
        try:
            engine = await self._replay(writer.board)
        except BlackboardError as error:
            self.failed(error)
        else:
            self.clock.observe(engine.board.time_ms)
            writer.resume(engine, revision=engine.board.revision)

    async def rebuild_system(self) -> None:
        """Replay the system board."""
        try:
            system = await self._replay_system()
        except BlackboardError as error:
            self.failed(error)
        else:
            self.system.resume(system, revision=system.revision)

    def failed(self, error: BlackboardError) -> None:
        """Pass on that storage failed for good."""
        logger.error("storage failed", extra={"code": error.code, "reason": error.message})
        self._listener.failed(error)

    # Work apart from the message path.

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something slow, such as reading the log, as a task that this host owns."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Take no more requests, and wait until those that were taken are answered."""
        await asyncio.gather(self.system.drain(), *(hosted.writer.drain() for hosted in self))

    async def close(self) -> None:
        """Stop everything at once."""
        for hosted in self:
            hosted.writer.close()
        if self._system is not None:
            self._system.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _SystemShell:
    """The shell of the system board, which has no watchers, leases or agents."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def released(self, writer: BoardWriter[SystemBoard], ready: Ready) -> None:
        """Nobody watches."""

    def rebuild(self, writer: BoardWriter[SystemBoard]) -> None:
        """Replay the system board."""
        del writer
        self._host.spawn(self._host.rebuild_system())

    def failed(self, error: BlackboardError) -> None:
        """Pass it on."""
        self._host.failed(error)
