"""The small parts of the client: waits between attempts, tokens, unanswered requests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from blackboard.client.backoff import Backoff
from blackboard.client.pending import Pending, PendingTable
from blackboard.client.token import find_token, read_token
from blackboard.core.errors import BlackboardError


def test_waits_double_up_to_the_cap() -> None:
    longest = Backoff(lambda: 1.0, first=0.1, cap=1.0)
    assert [round(longest.next_wait(), 3) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    shortest = Backoff(lambda: 0.0, first=0.1, cap=1.0, attempts=10_000)
    assert shortest.next_wait() == 0.5
    shortest.reset()
    assert shortest.next_wait() == 0.05


def test_token_comes_from_the_environment_first(tmp_path: Path) -> None:
    (tmp_path / ".blackboard").mkdir()
    (tmp_path / ".blackboard" / "token").write_text(" near \n")
    inner = tmp_path / "inner"
    inner.mkdir()
    assert find_token(environment={"BLACKBOARD_TOKEN": "env"}, directory=inner) == "env"
    assert find_token(environment={"BLACKBOARD_TOKEN": ""}, directory=inner) == "near"
    (tmp_path / "named").write_text("named\n")
    named = {"BLACKBOARD_TOKEN_FILE": str(tmp_path / "named")}
    assert find_token(environment=named, directory=inner, url="wss://example.org/v1") == "named"
    assert find_token(environment=named | {"BLACKBOARD_TOKEN": "env"}, directory=inner) == "env"


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("ws://localhost:1/v1", "near"),
        ("ws://127.0.1.1:1/v1", "near"),
        ("ws://[::1]:1/v1", "near"),
        ("wss://example.org/v1", None),
        ("ws://localhost.example.org/v1", None),
    ],
)
def test_token_file_is_for_a_server_on_this_machine(tmp_path: Path, url: str, token: str | None) -> None:
    (tmp_path / ".blackboard").mkdir()
    (tmp_path / ".blackboard" / "token").write_text("near")
    assert find_token(environment={}, directory=tmp_path, url=url) == token
    assert find_token(environment={"BLACKBOARD_TOKEN": "env"}, directory=tmp_path, url=url) == "env"


def test_no_token_is_none(tmp_path: Path) -> None:
    assert find_token(environment={}, directory=tmp_path) is None


def test_token_file_that_cannot_serve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BlackboardError, match="No such file"):
        read_token(tmp_path / "missing")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(BlackboardError, match="is empty"):
        read_token(tmp_path / "empty")


def pending(table: PendingTable, *, repeat: bool = True) -> Pending:
    loop = asyncio.get_running_loop()
    id_ = table.next_id()
    timer = loop.call_later(60, lambda: None)
    made = Pending(id_, "m", b"%d" % id_, loop.create_future(), timer, repeat, None)
    table.add(made)
    return made


async def test_each_request_leaves_the_table_once() -> None:
    table = PendingTable()
    one, two, three = pending(table), pending(table), pending(table)
    table.resolve(one.id, "result")
    table.resolve(one.id, "again")
    table.reject(two.id, BlackboardError("too_busy", "wait"))
    table.reject(two.id, BlackboardError("gone", "again"))
    table.discard(three.id)
    table.discard(three.id)
    assert len(table) == 0
    assert await one.future == "result"
    with pytest.raises(BlackboardError, match="wait"):
        await two.future
    assert all(each.timer.cancelled() for each in (one, two, three))


async def test_only_what_may_be_repeated_survives_the_connection() -> None:
    table = PendingTable()
    kept, lost = pending(table), pending(table, repeat=False)
    table.connection_lost()
    assert table.payloads() == [b"%d" % kept.id]
    with pytest.raises(BlackboardError, match="connection was lost"):
        await lost.future
    table.reject_all(BlackboardError("gone", "over"))
    with pytest.raises(BlackboardError, match="over"):
        await kept.future


async def test_answer_for_a_caller_that_left_is_dropped() -> None:
    table = PendingTable()
    seen: list[Any] = []
    one, two = pending(table), pending(table)
    one.on_result = seen.append
    one.future.cancel()
    two.future.cancel()
    table.resolve(one.id, 1)
    table.reject(two.id, BlackboardError("gone", "over"))
    assert seen == []
