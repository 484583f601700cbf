"""Silence: how much of its load a service lost, and how much of that by itself.

Theory of operation. A caller that fails before it calls stops calling all its callees, each to the same
extent. So what a callee lost beyond its siblings, *among the calls that its siblings still get*, it lost by
itself. (The plain difference would halve a total silence whenever the caller gives up half of its requests.)
"""

from __future__ import annotations

from collections.abc import Mapping

from .detection import lost_share
from .robust import quantile
from .signal import Signal, SignalKey
from .topology import Topology

__all__ = ["failed_share", "lost_of", "own_silence"]

_SIBLING_MIN = 5.0
"""Siblings with fewer requests per interval lose all of them by chance."""

_UNCALLED = 0.3
"""Without siblings: this share of the caller's failures is taken to happen before the call."""

_COMMON_MAX = 0.99


def own_silence(table: Mapping[SignalKey, Signal], topology: Topology, caller: str, service: str) -> float:
    """How much of its load from `caller` a callee lost by itself, 0..1.

    Without siblings, a share of the caller's requests that fail stands in for what they lost.
    """
    below = topology.depths_from(service)
    siblings = sorted(
        lost_of(table, name)
        for name in topology.callees_of(caller)
        if name not in below
        and (signal := table.get((name, "traffic"))) is not None
        and -signal.measures[0].reference >= _SIBLING_MIN
    )
    common = quantile(siblings, 0.25) if siblings else _UNCALLED * failed_share(table, caller)
    common = min(common, _COMMON_MAX)
    return max(0.0, lost_of(table, service) - common) / (1.0 - common)


def lost_of(table: Mapping[SignalKey, Signal], service: str) -> float:
    """Share of the requests before the onset that no longer comes, 0..1."""
    signal = table.get((service, "traffic"))
    return 0.0 if signal is None else lost_share(signal)


def failed_share(table: Mapping[SignalKey, Signal], service: str) -> float:
    """Extra share of requests that fails, 0..1."""
    signal = table.get((service, "errors"))
    return 0.0 if signal is None else min(1.0, max(0.0, signal.measures[0].shift))
