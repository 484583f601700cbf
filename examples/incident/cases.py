"""What is diagnosed: incidents as a folder holds them, and windows of normal operation beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blackboard_sources.incident.telemetry import Incident, Metrics, TelemetryError, read_folder

__all__ = ["Case", "Scenario", "read_scenarios"]

WINDOW_DEFAULT = 5


@dataclass(frozen=True, slots=True)
class Case:
    """An incident to diagnose; `truth` is `None` where the folder does not say."""

    name: str
    incident: Incident
    truth: str | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One folder: its incidents, and windows in which nothing was wrong."""

    name: str
    cases: tuple[Case, ...]
    normal: tuple[Case, ...]


def read_scenarios(folder: Path, *, limit: int | None, normal: int, shift_s: int = 0) -> list[Scenario]:
    """Read one scenario folder, or a folder of them.

    Args:
        folder: The folder.
        limit: Read at most so many incidents of each scenario; `None` reads all.
        normal: How many windows of normal operation to add to each scenario.
        shift_s: How much later than it was the ticket of each incident comes, seconds.

    Raises:
        TelemetryError: When nothing is found, or something is malformed.
    """
    scenarios = [_read(each, limit, normal, shift_s) for each in _scenario_folders(folder)]
    if not any(scenario.cases for scenario in scenarios):
        raise TelemetryError(
            f"{folder}: no incident found; expected train/issue_*/ or test/issue_*/ in each scenario folder, "
            "each with metrics.csv and target.json"
        )
    return scenarios


def _scenario_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise TelemetryError(f"{folder}: no such folder; pass --data the folder that holds the scenarios")
    if (folder / "graph.csv").is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/graph.csv"))
    if not found:
        raise TelemetryError(
            f"{folder}: neither it nor a folder in it has a graph.csv; expected SCENARIO/graph.csv, "
            "SCENARIO/noissue/metrics.csv and SCENARIO/train/issue_*/ or SCENARIO/test/issue_*/"
        )
    return found


def _read(folder: Path, limit: int | None, normal: int, shift_s: int = 0) -> Scenario:
    name = folder.resolve().name
    cases: list[Case] = []
    for incident, truth in read_folder(folder):
        if limit is not None and len(cases) >= limit:
            break
        moved = replace(incident, target=replace(incident.target, at_s=incident.target.at_s + shift_s))
        cases.append(Case(f"{name}/{incident.name}", moved, truth))
    return Scenario(name, tuple(cases), tuple(_normal_windows(name, cases, normal)))


def _normal_windows(name: str, cases: Sequence[Case], count: int) -> list[Case]:
    """Cut windows evenly out of the normal history; each is complained about as the incidents are.

    The window is taken out of the history that it is compared with.
    """
    if not cases:
        return []
    history = cases[0].incident.history
    total, found = len(history.times_s), list[Case]()
    for number in range(count):
        model = cases[number % len(cases)].incident
        size = len(model.window.times_s) or WINDOW_DEFAULT
        start = (number * (total - size)) // max(1, count)
        if size >= total or start + size > total:
            break
        window = _rows(history, range(start, start + size))
        rest = _rows(history, [*range(start), *range(start + size, total)])
        target = replace(model.target, at_s=window.times_s[size // 2])
        incident = Incident(f"normal_{number}", model.topology, rest, window, target)
        found.append(Case(f"{name}/normal_{number}", incident, None))
    return found


def _rows(metrics: Metrics, rows: Sequence[int]) -> Metrics:
    return Metrics(
        times_s=tuple(metrics.times_s[i] for i in rows),
        series={key: tuple(values[i] for i in rows) for key, values in metrics.series.items()},
    )
