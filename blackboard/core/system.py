"""The system board: the facts that cross boards, in a log of their own.

It holds which boards there are, which sources are registered for which of them, and which tokens let whom
in. A board learns of such a fact only when the server logs it there as well (`EnableSource` and the like), so
that deciding on a board never looks outside of its own log. Tokens are kept as hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias, assert_never

import msgspec

from blackboard.core import commands as cm
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.fact import Fact
from blackboard.core.limits import DEFAULT_LIMITS, Limits
from blackboard.core.ready import Answer, Ready, Receipt
from blackboard.core.record import GENESIS, Commit, Row, link_hash, make_commit
from blackboard.core.source import SourceDeclaration, check_source
from blackboard.core.values import canonical, digest

__all__ = ["SYSTEM_BOARD", "Registration", "SystemBoard", "SystemEvent", "Token"]

SYSTEM_BOARD: Final = "system"
"""The reserved name of the system board."""


class BoardCreated(Fact, tag="board_created", tag_field="event"):
    """A board of this name exists."""

    board: str


class SourceRegistered(Fact, tag="source_registered", tag_field="event"):
    """A source is known, for `boards` or for every board."""

    source: SourceDeclaration
    boards: tuple[str, ...] | None = None


class SourceUnregistered(Fact, tag="source_unregistered", tag_field="event"):
    """A source is no longer known."""

    source: str


class TokenIssued(Fact, tag="token_issued", tag_field="event"):
    """A token lets its bearer in."""

    name: str
    kind: Literal["person", "agent"]
    scopes: tuple[str, ...]
    hash: str


class TokenRevoked(Fact, tag="token_revoked", tag_field="event"):
    """A token lets nobody in any more."""

    name: str


SystemEvent: TypeAlias = BoardCreated | SourceRegistered | SourceUnregistered | TokenIssued | TokenRevoked


class _Body(Fact):
    event: SystemEvent
    principal: str
    command_id: str | None = None
    digest: str = ""


class Registration(Fact):
    """A source, and the boards for which it is registered (`None`: every board)."""

    source: SourceDeclaration
    boards: tuple[str, ...] | None = None

    def covers(self, board: str) -> bool:
        """Tell whether the source acts on `board`."""
        return self.boards is None or board in self.boards


class Token(Fact):
    """Who is let in by a token, and what for."""

    name: str
    kind: Literal["person", "agent"]
    scopes: tuple[str, ...]
    hash: str


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(_Body).decode


class SystemBoard:
    """The state machine of the system board; see `blackboard.core.ready.Machine`.

    Args:
        limits: Bounds to keep.
        salts: Unused here: system facts are never erased. Accepted so that all machines are made alike.
    """

    def __init__(self, *, limits: Limits = DEFAULT_LIMITS, salts: Callable[[], bytes] | None = None) -> None:
        del salts
        self.limits = limits
        self.revision = 0
        self.time_ms = 0
        self.chain: str = GENESIS
        self.boards: dict[str, None] = {}
        self.sources: dict[str, Registration] = {}
        self.tokens: dict[str, Token] = {}
        self._receipts: dict[tuple[str, str], tuple[str, int]] = {}
        self._bodies: list[_Body] = []

    def handle(self, requests: Iterable[cm.Request], now_ms: int) -> Ready:
        """Judge `requests` in order at engine time `now_ms`."""
        self.time_ms = max(self.time_ms, now_ms)
        answers = tuple(self._judge(request) for request in requests)
        bodies, self._bodies = self._bodies, []
        commit = None
        if bodies:
            first = self.revision - len(bodies) + 1
            rows = tuple(Row(revision=first + n, body=_encode(body)) for n, body in enumerate(bodies))
            commit = make_commit(SYSTEM_BOARD, previous=self.chain, time_ms=self.time_ms, rows=rows)
            self.chain = commit.hash
        return Ready(commit=commit, records=(), answers=answers)

    def next_deadline_ms(self) -> int | None:
        """Return `None`: nothing here waits for time."""
        return None

    def _judge(self, request: cm.Request) -> Answer:
        try:
            content = digest(canonical(msgspec.to_builtins(request.command)))
            if request.command_id is not None:
                known = self._receipts.get((request.principal.name, request.command_id))
                if known is not None and known[0] != content:
                    raise Rejected("id_conflict", f"command_id {request.command_id!r} was used before")
                if known is not None:
                    return Receipt(revision=known[1], repeated=True)
            event = self._decide(request.command)
        except Rejected as refusal:
            return refusal
        if event is not None:
            self._take(
                _Body(
                    event=event,
                    principal=request.principal.name,
                    command_id=request.command_id,
                    digest="" if request.command_id is None else content,
                )
            )
        return Receipt(revision=self.revision)

    def _decide(self, command: cm.Command | cm.SystemCommand) -> SystemEvent | None:
        match command:
            case cm.CreateBoard(board=board):
                return self._create_board(board)
            case cm.RegisterSource():
                return self._register(command)
            case cm.UnregisterSource(source=source):
                if source not in self.sources:
                    raise Rejected("unknown_source", f"no source {source!r} is registered")
                return SourceUnregistered(source=source)
            case cm.IssueToken(name=name, kind=kind, scopes=scopes, hash=hash_):
                self._check_name("token", name)
                if name in self.tokens:
                    raise Rejected("invalid_params", f"a token named {name!r} exists; choose another name")
                return TokenIssued(name=name, kind=kind, scopes=scopes, hash=hash_)
            case cm.RevokeToken(name=name):
                if name not in self.tokens:
                    raise Rejected("invalid_params", f"no token is named {name!r}")
                return TokenRevoked(name=name)
            case _:
                raise Rejected("invalid_params", "this command belongs to a board, not to the system board")

    def _create_board(self, board: str) -> SystemEvent:
        self._check_name("board", board)
        if board in self.boards or board == SYSTEM_BOARD:
            raise Rejected("board_exists", f"board {board!r} exists already")
        if len(self.boards) >= self.limits.boards_max:
            raise Rejected("limit_exceeded", f"there are {len(self.boards)} boards already")
        return BoardCreated(board=board)

    def _check_name(self, what: str, name: str) -> None:
        if not name or len(name) > self.limits.name_chars_max or not name.isprintable():
            most = self.limits.name_chars_max
            raise Rejected(
                "invalid_params", f"{what} name {name!r}: expected 1 to {most} printable characters"
            )

    def _register(self, command: cm.RegisterSource) -> SystemEvent | None:
        declaration = command.source
        known = self.sources.get(declaration.name)
        if known == Registration(source=declaration, boards=command.boards):
            return None
        check_source(declaration, limits=self.limits)
        if known is None and len(self.sources) >= self.limits.sources_per_board_max:
            raise Rejected("limit_exceeded", f"there are {len(self.sources)} sources already")
        changed = known is not None and known.source.trigger_hash != declaration.trigger_hash
        if changed and not command.replace:
            raise Rejected(
                "source_conflict",
                f"source {declaration.name!r} is registered with another trigger; pass replace to supersede",
            )
        return SourceRegistered(source=declaration, boards=command.boards)

    def _take(self, body: _Body) -> None:
        """Apply one fact, live and on replay alike."""
        self.revision += 1
        event = body.event
        match event:
            case BoardCreated(board=board):
                self.boards[board] = None
            case SourceRegistered():
                self.sources[event.source.name] = Registration(source=event.source, boards=event.boards)
            case SourceUnregistered(source=source):
                del self.sources[source]
            case TokenIssued():
                self.tokens[event.name] = Token(
                    name=event.name, kind=event.kind, scopes=event.scopes, hash=event.hash
                )
            case TokenRevoked(name=name):
                del self.tokens[name]
            case _:
                assert_never(event)
        if body.command_id is not None:
            self._receipts[body.principal, body.command_id] = (body.digest, self.revision)
            if len(self._receipts) > self.limits.receipts_per_board_max:
                del self._receipts[next(iter(self._receipts))]
        self._bodies.append(body)

    def replay(self, commit: Commit) -> None:
        """Apply one commit of the log, the next in order.

        Raises:
            BlackboardError: `log_corrupt` if it does not continue the chain or cannot be read.
        """
        where = f"the system board, revision {commit.first}"
        if commit.first != self.revision + 1 or commit.previous != self.chain:
            raise BlackboardError("log_corrupt", f"{where}: does not follow revision {self.revision}")
        if link_hash(commit.previous, commit.time_ms, commit.rows) != commit.hash:
            raise BlackboardError("log_corrupt", f"{where}: the commit was changed")
        for row in commit.rows:
            try:
                self._take(_decode(row.body))
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                raise BlackboardError("log_corrupt", f"{where}: cannot be read: {error}") from error
        self.chain = commit.hash
        self.time_ms = max(self.time_ms, commit.time_ms)
        self._bodies.clear()
