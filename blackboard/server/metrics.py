"""Counters and gauges of one server, in the Prometheus text format.

Counters are plain attributes that the hot path increments; gauges are read when someone asks. Units are
base units (seconds, bytes), counters end in `_total`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

__all__ = ["CONTENT_TYPE", "Counters", "Gauge", "Metrics"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of the page that `Metrics.render` returns."""

Gauge: TypeAlias = Callable[[], float]

_COUNTERS: Final[dict[str, str]] = {
    "connections": "Connections accepted.",
    "connections_refused": "Connections refused before their session began.",
    "connections_cut": "Connections cut by the server: stalled, silent or out of bounds.",
    "requests": "Requests received.",
    "requests_refused": "Requests answered with an error.",
    "turns": "Turns of the engines.",
    "commits": "Commits made durable.",
    "records": "Records made durable.",
    "offers": "Leases offered to agents.",
    "leases_lapsed": "Leases that lapsed without renewal or acceptance.",
    "deliveries": "Notifications of changes queued for subscribers.",
    "catch_ups": "Times that a subscriber was served from the store.",
    "received_bytes": "Bytes received.",
    "sent_bytes": "Bytes sent.",
    "storage_failures": "Commits that the store could not take.",
    "engine_failures": "Turns lost to a fault of the engine.",
}


class Counters:
    """One integer per counter; increment them in place."""

    __slots__ = tuple(_COUNTERS)

    connections: int
    connections_refused: int
    connections_cut: int
    requests: int
    requests_refused: int
    turns: int
    commits: int
    records: int
    offers: int
    leases_lapsed: int
    deliveries: int
    catch_ups: int
    received_bytes: int
    sent_bytes: int
    storage_failures: int
    engine_failures: int

    def __init__(self) -> None:
        for name in _COUNTERS:
            setattr(self, name, 0)


class Metrics:
    """The counters of a server and the gauges that its parts register."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._gauges: dict[str, tuple[str, Gauge]] = {}

    def gauge(self, name: str, help_text: str, read: Gauge) -> None:
        """Show `read()` as `blackboard_<name>`."""
        assert name not in self._gauges, f"gauge {name!r} is registered twice"
        self._gauges[name] = (help_text, read)

    def values(self) -> Mapping[str, float]:
        """Return every value by its full name."""
        counted = {f"blackboard_{name}_total": float(getattr(self.counters, name)) for name in _COUNTERS}
        return counted | {f"blackboard_{name}": read() for name, (_, read) in self._gauges.items()}

    def render(self) -> bytes:
        """Return the page for a scraper."""
        lines: list[str] = []
        for name, help_text in _COUNTERS.items():
            lines += _metric(f"blackboard_{name}_total", "counter", help_text, getattr(self.counters, name))
        for name, (help_text, read) in self._gauges.items():
            lines += _metric(f"blackboard_{name}", "gauge", help_text, read())
        return ("\n".join(lines) + "\n").encode()


def _metric(name: str, kind: str, help_text: str, value: float) -> list[str]:
    return [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", f"{name} {_number(value)}"]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
