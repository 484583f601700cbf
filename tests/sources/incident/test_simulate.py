"""The simulator: one seed, one incident, and no truth in it."""

import random
from dataclasses import fields
from statistics import mean

import pytest
from blackboard_sources.incident.simulate import FAULTS, simulate, simulate_normal
from blackboard_sources.incident.telemetry import Incident

SEEDS = range(40)
MADE = {seed: simulate(random.Random(seed)) for seed in SEEDS}


@pytest.mark.parametrize("seed", [0, 7, 23])
def test_a_seed_is_one_incident(seed: int) -> None:
    """Whatever ran before it."""
    random.seed(seed + 1)
    assert simulate(random.Random(seed)) == MADE[seed]


def test_seeds_differ() -> None:
    """All kinds of fault, many services, different graphs, none the same twice."""
    assert {made.fault for made in MADE.values()} == set(FAULTS)
    assert len({made.root_cause for made in MADE.values()}) >= 12
    assert len({made.incident.topology.services for made in MADE.values()}) >= 35


def test_an_incident_holds_what_a_folder_holds() -> None:
    """Nothing else: sources cannot look up the truth."""
    assert {each.name for each in fields(Incident)} == {"name", "topology", "history", "window", "target"}
    assert {made.incident.name for made in MADE.values()} == {"simulated"}


def test_the_front_suffers() -> None:
    """Its users have something to complain about; small faults may hide in the noise of a few samples."""
    worse = 0
    for made in MADE.values():
        target = made.incident.target
        window = made.incident.window.series[target.service, target.metric, target.statistic]
        early, late = ([value for value in part if value is not None] for part in (window[:2], window[3:]))
        rise = mean(late) - mean(early)
        worse += rise > 0.0 if target.metric == "latency" else rise < 0.0
    assert worse >= 0.9 * len(MADE)


def test_back_ends_are_shared_and_somebody_is_not_waited_for() -> None:
    """So that the deepest or the slowest service is not the answer by itself."""
    graphs = [made.incident.topology for made in MADE.values()]
    assert all(any(len(g.callers_of(n)) > 1 for n in g.services if not g.callees_of(n)) for g in graphs)


def test_normal_operation_has_no_window() -> None:
    """As many samples as were asked for, of every service."""
    normal = simulate_normal(random.Random(3), samples=50)
    assert len(normal.metrics.times_s) == 50
    assert {key[0] for key in normal.metrics.series} == set(normal.topology.services)
    assert normal.front in normal.topology.services
