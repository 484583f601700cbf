"""Every source matters, and none is enough.

A fixed set of incidents: four from the simulator, and one of every kind injected into simulated normal
operation. Sources without an opinion of their own (the scaffold) are kept where a source is tried alone.
"""

import random

import pytest
from blackboard_sources.incident.simulate import simulate, simulate_normal
from blackboard_sources.incident.team import SCAFFOLD, TEAM
from blackboard_sources.incident.telemetry import Incident
from incident_kit import Ending, diagnose
from injector import KINDS, inject

SIMULATED = (100, 101, 102, 103)
SAMPLES, HELD_OUT = 300, 60

Cases = list[tuple[Incident, str]]


def injected(kind: str) -> tuple[Incident, str]:
    """The first incident of a kind that some seed allows: not every graph has a service that can starve."""
    for seed in range(200, 260):
        normal = simulate_normal(random.Random(seed), samples=SAMPLES)
        found = inject(
            normal.topology,
            normal.metrics,
            random.Random(f"{kind}{seed}"),
            kind=kind,
            front=normal.front,
            held_out=HELD_OUT,
        )
        if found is not None:
            return found.incident, found.truth
    raise AssertionError(f"no graph of sixty allows {kind}")


@pytest.fixture(scope="module")
def cases() -> Cases:
    """The incidents, each with its truth."""
    made = [simulate(random.Random(seed)) for seed in SIMULATED]
    return [(each.incident, each.root_cause) for each in made] + [injected(kind) for kind in KINDS]


@pytest.fixture(scope="module")
def whole() -> dict[int, Ending]:
    """How the whole board judged; filled by the first test that needs it."""
    return {}


async def on_whole_board(cases: Cases, whole: dict[int, Ending], number: int) -> Ending:
    if number not in whole:
        whole[number] = await diagnose(cases[number][0])
    return whole[number]


@pytest.mark.parametrize("name", [name for name in TEAM if name not in SCAFFOLD])
async def test_a_source_alone_scores_below_the_board(
    name: str, cases: Cases, whole: dict[int, Ending]
) -> None:
    """With the scaffold that lifts what it says to root causes and counts it."""
    alone = [(await diagnose(incident, [name, *SCAFFOLD])).hits(truth) for incident, truth in cases]
    board = [(await on_whole_board(cases, whole, i)).hits(truth) for i, (_, truth) in enumerate(cases)]
    assert sum(board) >= len(cases) - 2
    assert sum(alone) < sum(board)


@pytest.mark.parametrize("name", TEAM)
async def test_leaving_out_a_source_changes_the_evidence(
    name: str, cases: Cases, whole: dict[int, Ending]
) -> None:
    """On at least one of the incidents: another belief, or another entry."""
    rest = [each for each in TEAM if each != name]
    for number, (incident, _) in enumerate(cases):
        board = await on_whole_board(cases, whole, number)
        without = await diagnose(incident, rest)
        if without.beliefs != board.beliefs or without.outcome != board.outcome:
            return
    pytest.fail(f"{name} changes nothing on any of {len(cases)} incidents")
