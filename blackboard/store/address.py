"""How a revision of a board is addressed in the tables: one integer, explained in `0001_log.sql`."""

from __future__ import annotations

from typing import Final

__all__ = ["address", "revision_of", "span"]

_REVISION_BITS: Final = 40
_REVISION_MASK: Final = (1 << _REVISION_BITS) - 1


def address(number: int, revision: int) -> int:
    """Return the row id of a revision of the board with this number."""
    return number << _REVISION_BITS | revision


def revision_of(row_id: int) -> int:
    """Return the revision that a row id stands for."""
    return row_id & _REVISION_MASK


def span(number: int) -> tuple[int, int]:
    """Return the lowest and the highest row id of a board."""
    return address(number, 0), address(number, _REVISION_MASK)
