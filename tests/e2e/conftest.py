"""Whatever passes the servers of these tests is validated, too."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def frames_of_children_are_described(recorded_children: Path) -> Path:
    """Have every server process record its frames."""
    return recorded_children
