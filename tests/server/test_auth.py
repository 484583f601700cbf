"""Tokens: made once, kept private, compared by hash."""

import stat
import threading
from pathlib import Path

import pytest

from blackboard.core.commands import Principal
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.server.auth import (
    TOKEN_FILE,
    Grant,
    TokenBook,
    bearer_of,
    local_token,
    new_token,
    query_token,
    token_hash,
)


def test_the_local_token_is_made_once_for_its_owner_alone(tmp_path: Path):
    """The second start finds the first one's token, in a file that no one else may read."""
    folder = tmp_path / "new" / "data"
    token = local_token(folder)
    assert len(token) >= 40
    assert local_token(folder) == token
    assert stat.S_IMODE((folder / TOKEN_FILE).stat().st_mode) == 0o600
    assert [each.name for each in folder.iterdir()] == [TOKEN_FILE]


def test_processes_that_start_at_once_agree_on_one_token(tmp_path: Path):
    """Whoever comes first wins; nobody reads half a token."""
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(local_token(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_an_empty_token_file_is_refused(tmp_path: Path):
    """An empty file would otherwise let everyone in, or no one."""
    (tmp_path / TOKEN_FILE).write_text("\n")
    with pytest.raises(BlackboardError, match="is empty; delete it"):
        local_token(tmp_path)


def test_a_token_gives_its_grant_and_no_other_does():
    """The local token stands for the administrator, an issued one for its principal."""
    book = TokenBook("local")
    agent = Grant(Principal(name="a", kind="agent"), ("board:x",))
    issued = new_token()
    book.add(token_hash(issued), agent)
    assert book.check("local").is_administrator
    assert book.check(issued) == agent
    assert not agent.is_administrator
    for wrong in (None, "", "LOCAL", issued[:-1], token_hash(issued)):
        with pytest.raises(Rejected) as caught:
            book.check(wrong)
        assert caught.value.code == "unauthorized"
    book.remove(token_hash(issued))
    with pytest.raises(Rejected):
        book.check(issued)


def test_a_board_scope_hides_all_other_boards():
    """Without one, every board is in reach."""
    who = Principal(name="a", kind="agent")
    assert Grant(who).reaches("x")
    assert Grant(who, ("board:x",)).reaches("x")
    assert not Grant(who, ("board:x",)).reaches("y")
    assert not Grant(who, ("board:x",)).reaches("")


def test_tokens_are_found_in_header_and_query():
    """The header by its scheme in any case, the query by `t`."""
    assert bearer_of((("Host", "x"), ("authorization", "bearer abc"))) == "abc"
    assert bearer_of((("Authorization", "Basic abc"),)) is None
    assert bearer_of(()) is None
    assert query_token("/metrics?a=1&t=abc") == "abc"
    assert query_token("/metrics") is None
