"""Notifications to many: encoded once, framed once, however many subscribers there are.

A `board.changed` differs between subscribers by the subscription's number alone, which is the first of its
parameters: a small prefix, and a tail that all share. The numbers are 1, 2, 3 … per connection, so
nearly all subscribers of a board have one of very few; the frame is kept per number. What is left per
subscriber is a dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from blackboard.core.entry import EntryId
from blackboard.core.record import Record
from blackboard.core.values import Millionths, to_fraction
from blackboard.wire.frames import frame_text

__all__ = ["Broadcast", "changed"]

_encode: Final = msgspec.json.Encoder().encode


class Broadcast:
    """One notification for many subscriptions.

    Args:
        method: Name of the notification.
        params: Its parameters but for `subscription`, as an encoded JSON object with at least one member.
    """

    __slots__ = ("_frames", "_prefix", "_tail")

    def __init__(self, method: str, params: bytes) -> None:
        assert params.startswith(b'{"'), "parameters are a JSON object with at least one member"
        self._prefix = b'{"jsonrpc":"2.0","method":"%b","params":{"subscription":' % method.encode()
        self._tail = b",%b}" % params[1:]
        self._frames: dict[int, bytes] = {}

    def payload(self, subscription: int) -> bytes:
        """Return the message for one subscription."""
        return b"%b%d%b" % (self._prefix, subscription, self._tail)

    def frame(self, subscription: int) -> bytes:
        """Return the message for one subscription as a server's text frame."""
        frame = self._frames.get(subscription)
        if frame is None:
            frame = self._frames[subscription] = frame_text(self.payload(subscription))
        return frame


class _RecordShape(msgspec.Struct, omit_defaults=True):
    revision: int
    event: object
    origin: object = None


class _ChangedShape(msgspec.Struct, omit_defaults=True):
    board: str
    first: int
    last: int
    time_ms: int
    records: list[_RecordShape]
    beliefs: dict[EntryId, float] | None = None


def changed(
    board: str,
    *,
    first: int,
    last: int,
    time_ms: int,
    records: Sequence[Record],
    beliefs: Mapping[EntryId, Millionths] | None = None,
) -> Broadcast:
    """Encode one commit as `board.changed`.

    Args:
        board: Name of the board.
        first: First revision of the commit.
        last: Last revision of the commit.
        time_ms: Engine time of the commit.
        records: Those of its records that the subscription's filter lets through.
        beliefs: New beliefs, in millionths; `None` when catching up, where they are not known.
    """
    shape = _ChangedShape(
        board,
        first,
        last,
        time_ms,
        [_RecordShape(each.revision, each.event, each.origin) for each in records],
        None if beliefs is None else {entry: to_fraction(belief) for entry, belief in beliefs.items()},
    )
    return Broadcast("board.changed", _encode(shape))
