"""Scores and tables: how often the true cause came first, or among the first three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from arena import Result

__all__ = ["recall", "scenario_report", "summary", "table"]


def recall(results: Sequence[Result], places: int) -> float | None:
    """Share of the results whose true cause is among the first `places`; `None` if none has a known cause."""
    known = [result for result in results if result.case.truth is not None]
    if not known:
        return None
    hits = sum(result.case.truth in result.diagnosis.ranking[:places] for result in known)
    return round(hits / len(known), 4)


def summary(results: Sequence[Result], normal: Sequence[Result]) -> dict[str, Any]:
    """Figures of some incidents, and of the normal windows that belong to them."""
    alarms = [result for result in normal if result.diagnosis.answer is not None]
    return {
        "issues": len(results),
        "top1": recall(results, 1),
        "top3": recall(results, 3),
        "solved": sum(result.diagnosis.outcome == "solved" for result in results),
        "none_named": sum(result.diagnosis.answer is None for result in results),
        "normal_windows": len(normal),
        "false_alarms": len(alarms),
        "seconds": _mean([result.seconds for result in results]),
        "activations": _mean([float(result.activations) for result in results]),
    }


def scenario_report(results: Sequence[Result], normal: Sequence[Result]) -> dict[str, Any]:
    """Figures of one scenario, whole and by the metric that was complained about."""
    metrics = sorted({result.case.incident.target.metric for result in results})
    return {
        **summary(results, normal),
        "by_metric": {metric: summary(_of(results, metric), _of(normal, metric)) for metric in metrics},
    }


def _of(results: Sequence[Result], metric: str) -> list[Result]:
    return [result for result in results if result.case.incident.target.metric == metric]


def table(report: Mapping[str, Any]) -> str:
    """Lay the figures out for people."""
    lines = [_row("scenario", "metric", "issues", "top-1", "top-3", "false alarms", "s", "activations")]
    for name, scenario in report["by_scenario"].items():
        lines += [_figures(name, metric, figures) for metric, figures in scenario["by_metric"].items()]
    lines.append(_figures("all", "", report))
    if report.get("ablation"):
        lines += ["", _row("sources", "", "issues", "top-1", "top-3", "", "", "changed")]
        for row in report["ablation"]:
            cells = (
                str(row["issues"]),
                _share(row["top1"]),
                _share(row["top3"]),
                "",
                "",
                str(row["changed"]),
            )
            lines.append(_row(row["board"], "", *cells))
    return "\n".join(lines)


def _figures(name: str, metric: str, figures: Mapping[str, Any]) -> str:
    return _row(
        name,
        metric,
        str(figures["issues"]),
        _share(figures["top1"]),
        _share(figures["top3"]),
        f"{figures['false_alarms']} of {figures['normal_windows']}",
        f"{figures['seconds']:.2f}",
        f"{figures['activations']:.0f}",
    )


def _row(*cells: str) -> str:
    widths = (28, 14, 8, 8, 8, 14, 8, 12)
    return "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _mean(values: Sequence[float]) -> float:
    return round(fmean(values), 3) if values else 0.0
