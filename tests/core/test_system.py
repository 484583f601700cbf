"""The system board: names, registrations and tokens; replayed from its own log."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from blackboard.core import commands as cm
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.ready import Answer, Receipt
from blackboard.core.record import Commit, make_commit
from blackboard.core.source import SourceDeclaration
from blackboard.core.system import SYSTEM_BOARD, SystemBoard
from tests.scenarios.language import parse_trigger

ROOT = cm.Principal(name="root")


class _System:
    def __init__(self, **limits: int) -> None:
        self.limits = msgspec.structs.replace(DEFAULT_LIMITS, **limits)
        self.board = SystemBoard(limits=self.limits)
        self.log: list[Commit] = []

    def do(self, command: Any, *, command_id: str | None = None, now_ms: int = 5) -> Answer:
        request = cm.Request(principal=ROOT, command=command, command_id=command_id)
        ready = self.board.handle([request], now_ms)
        if ready.commit is not None:
            self.log.append(ready.commit)
        return ready.answers[0]

    def refused(self, command: Any, **options: Any) -> str:
        before = _facts(self.board)
        answer = self.do(command, **options)
        assert isinstance(answer, Rejected)
        assert _facts(self.board) == before
        return f"{answer.code}: {answer.message}"


def _facts(board: SystemBoard) -> dict[str, Any]:
    return {
        "revision": board.revision,
        "chain": board.chain,
        "boards": list(board.boards),
        "sources": dict(board.sources),
        "tokens": dict(board.tokens),
    }


def _register(trigger: str = "a:A", **options: Any) -> cm.RegisterSource:
    fields = {name: options.pop(name) for name in ("boards", "replace") if name in options}
    source = SourceDeclaration(name="s", trigger=parse_trigger(trigger), **options)
    return cm.RegisterSource(source=source, **fields)


def _token(name: str) -> cm.IssueToken:
    return cm.IssueToken(name=name, kind="agent", scopes=("a",), hash="h")


def test_boards_are_created_once() -> None:
    """Under a printable name that is not reserved, within the limit."""
    system = _System(boards_max=2)
    assert system.do(cm.CreateBoard(board="one")) == Receipt(revision=1)
    assert system.refused(cm.CreateBoard(board="one")) == "board_exists: board 'one' exists already"
    assert system.refused(cm.CreateBoard(board=SYSTEM_BOARD)).startswith("board_exists")
    assert system.refused(cm.CreateBoard(board="")).startswith("invalid_params: board name ''")
    assert system.refused(cm.CreateBoard(board="a\n")).startswith("invalid_params")
    assert system.refused(cm.CreateBoard(board="x" * 201)).startswith("invalid_params")
    system.do(cm.CreateBoard(board="two"))
    assert system.refused(cm.CreateBoard(board="three")) == "limit_exceeded: there are 2 boards already"


def test_sources_are_registered_for_some_boards_or_all() -> None:
    """A different trigger needs `replace`; an equal registration changes nothing."""
    system = _System(sources_per_board_max=1)
    system.do(_register(boards=("one",)))
    registration = system.board.sources["s"]
    assert registration.covers("one")
    assert not registration.covers("two")
    assert system.do(_register(boards=("one",))) == Receipt(revision=1)
    system.do(_register(rating=0.9))
    assert system.board.sources["s"].covers("two")
    assert "pass replace" in system.refused(_register("b:B"))
    system.do(_register("b:B", replace=True))
    other = cm.RegisterSource(source=SourceDeclaration(name="t", trigger=parse_trigger("a:A")))
    assert system.refused(other) == "limit_exceeded: there are 1 sources already"
    assert system.refused(_register(rating=7)).startswith("invalid_params")
    system.do(cm.UnregisterSource(source="s"))
    assert system.refused(cm.UnregisterSource(source="s")).startswith("unknown_source")


def test_tokens_are_issued_and_revoked() -> None:
    """A name is given once at a time."""
    system = _System()
    system.do(_token("ci"))
    assert system.board.tokens["ci"].scopes == ("a",)
    assert "exists; choose another name" in system.refused(_token("ci"))
    system.do(cm.RevokeToken(name="ci"))
    assert system.refused(cm.RevokeToken(name="ci")).startswith("invalid_params: no token")
    system.do(_token("ci"))
    assert system.refused(_token("")).startswith("invalid_params: token name ''")


def test_commands_of_a_board_are_refused() -> None:
    """The message says where they belong."""
    assert "belongs to a board" in _System().refused(cm.PauseBoard())


def test_repeats_get_the_first_answer() -> None:
    """Also after a restart, and up to the limit on receipts."""
    system = _System(receipts_per_board_max=2)
    system.do(cm.CreateBoard(board="one"), command_id="k1")
    assert system.do(cm.CreateBoard(board="one"), command_id="k1") == Receipt(revision=1, repeated=True)
    assert system.refused(cm.CreateBoard(board="two"), command_id="k1").startswith("id_conflict")
    system.board = _replayed(system)
    assert system.do(cm.CreateBoard(board="one"), command_id="k1") == Receipt(revision=1, repeated=True)
    system.do(cm.CreateBoard(board="two"), command_id="k2")
    system.do(cm.CreateBoard(board="three"), command_id="k3")
    assert system.refused(cm.CreateBoard(board="one"), command_id="k1").startswith("board_exists")


def _replayed(system: _System) -> SystemBoard:
    board = SystemBoard(limits=system.limits, salts=lambda: b"")
    for commit in system.log:
        board.replay(commit)
    assert _facts(board) == _facts(system.board)
    assert board.time_ms == system.board.time_ms
    assert board.next_deadline_ms() is None
    return board


def test_replay_equals_live_and_goes_on() -> None:
    """All facts, and the chain, come back from the log."""
    system = _System()
    system.do(cm.CreateBoard(board="one"))
    system.do(_register(), now_ms=9)
    system.do(cm.UnregisterSource(source="s"))
    system.do(_token("ci"))
    system.do(cm.RevokeToken(name="ci"))
    system.board = _replayed(system)
    assert system.do(cm.CreateBoard(board="two")) == Receipt(revision=6)
    _replayed(system)


def test_altered_log_is_detected() -> None:
    """A gap, a changed body, an unreadable one."""
    system = _System()
    system.do(cm.CreateBoard(board="one"))
    system.do(cm.CreateBoard(board="two"))
    one, two = system.log
    body = one.rows[0].body.replace(b"one", b"own")
    changed = msgspec.structs.replace(one, rows=(msgspec.structs.replace(one.rows[0], body=body),))
    nonsense = (msgspec.structs.replace(one.rows[0], body=b"{}"),)
    unreadable = make_commit(SYSTEM_BOARD, previous=one.previous, time_ms=one.time_ms, rows=nonsense)
    for commit, message in (
        (two, "does not follow"),
        (changed, "was changed"),
        (unreadable, "cannot be read"),
    ):
        with pytest.raises(BlackboardError, match=message) as caught:
            SystemBoard().replay(commit)
        assert caught.value.code == "log_corrupt"
