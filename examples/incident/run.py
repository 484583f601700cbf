"""Diagnose a folder of incidents on a real server, and say how often the cause was found.

python examples/incident/run.py --data DIR [--json] [--ablation] [--limit N] [--normal N] [--shift S]

DIR holds scenario folders (or is one), each with graph.csv, noissue/metrics.csv and any of train/ and
test/ with issue_*/metrics.csv and issue_*/target.json; see the README beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena import Result, open_arena
from blackboard_sources.incident.team import SCAFFOLD, TEAM
from blackboard_sources.incident.telemetry import TelemetryError
from cases import Case, Scenario, read_scenarios
from report import recall, scenario_report, summary, table

from blackboard import BlackboardError

NORMAL_DEFAULT = 12
AT_A_TIME = 2
"""Boards that are open at the same time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example and return the exit code: 0 done, 1 failed, 2 the folder or the options are wrong."""
    options = _parser().parse_args(arguments)
    try:
        scenarios = read_scenarios(
            options.data, limit=options.limit, normal=options.normal, shift_s=options.shift
        )
        report = asyncio.run(_run(scenarios, ablation=options.ablation))
    except TelemetryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BlackboardError as error:
        print(f"error: {error.message}\n{error.advice}", file=sys.stderr)
        return 1
    print(json.dumps(report) if options.json else table(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Find the service that caused each incident of a folder.")
    parser.add_argument("--data", required=True, type=Path, help="scenario folder, or a folder of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--ablation", action="store_true", help="repeat with each source left out, and alone")
    parser.add_argument("--limit", type=_count, help="at most so many incidents per scenario")
    parser.add_argument(
        "--normal", type=_count, default=NORMAL_DEFAULT, help="windows of normal operation per scenario [12]"
    )
    parser.add_argument(
        "--shift",
        type=int,
        default=0,
        help="move every ticket by so many seconds, to see what its time matters",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a count; expected 0 or more")
    return int(text)


async def _run(scenarios: Sequence[Scenario], *, ablation: bool) -> dict[str, Any]:
    started = time.monotonic()
    cases = [case for scenario in scenarios for case in scenario.cases]
    normal = [case for scenario in scenarios for case in scenario.normal]
    results = await _diagnose("all sources", [*cases, *normal], list(TEAM))
    found = {result.case.name: result for result in results}
    report = summary([found[case.name] for case in cases], [found[case.name] for case in normal])
    report["by_scenario"] = {
        scenario.name: scenario_report(
            [found[case.name] for case in scenario.cases], [found[case.name] for case in scenario.normal]
        )
        for scenario in scenarios
    }
    report["ranking"] = {case.name: list(found[case.name].diagnosis.ranking) for case in cases}
    report["diagnoses"] = {case.name: _detail(found[case.name]) for case in cases}
    if ablation:
        report["ablation"] = await _ablate(cases, found)
    report["total_seconds"] = round(time.monotonic() - started, 1)
    return report


def _detail(result: Result) -> dict[str, Any]:
    diagnosis, truth = result.diagnosis, result.case.truth
    return {
        "answer": diagnosis.answer,
        "confidence": round(diagnosis.confidence, 4),
        "outcome": diagnosis.outcome,
        "truth": truth,
        "place": diagnosis.ranking.index(truth) + 1 if truth in diagnosis.ranking else None,
        "beliefs": {name: round(belief, 4) for name, belief in diagnosis.beliefs.items()},
        "seconds": round(result.seconds, 3),
        "activations": result.activations,
    }


async def _ablate(cases: Sequence[Case], whole: dict[str, Result]) -> list[dict[str, Any]]:
    """Repeat with each source left out, and with each alone (and the scaffold that lifts what it says)."""
    opinions = [name for name in TEAM if name not in SCAFFOLD]
    variants = {f"without {name}": [each for each in TEAM if each != name] for name in TEAM}
    variants |= {f"only {name}": [name, *SCAFFOLD] for name in opinions}
    rows: list[dict[str, Any]] = []
    for title, names in variants.items():
        results = await _diagnose(title, cases, names)
        changed = sum(_evidence(result) != _evidence(whole[result.case.name]) for result in results)
        row = {"board": title, "issues": len(results), "top1": recall(results, 1), "top3": recall(results, 3)}
        rows.append({**row, "changed": changed})
    return rows


def _evidence(result: Result) -> tuple[dict[str, float], bool]:
    beliefs = {name: round(belief, 6) for name, belief in result.diagnosis.beliefs.items()}
    return beliefs, result.diagnosis.verdict is not None


async def _diagnose(title: str, cases: Sequence[Case], sources: Sequence[str]) -> list[Result]:
    """Diagnose cases on a fresh server with some of the sources, a few at a time."""
    gate = asyncio.Semaphore(AT_A_TIME)
    progress = _Progress(title, len(cases))

    with tempfile.TemporaryDirectory(prefix="blackboard-incident-") as folder:
        async with open_arena(Path(folder), sources) as arena, asyncio.TaskGroup() as group:

            async def one(case: Case) -> Result:
                async with gate:
                    result = await arena.diagnose(case)
                progress.done(result)
                return result

            tasks = [group.create_task(one(case)) for case in cases]
        return [task.result() for task in tasks]


class _Progress:
    """Says on standard error how far a run is."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = total
        self._count = 0

    def done(self, result: Result) -> None:
        """Say that one more case is done."""
        self._count += 1
        answer = result.diagnosis.answer or "no service stands out"
        print(
            f"[{self._title} {self._count}/{self._total}] {result.case.name}: {answer}"
            f"  ({result.seconds:.1f} s, {result.activations} activations)",
            file=sys.stderr,
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
