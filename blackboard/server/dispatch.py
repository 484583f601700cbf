"""The dispatch table: what each method does that is not simply one command to one board.

A row takes the session, the validated params and the call to answer. It answers at once, hands the call to a
writer, or raises a refusal. Together with `COMMANDS` and `session.hello` the rows are all of `METHODS`; a
test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final, TypeVar

import orjson

from blackboard.core.commands import Command, DefineType, IssueToken, OpenBoard, RegisterSource, Request
from blackboard.core.completion import check_settings
from blackboard.core.decide import check_types
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.ready import Answer
from blackboard.core.values import Data
from blackboard.engine import Engine
from blackboard.server import reads
from blackboard.server.auth import Grant, is_scope, new_token, token_hash
from blackboard.server.hosted import HostedBoard
from blackboard.server.session import Call, Method, Session
from blackboard.server.subscriptions import Filter
from blackboard.wire import messages as m

__all__ = ["DISPATCH"]

P = TypeVar("P", bound=m.Message)

_RESERVED: Final = frozenset({"admin", "server", "system"})
"""Names of the principals that the server itself knows."""

_rows: dict[str, Method] = {}


def _method(name: str, kind: type[P]) -> Callable[[Callable[[Session, P, Call], None]], None]:
    """Enter a function into the table."""

    def enter(function: Callable[[Session, P, Call], None]) -> None:
        def row(session: Session, params: m.Message, call: Call) -> None:
            assert isinstance(params, kind), f"{name} takes {kind.__name__}"
            function(session, params, call)

        assert name not in _rows, f"{name} has two rows"
        _rows[name] = row

    return enter


def _read(hosted: HostedBoard, look: Callable[[Engine], Data | bytes], call: Call) -> None:
    """Answer with what `look` sees, once it is durable; it is encoded while it is seen."""

    def see(engine: Engine) -> bytes:
        if engine.board.status == "new":
            raise Rejected("unknown_board", f"there is no board {hosted.board!r}")
        view = look(engine)
        return view if isinstance(view, bytes) else orjson.dumps(view)

    hosted.writer.read(see, call)


# Session and tokens.


@_method("session.ping", m.PingParams)
def _ping(session: Session, params: m.PingParams, call: Call) -> None:
    del session, params
    call({})


@_method("token.issue", m.TokenIssueParams)
def _issue(session: Session, params: m.TokenIssueParams, call: Call) -> None:
    if not session.grant.is_administrator:
        raise Rejected("forbidden", "only a person whose token has no scopes may issue tokens")
    if params.name in _RESERVED:
        raise Rejected("invalid_params", f"the name {params.name!r} is reserved; choose another one")
    for scope in params.scopes:
        if not is_scope(scope):
            raise Rejected("invalid_params", f"scope {scope[:80]!r} is unknown; expected board:<name>")
    secret = new_token()
    command = IssueToken(name=params.name, kind=params.kind, scopes=params.scopes, hash=token_hash(secret))

    def issued(answer: Answer) -> None:
        if isinstance(answer, Rejected):
            call(answer)
            return
        session.services.tokens.add(command.hash, Grant.of(params.name, params.kind, params.scopes))
        call({"token": secret})

    session.services.host.system.submit(Request(principal=session.principal, command=command), issued)


# Boards.


@_method("board.open", m.BoardOpenParams)
def _open(session: Session, params: m.BoardOpenParams, call: Call) -> None:
    name = params.board
    if not session.grant.reaches(name):
        raise Rejected("forbidden", f"this token does not reach a board named {name!r}")
    check_settings(params.settings)
    # An error says that nothing happened, so nothing behind the opening may be refused any more.
    check_types(params.types, params.settings, limits=session.services.limits)
    known = session.services.host.find(name)
    if known is not None and params.exist_ok:
        _read(known, lambda engine: {"revision": engine.board.revision}, call)
        return
    command = OpenBoard(board=name, goal=params.goal, settings=params.settings, paused=params.paused)
    request = Request(principal=session.principal, command=command, command_id=params.command_id)
    types: tuple[Command, ...] = tuple(DefineType(type=definition) for definition in params.types)

    def opened(answer: Answer) -> None:
        found = session.services.host.find(name)
        if (
            isinstance(answer, Rejected)
            and answer.code == "board_exists"
            and params.exist_ok
            and found is not None
        ):
            _read(found, lambda engine: {"revision": engine.board.revision}, call)
        else:
            call(answer)

    session.services.host.open(request, command, types, opened)


@_method("board.list", m.BoardListParams)
def _list(session: Session, params: m.BoardListParams, call: Call) -> None:
    del params
    reached = [hosted for hosted in session.services.host if session.grant.reaches(hosted.board)]
    found: dict[str, Data] = {}
    left = len(reached)

    def say() -> None:
        call({"boards": [found[name] for name in sorted(found) if found[name]["status"] != "new"]})

    def seen(answer: Data | BlackboardError) -> None:
        nonlocal left
        left -= 1
        if not isinstance(answer, BlackboardError):
            found[answer["board"]] = answer
        if left == 0:
            say()

    for hosted in reached:
        hosted.writer.read(reads.board_summary, seen)
    if not reached:
        say()


@_method("board.get", m.BoardGetParams)
def _get(session: Session, params: m.BoardGetParams, call: Call) -> None:
    _read(session.board(params.board), reads.board_view, call)


@_method("board.hash", m.BoardHashParams)
def _hash(session: Session, params: m.BoardHashParams, call: Call) -> None:
    _read(session.board(params.board), reads.board_hash, call)


@_method("board.watch", m.BoardWatchParams)
def _watch(session: Session, params: m.BoardWatchParams, call: Call) -> None:
    hosted = session.board(params.board)
    types = None if params.types is None else frozenset(params.types)
    subscriptions = session.services.subscriptions
    watch = subscriptions.open(session.channel, hosted, after=params.after, wanted=Filter(types))
    call({"subscription": watch.number, "revision": hosted.durable_revision})
    subscriptions.start(watch)


@_method("board.unwatch", m.BoardUnwatchParams)
def _unwatch(session: Session, params: m.BoardUnwatchParams, call: Call) -> None:
    session.services.subscriptions.end(session.channel, params.subscription)
    call({})


@_method("board.log", m.BoardLogParams)
def _log(session: Session, params: m.BoardLogParams, call: Call) -> None:
    hosted = session.board(params.board)
    services = session.services

    async def read() -> None:
        try:
            async with services.log_reads:
                commits = await services.store.read(hosted.board, after=params.after, limit=params.limit)
                page = reads.log_page(commits, after=params.after, limit=params.limit)
        except BlackboardError as error:
            call(error)
        else:
            if page.get("next", 0) >= hosted.durable_revision:
                del page["next"]
            call(page)

    services.host.spawn(read())


@_method("type.list", m.TypeListParams)
def _types(session: Session, params: m.TypeListParams, call: Call) -> None:
    _read(session.board(params.board), reads.types, call)


# Entries and agenda.


@_method("entry.get", m.EntryGetParams)
def _entry(session: Session, params: m.EntryGetParams, call: Call) -> None:
    _read(session.board(params.board), lambda engine: reads.entry(engine, params.entry), call)


@_method("entry.list", m.EntryListParams)
def _entries(session: Session, params: m.EntryListParams, call: Call) -> None:
    _read(session.board(params.board), lambda engine: reads.entries(engine, params), call)


@_method("entry.why", m.EntryWhyParams)
def _why(session: Session, params: m.EntryWhyParams, call: Call) -> None:
    _read(session.board(params.board), lambda engine: reads.why(engine, params.entry, params.depth), call)


@_method("agenda.list", m.AgendaListParams)
def _agenda(session: Session, params: m.AgendaListParams, call: Call) -> None:
    now_ms = session.services.host.clock.now_ms()
    _read(session.board(params.board), lambda engine: reads.agenda(engine, params, now_ms=now_ms), call)


# Sources, agents and leases.


@_method("source.register", m.SourceRegisterParams)
def _register(session: Session, params: m.SourceRegisterParams, call: Call) -> None:
    command = RegisterSource(
        source=params.source, boards=_boards_of(session, params.boards), replace=params.replace
    )
    name, agents = params.source.name, session.services.agents
    # What a source posts stands under its name; it must not be taken for somebody else.
    tokens = session.services.host.system.machine.tokens
    if name in _RESERVED or (name in tokens and name != session.principal.name):
        raise Rejected("forbidden", f"{name!r} is the name of a principal; choose another for the source")
    agents.register(session.worker, session.principal, command, credit=params.credits, reply=call)


def _boards_of(session: Session, boards: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Keep a token that is limited to some boards to these."""
    if boards is None:
        return session.grant.boards
    for board in boards:
        if not session.grant.reaches(board):
            raise Rejected("unknown_board", f"there is no board {board!r}")
    return boards


@_method("source.unregister", m.SourceUnregisterParams)
def _unregister(session: Session, params: m.SourceUnregisterParams, call: Call) -> None:
    session.services.agents.unregister(session.worker, params.source)
    call({})


@_method("source.list", m.SourceListParams)
def _sources(session: Session, params: m.SourceListParams, call: Call) -> None:
    if params.board is not None:
        _read(session.board(params.board), lambda engine: {"sources": reads.sources_of(engine)}, call)
        return
    reached = session.grant.boards
    shown = [
        each
        if reached is None or "boards" not in each
        else each | {"boards": [board for board in each["boards"] if board in reached]}
        for each in session.services.agents.sources()
        if reached is None or "boards" not in each or not set(reached).isdisjoint(each["boards"])
    ]
    call({"sources": shown})


@_method("agent.credits", m.AgentCreditsParams)
def _credits(session: Session, params: m.AgentCreditsParams, call: Call) -> None:
    session.services.agents.set_credits(session.worker, params.credits, call)


@_method("agent.list", m.AgentListParams)
def _agents(session: Session, params: m.AgentListParams, call: Call) -> None:
    del params
    services = session.services
    found = {"agents": services.agents.agents()}
    if session.grant.is_administrator:
        found |= {"plugins": services.plugins(), "supervised": services.supervised()}
    call(found)


@_method("activation.accept", m.ActivationAcceptParams)
def _accept(session: Session, params: m.ActivationAcceptParams, call: Call) -> None:
    _renewed(session, params, call)


@_method("activation.renew", m.ActivationRenewParams)
def _renew(session: Session, params: m.ActivationRenewParams, call: Call) -> None:
    _renewed(session, params, call)


def _renewed(session: Session, params: m.ActivationAcceptParams, call: Call) -> None:
    session.board(params.board)
    session.services.leases.renew(params.board, params.activation, params.token, agent=session.worker.name)
    call({})


DISPATCH: Final = MappingProxyType(_rows)
"""Every method that is neither `session.hello` nor one command to one board."""
