"""The recorded training incidents, where the data set lies beside the project."""

import pytest
from blackboard_sources.incident.telemetry import read_folder
from incident_kit import DATA, diagnose

SCENARIOS = ("low_traffic", "high_traffic")
TOP1_MIN = 0.9


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"incident data set absent: {DATA} is no folder")
async def test_recorded_incidents_are_found() -> None:
    """At least nine of ten first, all among the first three; every board ends solved."""
    first = third = total = 0
    for scenario in SCENARIOS:
        for incident, truth in read_folder(DATA / scenario):
            found = await diagnose(incident)
            assert truth is not None
            assert found.outcome == "solved"
            first, third, total = first + found.hits(truth), third + found.hits(truth, 3), total + 1
    assert total == 16
    assert first >= TOP1_MIN * total
    assert third == total
