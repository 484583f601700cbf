"""The rules of the chain on their own: what may follow, and what gives a changed log away."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from blackboard.core.errors import BlackboardError
from blackboard.core.record import Commit, Row
from blackboard.store import Head
from blackboard.store.chain import ChainCheck, admit, check_page, head_after
from blackboard.store.conformance import LogBuilder

replace = msgspec.structs.replace


def test_admit_moves_heads_commit_by_commit() -> None:
    """Later commits of a batch are judged on the earlier ones; the given heads are left alone."""
    builder = LogBuilder("b")
    commits = builder.many(3)
    heads: dict[str, Head] = {}
    outcomes, moved = admit(heads, commits)
    assert outcomes == [None, None, None]
    assert moved == {"b": head_after(commits[-1])} == {"b": builder.head}
    assert heads == {}


def test_conflict_names_both_ends() -> None:
    """The message says what came and where the log ends."""
    commit = LogBuilder("b").next()
    (_, conflict), _ = admit({}, [commit, commit])
    assert conflict is not None
    assert "a commit from revision 1 on 000000000000" in conflict.message
    assert f"ends at revision 1 with {commit.hash[:12]}" in conflict.message
    assert (conflict.code, conflict.retryable) == ("log_conflict", False)


def change_body(commit: Commit) -> Commit:
    rows = (replace(commit.rows[0], body=b"forged"), *commit.rows[1:])
    return replace(commit, rows=rows)


def change_time(commit: Commit) -> Commit:
    return replace(commit, time_ms=commit.time_ms + 1)


def swap_bodies(commit: Commit) -> Commit:
    one, two = commit.rows
    return replace(commit, rows=(replace(one, body=two.body), replace(two, body=one.body)))


def drop_row(commit: Commit) -> Commit:
    return replace(commit, rows=commit.rows[:1])


def skip_revision(commit: Commit) -> Commit:
    return replace(commit, rows=(commit.rows[0], Row(revision=commit.first + 2, body=b"2")))


def change_predecessor(commit: Commit) -> Commit:
    return replace(commit, previous="f" * 64)


@pytest.mark.parametrize(
    ("forge", "named"),
    [
        (change_body, "revision 3:"),
        (change_time, "revision 3:"),
        (swap_bodies, "revision 3:"),
        (drop_row, "revision 3:"),
        (skip_revision, "revision 4:"),
        (change_predecessor, "revision 3:"),
    ],
)
def test_changed_commit_is_found(forge: Callable[[Commit], Commit], named: str) -> None:
    """Every change to a commit is reported with board and revision."""
    builder = LogBuilder("b")
    commits = [builder.next(b"1"), builder.next(b"2"), builder.next(b"1", b"2"), builder.next(b"5")]
    check_page(ChainCheck("b"), commits)
    commits[2] = forge(commits[2])
    with pytest.raises(BlackboardError, match=f"board 'b', {named}") as caught:
        check_page(ChainCheck("b"), commits)
    assert caught.value.code == "log_corrupt"


def test_removed_and_reordered_commits_are_found() -> None:
    """A gap and an exchange are both named by the first revision that is not right."""
    one, two, three = (LogBuilder("b")).many(3)
    for forged in ([one, three], [one, three, two]):
        with pytest.raises(BlackboardError, match="revision 2: is missing; revision 4 follows"):
            check_page(ChainCheck("b"), forged)
