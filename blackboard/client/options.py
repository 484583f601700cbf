"""The bounds and seams of a session."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["SessionOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """Bounds and seams of a session; times are seconds.

    Args:
        request_timeout: Default deadline of a request, reconnecting included.
        connect_timeout: Deadline of one attempt to connect, hello included.
        reconnect_seconds: How long to go on without a server; `None` for as long as it takes.
        ping_interval: After so long without any sign of the server, it is pinged; after twice that, the
            connection is given up.
        backoff_first: Longest first wait between attempts.
        backoff_cap: Longest wait between attempts.
        inflight_max: Most unanswered requests; further ones wait.
        random: Gives numbers from 0 up to 1, for the spread of the waits.
        random_bytes: Gives unpredictable bytes, for masks and keys.
    """

    request_timeout: float = 30.0
    connect_timeout: float = 10.0
    reconnect_seconds: float | None = None
    ping_interval: float = 20.0
    backoff_first: float = 0.1
    backoff_cap: float = 5.0
    inflight_max: int = 512
    random: Callable[[], float] = field(default=random.random)
    random_bytes: Callable[[int], bytes] = field(default=os.urandom)
