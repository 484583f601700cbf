"""The three life-cycle tables: every listed move leads where it says, every other one is refused."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from blackboard.core.activation import ACTIVATION_MOVES, ENDED, PENDING, ActivationMove, next_state
from blackboard.core.board import BOARD_MOVES, BoardMove, next_board_status
from blackboard.core.entry import LIVE, STATUS_MOVES, StatusMove, next_status
from blackboard.core.errors import Rejected


def _moves(table: Any, moves: Any) -> list[tuple[str, str, str | None]]:
    return [(state, move, table[state].get(move)) for state in table for move in get_args(moves)]


@pytest.mark.parametrize(("status", "move", "expected"), _moves(STATUS_MOVES, StatusMove))
def test_entry_moves(status: Any, move: Any, expected: str | None) -> None:
    """An unlisted move of an entry is refused, naming those that are possible."""
    if expected is not None:
        assert next_status(status, move) == expected
        return
    with pytest.raises(Rejected, match=f"cannot {move} an entry that is {status}") as caught:
        next_status(status, move)
    assert caught.value.code == "illegal_move"


@pytest.mark.parametrize(("state", "move", "expected"), _moves(ACTIVATION_MOVES, ActivationMove))
def test_activation_moves(state: Any, move: Any, expected: str | None) -> None:
    """An unlisted move of an activation is a bug."""
    if expected is not None:
        assert next_state(state, move) == expected
        return
    with pytest.raises(AssertionError, match=f"illegal move '{move}'"):
        next_state(state, move)


@pytest.mark.parametrize(("status", "move", "expected"), _moves(BOARD_MOVES, BoardMove))
def test_board_moves(status: Any, move: Any, expected: str | None) -> None:
    """An unlisted move of a board is refused, with a code of its own where the board is ending."""
    if expected is not None:
        assert next_board_status(status, move) == expected
        return
    with pytest.raises(Rejected) as caught:
        next_board_status(status, move)
    codes = {"ended": "board_ended", "closing": "board_closing"}
    assert caught.value.code == codes.get(status, "illegal_move")


def test_tables_are_closed() -> None:
    """Every move leads to a state of the table, and the named groups of states are what they say."""
    for table in (STATUS_MOVES, ACTIVATION_MOVES, BOARD_MOVES):
        assert {target for moves in table.values() for target in moves.values()} <= set(table)
    assert set(LIVE) < set(STATUS_MOVES)
    assert PENDING | ENDED | {"leased"} == set(ACTIVATION_MOVES)
    assert {state for state, moves in ACTIVATION_MOVES.items() if not moves} == ENDED - {"dead"}
