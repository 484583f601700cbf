"""One board that is served, and what opening it takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeAlias

from blackboard.core.entry import EntryId
from blackboard.core.errors import Rejected
from blackboard.core.ready import Answer, Receipt
from blackboard.engine import Engine
from blackboard.server.writer import BoardWriter

__all__ = ["HostedBoard", "Opening", "Salts", "Writer"]

Writer: TypeAlias = BoardWriter[Engine]

_SALT_BYTES: Final = 16
_SALTS_DRAWN: Final = 256


class HostedBoard:
    """One board that is served.

    Args:
        writer: Its writer.
    """

    __slots__ = ("board", "writer")

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.board = writer.board

    @property
    def engine(self) -> Engine:
        """The engine as it stands, perhaps ahead of the disk."""
        return self.writer.machine

    @property
    def durable_revision(self) -> int:
        """The revision that was released last."""
        return self.writer.durable_revision

    @property
    def takes_work(self) -> bool:
        """Whether sources and agents can still be attached; a new board is about to be opened."""
        return self.engine.board.status in {"new", "open", "paused"}

    def type_of(self, entry: EntryId) -> str | None:
        """Return the type of an entry, if there is such an entry."""
        found = self.engine.board.entries.get(entry)
        return None if found is None else found.type


class Opening:
    """Collects the answers to the commands of one opening; says the first refusal or the last receipt."""

    def __init__(self, count: int, reply: Callable[[Answer], None]) -> None:
        self._left = count
        self._reply = reply
        self._refusal: Rejected | None = None

    def __call__(self, answer: Receipt | Rejected) -> None:
        """Take the answer to the next command."""
        self._left -= 1
        if isinstance(answer, Rejected):
            self._refusal = self._refusal or answer
        if self._left == 0:
            self._reply(self._refusal or answer)


class Salts:
    """Salts for commitments, drawn many at a time: one system call for each would cost 5 µs a record."""

    __slots__ = ("_block", "_next")

    def __init__(self) -> None:
        self._block = b""
        self._next = 0

    def __call__(self) -> bytes:
        """Return the next salt."""
        start = self._next
        if start >= len(self._block):
            self._block = os.urandom(_SALT_BYTES * _SALTS_DRAWN)
            start = 0
        self._next = start + _SALT_BYTES
        return self._block[start : self._next]
