"""`examples/incident/run.py`, end to end: a real server, agents in other processes, a folder of incidents."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from blackboard_sources.incident.simulate import simulate
from incident_folder import write_issue, write_scenario

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "incident" / "run.py"
SECONDS_MAX = 60
EASY_SEEDS = (100, 101)


def run(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenarios: one incident whose cause is known, one whose cause is a secret."""
    folder = tmp_path_factory.mktemp("incidents")
    for seed, part, is_secret in zip(EASY_SEEDS, ("train", "test"), (False, True), strict=True):
        made = simulate(random.Random(seed))
        write_scenario(folder / f"scenario_{seed}", made.incident)
        issue = folder / f"scenario_{seed}" / part / "issue_0"
        write_issue(issue, made.incident, truth=None if is_secret else made.root_cause)
    return folder


def test_a_folder_is_diagnosed(folder: Path) -> None:
    """Recall where the cause is known, a ranking of all services everywhere, progress on standard error."""
    done = run("--data", folder, "--json", "--normal", 1)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["issues"], report["top1"], report["top3"]) == (2, 1.0, 1.0)
    assert (report["solved"], report["normal_windows"]) == (2, 2)
    secret, known = report["by_scenario"]["scenario_101"], report["by_scenario"]["scenario_100"]
    assert (secret["top1"], secret["top3"], secret["issues"]) == (None, None, 1)
    assert (known["top1"], known["top3"], known["issues"]) == (1.0, 1.0, 1)
    assert sorted(report["ranking"]) == ["scenario_100/train/issue_0", "scenario_101/test/issue_0"]
    for seed, part in zip(EASY_SEEDS, ("train", "test"), strict=True):
        made = simulate(random.Random(seed))
        ranking = report["ranking"][f"scenario_{seed}/{part}/issue_0"]
        assert sorted(ranking) == sorted(made.incident.topology.services)
        assert ranking[0] == made.root_cause
    assert report["activations"] > 30
    assert "[all sources 4/4]" in done.stderr


def test_one_scenario_is_a_folder_too(folder: Path) -> None:
    """And people read a table."""
    done = run("--data", folder / "scenario_100", "--normal", 0)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[:3] == ["scenario", "metric", "issues"]
    assert done.stdout.splitlines()[-1].split()[:4] == ["all", "1", "1.000", "1.000"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [((), "no such folder"), (("x",), "graph.csv"), (("x", "x/graph.csv"), "noissue")],
    ids=["absent", "empty", "no history"],
)
def test_a_wrong_folder_is_refused(tmp_path: Path, made: tuple[str, ...], expected: str) -> None:
    """With what was expected, and without a traceback."""
    for name in made:
        path = tmp_path / "data" / name
        if path.suffix:
            path.write_text(",a\na,0\n", encoding="utf-8")
            (path.parent / "train" / "issue_0").mkdir(parents=True)
        else:
            path.mkdir(parents=True)
    done = run("--data", tmp_path / "data")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_incidents_is_refused(folder: Path, tmp_path: Path) -> None:
    """A graph and a history alone leave nothing to diagnose."""
    made = simulate(random.Random(1))
    write_scenario(tmp_path / "calm", made.incident)
    done = run("--data", tmp_path)
    assert done.returncode == 2
    assert "no incident found" in done.stderr
