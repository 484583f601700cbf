"""Reads incident folders into plain data.

A folder holds `graph.csv` (adjacency matrix, the row calls the column),
`noissue/metrics.csv` (normal operation) and, under `train/` or `test/`,
`issue_*/metrics.csv` beside `target.json`. Metrics have three header rows
(service, metric, statistic) and Unix seconds as index.

Relies on the standard library only. Empty cells become `None`; a cell that is
neither empty nor a number is refused with file, row and column. Unknown metrics
and statistics are kept: it is for the analysis to know what it can use.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from .analysis.topology import Topology

__all__ = ["Incident", "Metrics", "SeriesKey", "Target", "TelemetryError", "read_folder"]

SeriesKey = tuple[str, str, str]
"""Service, metric, statistic."""

_HEADERS = 3
_MISSING = frozenset({"", "nan", "none", "null", "na", "n/a"})


class TelemetryError(ValueError):
    """A file does not have the expected form; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """A table of samples: one time per row, one series per key, `None` where missing."""

    times_s: tuple[int, ...]
    series: Mapping[SeriesKey, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True)
class Target:
    """The violated service level."""

    service: str
    metric: str
    statistic: str
    at_s: int


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident with its graph, its normal history and its window."""

    name: str
    topology: Topology
    history: Metrics
    window: Metrics
    target: Target


def read_folder(folder: Path) -> Iterator[tuple[Incident, str | None]]:
    """Read every incident of one folder, in name order.

    Yields:
        The incident and the true root cause, `None` when the folder keeps it secret.

    Raises:
        TelemetryError: When a file is missing or malformed.
    """
    topology = read_graph(folder / "graph.csv")
    history = read_metrics(folder / "noissue" / "metrics.csv")
    issues = sorted(
        (path for part in ("train", "test") for path in (folder / part).glob("issue_*")),
        key=_natural,
    )
    for issue in issues:
        target, truth = read_target(issue / "target.json")
        window = read_metrics(issue / "metrics.csv")
        name = f"{issue.parent.name}/{issue.name}"
        yield Incident(name, topology, history, window, target), truth


def _natural(path: Path) -> tuple[str, int, str]:
    digits = path.name.removeprefix("issue_")
    return (path.parent.name, int(digits) if digits.isdecimal() else -1, path.name)


def read_graph(path: Path) -> Topology:
    """Read an adjacency matrix; any non-zero cell is a call from row to column."""
    rows = _rows(path)
    if not rows:
        raise TelemetryError(f"{path}: empty; expected a header row of service names")
    names = rows[0][1:]
    calls: list[tuple[str, str]] = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) - 1 > len(names):
            raise TelemetryError(
                f"{path}: row {number} has {len(row) - 1} cells, the header names {len(names)}; "
                "make the matrix square"
            )
        for name, cell in zip(names, row[1:], strict=False):
            if _number(path, number, name, cell) not in (None, 0.0):
                calls.append((row[0], name))
    return Topology.of([*names, *(row[0] for row in rows[1:])], calls)


def read_metrics(path: Path) -> Metrics:
    """Read a metrics table with three header rows."""
    rows = _rows(path)
    if len(rows) < _HEADERS:
        raise TelemetryError(
            f"{path}: {len(rows)} rows; expected three header rows (service, metric, statistic)"
        )
    width = min(len(row) for row in rows[:3])
    keys = [(rows[0][i], rows[1][i], rows[2][i]) for i in range(1, width)]
    # pandas writes the name of the index on a line of its own below the headers.
    first = 4 if len(rows) > _HEADERS and not any(rows[3][1:]) and not _is_number(rows[3][0]) else 3
    samples: dict[int, list[float | None]] = {}
    for number, row in enumerate(rows[first:], start=first + 1):
        samples[_time(path, number, row[0])] = [
            _number(path, number, "/".join(key), row[i]) if i < len(row) else None
            for i, key in enumerate(keys, start=1)
        ]
    times = sorted(samples)
    return Metrics(
        times_s=tuple(times),
        series={key: tuple(samples[t][i] for t in times) for i, key in enumerate(keys)},
    )


def read_target(path: Path) -> tuple[Target, str | None]:
    """Read the violated service level and, when it is there, the true root cause."""
    content = _object(path)
    target = _part(content.get("target"))
    try:
        found = Target(
            service=str(target["node"]),
            metric=str(target["metric"]),
            statistic=str(target.get("agg") or "Average"),
            at_s=int(float(str(target["timestamp"]))),
        )
    except (KeyError, ValueError) as error:
        raise TelemetryError(
            f"{path}: `target` needs node, metric and a numeric timestamp; got {target!r}"
        ) from error
    truth = _part(content.get("root_cause")).get("node")
    return found, None if truth is None else str(truth)


def _object(path: Path) -> Mapping[str, object]:
    try:
        return _part(cast(object, json.loads(path.read_text(encoding="utf-8-sig"))))
    except (OSError, json.JSONDecodeError) as error:
        raise TelemetryError(f"{path}: not readable as JSON ({error})") from error


def _part(value: object) -> Mapping[str, object]:
    return cast(Mapping[str, object], value) if isinstance(value, dict) else {}


def _rows(path: Path) -> list[Sequence[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise TelemetryError(f"{path}: not readable as CSV ({error})") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _time(path: Path, row: int, cell: str) -> int:
    value = _number(path, row, "index", cell)
    if value is None:
        raise TelemetryError(f"{path}: row {row} has no time; expected Unix seconds")
    return int(value)


def _number(path: Path, row: int, column: str, cell: str) -> float | None:
    if cell.lower() in _MISSING:
        return None
    try:
        value = float(cell)
    except ValueError as error:
        raise TelemetryError(
            f"{path}: row {row}, column {column}: {cell!r} is not a number; "
            "leave the cell empty where a sample is missing"
        ) from error
    return value if math.isfinite(value) else None
