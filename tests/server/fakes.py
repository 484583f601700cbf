"""A machine and a journal whose every step the test decides."""

import asyncio
from collections.abc import Callable

from blackboard.core.commands import ApplyBatch, Principal, Request
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.ready import Answer, Ready, Receipt
from blackboard.core.record import GENESIS, Commit, Row, make_commit
from blackboard.server.seams import Done
from blackboard.server.writer import BoardWriter

WHO = Principal(name="tester")


def request(word: str = "post") -> Request:
    """A request whose `command_id` tells the fake machine what to do: `post`, `refuse` or `break`."""
    return Request(principal=WHO, command=ApplyBatch(contributions=()), command_id=word)


class FakeMachine:
    """Adds one row per request, refuses where told, and counts."""

    def __init__(self, revision: int = 0) -> None:
        self.revision = revision
        self.batches: list[tuple[int, int]] = []
        self.deadline_ms: int | None = None
        self.last = GENESIS

    def next_deadline_ms(self) -> int | None:
        return self.deadline_ms

    def handle(self, requests: tuple[Request, ...], now_ms: int) -> Ready:
        self.batches.append((len(requests), now_ms))
        if self.deadline_ms is not None and self.deadline_ms <= now_ms:
            self.deadline_ms = None
        if any(each.command_id == "break" for each in requests):
            raise RuntimeError("a fault of the engine")
        answers: list[Answer] = []
        rows: list[Row] = []
        for each in requests:
            if each.command_id == "refuse":
                answers.append(Rejected("unknown_type", f"seen at {self.revision}"))
                continue
            self.revision += 1
            rows.append(Row(revision=self.revision, body=b"{}"))
            answers.append(Receipt(revision=self.revision))
        commit = None
        if rows:
            commit = make_commit("b", previous=self.last, time_ms=now_ms, rows=tuple(rows))
            self.last = commit.hash
        return Ready(commit=commit, records=(), answers=tuple(answers), deadline_ms=self.deadline_ms)


class FakeJournal:
    """Keeps appends until the test settles them."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.at_once = at_once
        self.waiting: list[tuple[Commit, Done]] = []
        self.stored: list[Commit] = []

    def append(self, commit: Commit, done: Done) -> None:
        self.waiting.append((commit, done))
        if self.at_once:
            asyncio.get_running_loop().call_soon(self.settle)

    def settle(self, error: BlackboardError | None = None) -> None:
        """Give the oldest append its outcome."""
        commit, done = self.waiting.pop(0)
        if error is None:
            self.stored.append(commit)
        done(error)


class FakeShell:
    """Notes what the writer says, and rebuilds from what the journal has."""

    def __init__(self, journal: FakeJournal) -> None:
        self.journal = journal
        self.released_turns: list[Ready] = []
        self.failures: list[BlackboardError] = []
        self.rebuilds = 0
        self.on_rebuild: Callable[[BoardWriter[FakeMachine]], None] = self.rebuild_now

    def released(self, writer: BoardWriter[FakeMachine], ready: Ready) -> None:
        self.released_turns.append(ready)

    def rebuild(self, writer: BoardWriter[FakeMachine]) -> None:
        self.rebuilds += 1
        self.on_rebuild(writer)

    def rebuild_now(self, writer: BoardWriter[FakeMachine]) -> None:
        head = self.journal.stored[-1].last if self.journal.stored else 0
        asyncio.get_running_loop().call_soon(lambda: writer.resume(FakeMachine(head), revision=head))

    def failed(self, error: BlackboardError) -> None:
        self.failures.append(error)
