"""Reading folders: what is forgiven, and what is refused with its place."""

import random
from pathlib import Path

import pytest
from blackboard_sources.incident.simulate import simulate
from blackboard_sources.incident.telemetry import (
    TelemetryError,
    read_folder,
    read_graph,
    read_metrics,
    read_target,
)
from incident_folder import write_issue, write_scenario

HEADERS = "service,a,a\nmetric,latency,requests\nstatistic,Average,Sum\n"


def written(folder: Path, text: str, name: str = "metrics.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_reads_as_it_was_written(tmp_path: Path) -> None:
    """Graph, history, window, target and truth; train before test is the alphabet's choice."""
    made = simulate(random.Random(5))
    write_scenario(tmp_path, made.incident)
    write_issue(tmp_path / "train" / "issue_10", made.incident, truth=made.root_cause)
    write_issue(tmp_path / "train" / "issue_2", made.incident, truth=made.root_cause)
    write_issue(tmp_path / "test" / "issue_0", made.incident, truth=None)
    found = list(read_folder(tmp_path))
    assert [(incident.name, truth) for incident, truth in found] == [
        ("test/issue_0", None),
        ("train/issue_2", made.root_cause),
        ("train/issue_10", made.root_cause),
    ]
    assert found[0][0].topology == made.incident.topology
    assert found[0][0].window == made.incident.window
    assert found[0][0].history == made.incident.history
    assert found[0][0].target == made.incident.target


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_cells_may_be_missing(tmp_path: Path, mark: str) -> None:
    """Empty, a word for nothing, or not there at all; so may a byte order mark."""
    found = read_metrics(written(tmp_path, f"{mark}{HEADERS}0.0,1.5,\n300,NaN,7\n600,2\n"))
    assert found.times_s == (0, 300, 600)
    assert found.series == {
        ("a", "latency", "Average"): (1.5, None, 2.0),
        ("a", "requests", "Sum"): (None, 7.0, None),
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (HEADERS + "0,1,2\n300,fast,2\n", ("row 5", "a/latency/Average", "'fast'", "leave the cell empty")),
        (HEADERS + "0,1,2\nnoon,1,2\n", ("row 5", "index", "'noon'")),
        (HEADERS + "0,1,2\n,1,2\n", ("row 5", "no time")),
        ("service,a\n", ("1 rows", "three header rows")),
        ("", ("0 rows", "three header rows")),
    ],
)
def test_malformed_metrics_are_refused_with_their_place(
    tmp_path: Path, text: str, parts: tuple[str, ...]
) -> None:
    """File, row, column, what came and what to do."""
    path = written(tmp_path, text)
    with pytest.raises(TelemetryError) as caught:
        read_metrics(path)
    assert all(part in str(caught.value) for part in (str(path), *parts))


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "empty"), (",a,b\na,0,x\n", "'x' is not a number"), (",a\na,0,1\n", "row 2 has 2 cells")],
)
def test_malformed_graphs_are_refused(tmp_path: Path, text: str, part: str) -> None:
    """With the file and what is wrong."""
    path = written(tmp_path, text, "graph.csv")
    with pytest.raises(TelemetryError, match=r"graph\.csv") as caught:
        read_graph(path)
    assert part in str(caught.value)


def test_a_graph_may_have_cycles_and_lonely_services(tmp_path: Path) -> None:
    """An empty cell is no call."""
    graph = read_graph(written(tmp_path, ",a,b,c\na,0,1,\nb,1.0,0,0\n", "graph.csv"))
    assert graph.services == ("a", "b", "c")
    assert graph.callees_of("a") == ("b",)
    assert graph.callees_of("b") == ("a",)


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "{}",
        '{"target": {"node": "a"}}',
        '{"target": {"node": "a", "metric": "latency", "timestamp": "noon"}}',
    ],
)
def test_a_target_without_its_parts_is_refused(tmp_path: Path, text: str) -> None:
    """It says which."""
    with pytest.raises(TelemetryError, match=r"target\.json"):
        read_target(written(tmp_path, text, "target.json"))


@pytest.mark.parametrize(
    "cause", ["", ', "root_cause": {}', ', "root_cause": null', ', "root_cause": {"node": null}']
)
def test_a_root_cause_may_be_absent(tmp_path: Path, cause: str) -> None:
    """It is what is looked for."""
    text = '{"target": {"node": "a", "metric": "latency", "timestamp": 5.0}' + cause + "}"
    target, truth = read_target(written(tmp_path, text, "target.json"))
    assert (target.statistic, target.at_s, truth) == ("Average", 5, None)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A scenario without its normal history, for instance."""
    written(tmp_path, ",a\na,0\n", "graph.csv")
    with pytest.raises(TelemetryError, match=r"noissue.metrics\.csv"):
        list(read_folder(tmp_path))
