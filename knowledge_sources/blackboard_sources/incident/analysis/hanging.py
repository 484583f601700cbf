"""Hanging: the slowest requests take so much longer that callers may give up on them."""

from __future__ import annotations

from .signal import Signal

__all__ = ["hangs", "tail_rise"]

_HANG_S = 1.0
_HANG_FACTOR = 4.0


def hangs(signal: Signal) -> bool:
    """Whether the slowest requests take seconds longer than before, and several times as long."""
    return tail_rise(signal) >= max(_HANG_S, _HANG_FACTOR * signal.leading.reference)


def tail_rise(signal: Signal) -> float:
    """Rise of the percentile that moved most unusually, seconds."""
    return signal.leading.shift - signal.leading.normal.median
