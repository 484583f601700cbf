"""Writes incidents in the folder format that `telemetry` reads."""

import csv
import json
from pathlib import Path

from blackboard_sources.incident.telemetry import Incident, Metrics


def write_scenario(folder: Path, incident: Incident) -> None:
    """Write the graph and the normal history of a scenario."""
    names = incident.topology.services
    rows = [["", *names]]
    rows += [[a, *("1" if b in incident.topology.callees_of(a) else "0" for b in names)] for a in names]
    _write(folder / "graph.csv", rows)
    write_metrics(folder / "noissue" / "metrics.csv", incident.history)


def write_issue(folder: Path, incident: Incident, *, truth: str | None) -> None:
    """Write one incident; without a truth the target names no root cause."""
    write_metrics(folder / "metrics.csv", incident.window)
    target = incident.target
    content: dict[str, object] = {
        "target": {
            "node": target.service,
            "metric": target.metric,
            "agg": target.statistic,
            "timestamp": target.at_s,
        }
    }
    if truth is not None:
        content["root_cause"] = {"node": truth, "metric": None}
    (folder / "target.json").write_text(json.dumps(content), encoding="utf-8")


def write_metrics(path: Path, metrics: Metrics) -> None:
    """Write a table with three header rows and the name of the index below them."""
    keys = sorted(metrics.series)
    rows = [
        [title, *(key[i] for key in keys)] for i, title in enumerate(("microservice", "metric", "statistic"))
    ]
    rows.append(["unix_timestamp", *("" for _ in keys)])
    for i, time_s in enumerate(metrics.times_s):
        values = (metrics.series[key][i] for key in keys)
        rows.append([f"{time_s}.0", *("" if value is None else repr(value) for value in values)])
    _write(path, rows)


def _write(path: Path, rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
