"""The engine of one board: decide, apply, let control react, until nothing follows.

`handle` is the only way in for commands, `Engine.replay` the only way in for a log; both end in `_record` and
`_take`, so that a replayed board is the live board. The engine decides on what it applied and may run
ahead of the disk; the shell sends nothing before the commit it rests on is durable.

A command is judged inside an attempt: its events are applied one by one, so that the parts of a batch see
each other, and all of it is undone if one part is refused. Control hears of the events only when the whole
command stands. Replay forms the same groups (see `groups_of`), for what control makes of an event depends on
the board at the end of its group.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec
from blackboard_control.control import Control
from blackboard_control.requests import check_run, enable_source, judge_control

from blackboard.core import commands as cm
from blackboard.core import events as ev
from blackboard.core.activation import Activation
from blackboard.core.apply import apply
from blackboard.core.board import Board, Touched
from blackboard.core.decide import Author, contribute, define_type
from blackboard.core.entry import EntryId
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.limits import DEFAULT_LIMITS, Limits
from blackboard.core.ready import Answer, Offer, Ready, Receipt
from blackboard.core.record import (
    GENESIS,
    Commit,
    Origin,
    Record,
    decode_row,
    encode_row,
    groups_of,
    link_hash,
    make_commit,
)
from blackboard.core.support import settle
from blackboard.core.values import Millionths, canonical, digest

__all__ = ["Engine", "Salts"]

Salts: TypeAlias = Callable[[], bytes]
"""Yields 16 fresh random bytes per call; the seam for randomness."""

_encode_command = msgspec.json.Encoder(order="deterministic").encode

SYSTEM = cm.Principal(name="system", kind="system")

_Step: TypeAlias = tuple[Record, Touched]


class Engine:
    """One board with its control.

    Args:
        board_id: Name of the board.
        salts: Source of salts for the commitments in the log.
        limits: Bounds to keep.
    """

    def __init__(self, board_id: str, *, salts: Salts, limits: Limits = DEFAULT_LIMITS) -> None:
        self.board = Board(board_id, limits=limits)
        self.control = Control(self.board)
        self.chain: str = GENESIS
        self._salts = salts
        self._receipts: dict[tuple[str, str], tuple[int, str, Receipt]] = {}
        self._expiries: list[tuple[int, EntryId]] = []
        self._now_ms = 0
        self._steps: list[_Step] = []
        self._records: list[Record] = []
        self._beliefs: dict[EntryId, Millionths] = {}

    # The way in for commands

    def handle(self, requests: Iterable[cm.Request], now_ms: int) -> Ready:
        """Judge `requests` in order, then let control react until nothing follows.

        Args:
            requests: What was asked since the last call; none for a deadline.
            now_ms: Engine time in milliseconds; an earlier time than the last counts as the last.

        Returns:
            What to persist and, once it is durable, what to send.
        """
        self._now_ms = max(now_ms, self._now_ms, self.board.time_ms)
        self._expire_entries()
        answers = tuple(self._judge(request) for request in requests)
        self._react()
        return self._ready(answers)

    def next_deadline_ms(self) -> int | None:
        """Return the engine time at which `handle` must be called even without requests, `None` for never."""
        if self.board.status in {"new", "ended"}:
            return None
        times = (*self.control.deadlines_ms(), self._next_expiry_ms())
        return min((each for each in times if each is not None and each > self._now_ms), default=None)

    def _judge(self, request: cm.Request) -> Answer:
        try:
            key = None if request.command_id is None else (request.principal.name, request.command_id)
            content = "" if key is None else digest(_encode_command(request.command))
            if key is not None and (repeat := self._repeat(key, content)) is not None:
                return repeat
            with self.board.attempt():
                entries = self._carry_out(request.command, request.principal)
            return self._close_group(request, content, entries)
        except Rejected as refusal:
            self._steps.clear()
            return refusal

    def _repeat(self, key: tuple[str, str], content: str) -> Receipt | None:
        known = self._receipts.get(key)
        if known is None:
            return None
        if known[1] != content:
            raise Rejected("id_conflict", f"command_id {key[1]!r} was used for another command before")
        return msgspec.structs.replace(known[2], repeated=True)

    def _close_group(self, request: cm.Request, content: str, entries: tuple[EntryId, ...]) -> Receipt:
        """Sign the records of one command with their origin, and let control hear of them."""
        if self._steps:
            record, touched = self._steps[-1]
            origin = Origin(
                principal=request.principal.name,
                command_id=request.command_id,
                digest=content,
                first=self._steps[0][0].revision,
                entries=entries,
            )
            self._steps[-1] = (msgspec.structs.replace(record, origin=origin), touched)
        self._take_steps()
        return Receipt(revision=self.board.revision, entries=entries)

    def _carry_out(
        self, command: cm.Command | cm.SystemCommand, principal: cm.Principal
    ) -> tuple[EntryId, ...]:
        """Decide and apply one command inside the open attempt; return the entries it concerns."""
        if isinstance(command, cm.SystemCommand):
            raise Rejected("invalid_params", "this command belongs to the system board")
        if isinstance(command, cm.OpenBoard):
            self._open(command, principal)
            return ()
        self._check_open(command)
        match command:
            case cm.PostEntry() | cm.ReviseEntry() | cm.LinkEntries() | cm.JudgeEntry() | cm.RetractEntry():
                return self._contribute_all((command,), self._author(command, principal))
            case cm.ApplyBatch(contributions=contributions):
                self._check_batch(contributions)
                return self._contribute_all(contributions, Author(name=principal.name, kind=principal.kind))
            case cm.CompleteActivation():
                return self._complete(command, principal)
            case cm.DefineType(type=definition):
                self._record_all(define_type(self.board, definition))
            case cm.EnableSource():
                self._record_all(enable_source(self.control, command))
            case _:
                self._record_all(judge_control(self.control, command, principal, now_ms=self._now_ms))
        return ()

    def _check_open(self, command: cm.Command) -> None:
        status = self.board.status
        if status == "new":
            raise Rejected("unknown_board", f"board {self.board.id!r} has not been opened")
        if status == "ended" and not isinstance(command, cm.DetachAgent):
            raise Rejected("board_ended", f"board {self.board.id!r} ended {self.board.outcome}")
        if status == "closing" and isinstance(command, cm.EnableSource | cm.AttachAgent):
            raise Rejected("board_closing", f"board {self.board.id!r} is closing")

    def _open(self, command: cm.OpenBoard, principal: cm.Principal) -> None:
        if self.board.status != "new":
            raise Rejected("board_exists", f"board {command.board!r} exists already")
        assert command.board == self.board.id, "a board is opened under its own name"
        check_run(command.settings)
        self._record(
            ev.BoardOpened(
                board=command.board, goal=command.goal, settings=command.settings, logic=ev.LOGIC_VERSION
            )
        )
        if command.paused:
            self._record(ev.BoardPaused(author=principal.name, reason="opened paused"))

    def _author(self, command: cm.Contribution, principal: cm.Principal) -> Author:
        """Return in whose name a single contribution counts: a lease's, if it shows a token."""
        if command.activation is None:
            return Author(name=principal.name, kind=principal.kind)
        if command.token is None:
            raise Rejected("invalid_params", "a contribution under an activation needs its token")
        return self._lessee(self.control.leased_under(command.activation, command.token, principal))

    def _lessee(self, activation: Activation, *, keeps: bool = False) -> Author:
        source = self.control.roster.sources[activation.source].declaration
        return Author(
            name=source.name,
            kind="agent",
            activation=activation.id,
            premises=activation.bindings,
            produces=source.produces,
            keeps=keeps,
        )

    def _check_batch(self, contributions: tuple[cm.Contribution, ...]) -> None:
        most = self.board.limits.batch_contributions_max
        if len(contributions) > most:
            raise Rejected("limit_exceeded", f"a batch of {len(contributions)} contributions; at most {most}")
        if any(each.activation is not None for each in contributions):
            raise Rejected("invalid_params", "contributions of a batch cannot name an activation")

    def _complete(self, command: cm.CompleteActivation, principal: cm.Principal) -> tuple[EntryId, ...]:
        activation = self.control.leased_under(command.activation, command.token, principal)
        self._check_batch(command.contributions)
        author = self._lessee(activation, keeps=True)
        # The activation ends first: its own contributions may change what it was bound to.
        self._record(ev.ActivationExecuted(activation=activation.id, token=command.token))
        return self._contribute_all(command.contributions, author)

    def _contribute_all(
        self, contributions: tuple[cm.Contribution, ...], author: Author
    ) -> tuple[EntryId, ...]:
        done: tuple[EntryId, ...] = ()
        for contribution in contributions:
            events, entry = contribute(self.board, contribution, author, now_ms=self._now_ms, posted=done)
            self._record_all(events)
            done = (*done, entry)
        return done

    # Recording

    def _record(self, event: ev.Event) -> None:
        """Apply one event, and the support that follows from it; control hears of it later."""
        touched: Touched = self._apply(event)
        rounds = 0
        while touched and (following := settle(self.board, touched)):
            rounds += 1
            if rounds >= self.board.limits.cascade_rounds_max:
                raise Rejected("limit_exceeded", "the change shakes the support of too many entries")
            touched = {}
            for each in following:
                for number, before in self._apply(each).items():
                    touched.setdefault(number, before)

    def _apply(self, event: ev.Event) -> Touched:
        record = Record(revision=self.board.revision + 1, time_ms=self._now_ms, event=event)
        touched = apply(self.board, record)
        self._steps.append((record, touched))
        return touched

    def _record_all(self, events: Iterable[ev.Event]) -> None:
        for event in events:
            self._record(event)

    def _take_steps(self) -> None:
        steps, self._steps = self._steps, []
        for record, touched in steps:
            self._take(record, touched)
            self._records.append(record)

    def _take(self, record: Record, touched: Touched) -> None:
        """Let everything that follows the log hear of one record."""
        self.control.observe(record, touched)
        for number, before in touched.items():
            after = self.board.entries[number]
            if before is None or before.belief != after.belief:
                self._beliefs[number] = after.belief
            if before is None and after.expires_ms is not None:
                heapq.heappush(self._expiries, (after.expires_ms, number))
        origin = record.origin
        if origin is not None and origin.command_id is not None:
            receipt = Receipt(revision=record.revision, entries=origin.entries)
            self._receipts[origin.principal, origin.command_id] = (record.time_ms, origin.digest, receipt)
            self._forget_receipts(record.time_ms)

    def _react(self) -> None:
        while events := self.control.react(self._now_ms):
            for event in events:
                self._record(event)
                self._take_steps()

    def _forget_receipts(self, now_ms: int) -> None:
        """Drop the oldest receipts while they are beyond their age or number."""
        limits = self.board.limits
        while self._receipts:
            oldest = next(iter(self._receipts))
            is_young = self._receipts[oldest][0] >= now_ms - limits.receipt_ms
            if is_young and len(self._receipts) <= limits.receipts_per_board_max:
                return
            del self._receipts[oldest]

    def _next_expiry_ms(self) -> int | None:
        while self._expiries:
            expires_ms, number = self._expiries[0]
            if self.board.expiries.get(number) == expires_ms:
                return expires_ms
            heapq.heappop(self._expiries)
        return None

    def _expire_entries(self) -> None:
        if self.board.status in {"new", "ended"}:
            return
        while (expires_ms := self._next_expiry_ms()) is not None and expires_ms <= self._now_ms:
            _, number = heapq.heappop(self._expiries)
            self._record(ev.EntryExpired(entry=number))
            self._take_steps()

    # The way out

    def _ready(self, answers: tuple[Answer, ...]) -> Ready:
        records, self._records = tuple(self._records), []
        beliefs, self._beliefs = self._beliefs, {}
        withdrawals, granted = self.control.end_turn()
        commit = None
        if records:
            rows = tuple(encode_row(record, self._salts()) for record in records)
            commit = make_commit(self.board.id, previous=self.chain, time_ms=self._now_ms, rows=rows)
            self.chain = commit.hash
        offers = (self.offer(self.control.agenda.activations[number]) for number in granted)
        return Ready(
            commit=commit,
            records=records,
            answers=answers,
            offers=tuple(offer for offer in offers if offer is not None),
            withdrawals=tuple(withdrawals),
            beliefs=beliefs,
            deadline_ms=self.next_deadline_ms(),
        )

    def offer(self, activation: Activation) -> Offer | None:
        """Return the offer of a leased activation, `None` if its lease is over already."""
        lease = activation.lease
        if lease is None:
            return None
        source = self.control.roster.sources[activation.source].declaration
        return Offer(
            board=self.board.id,
            activation=activation.id,
            token=lease.token,
            agent=lease.agent,
            source=activation.source,
            variables=tuple(pattern.variable for pattern in source.trigger.patterns),
            entries=tuple(self.board.entries[premise.entry] for premise in activation.bindings),
            attempt=activation.attempts,
            lease_ms=lease.lease_ms,
            accept_ms=source.accept_ms,
            timeout_ms=source.timeout_ms,
        )

    def live_offers(self) -> tuple[Offer, ...]:
        """Return the offers of all live leases, to re-arm timers after a restart."""
        offers = (self.offer(activation) for activation in self.control.agenda.in_state("leased"))
        return tuple(offer for offer in offers if offer is not None)

    # The way in for a log

    def replay(self, commit: Commit) -> tuple[Record, ...]:
        """Apply one commit of the log, the next in order, without deciding anything.

        Raises:
            BlackboardError: `log_corrupt` if it does not continue the chain or cannot be read.
        """
        where = f"board {self.board.id!r}, revision {commit.first}"
        if commit.board != self.board.id:
            raise BlackboardError("log_corrupt", f"{where}: belongs to board {commit.board!r}")
        if commit.first != self.board.revision + 1 or commit.previous != self.chain:
            raise BlackboardError("log_corrupt", f"{where}: does not follow revision {self.board.revision}")
        if link_hash(commit.previous, commit.time_ms, commit.rows) != commit.hash:
            raise BlackboardError("log_corrupt", f"{where}: the commit was changed")
        self._now_ms = max(self._now_ms, commit.time_ms)
        records = tuple(decode_row(row, commit.time_ms) for row in commit.rows)
        for group in groups_of(records):
            self._steps = [(record, apply(self.board, record)) for record in group]
            self._take_steps()
        self.chain = commit.hash
        self._records, self._beliefs = [], {}
        self.control.end_turn()
        return records

    # Questions

    def state_hash(self) -> str:
        """Return the SHA-256 of the whole state: chain, board, agenda, refraction, leases and roster."""
        return digest(canonical(self.state()))

    def state(self) -> dict[str, Any]:
        """Return the whole state as JSON data; beliefs in millionths, times in milliseconds."""
        board = self.board
        return {
            "board": board.id,
            "chain": self.chain,
            "revision": board.revision,
            "status": board.status,
            "goal": board.goal,
            "settings": msgspec.to_builtins(board.settings),
            "types": {name: msgspec.to_builtins(known.definition) for name, known in board.types.items()},
            "entries": {str(number): msgspec.to_builtins(entry) for number, entry in board.entries.items()},
            "links": [
                msgspec.to_builtins(link) for links in board.links_out.values() for link in links.values()
            ],
            "outcome": board.outcome,
            "answer": board.answer,
            "receipts": [[*key, known[1]] for key, known in self._receipts.items()],
            "control": self.control.state(),
        }
