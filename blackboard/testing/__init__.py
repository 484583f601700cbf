"""The test kit: a board in memory on a virtual clock, run by the real engine.

async with TestBoard(deploy_correlator) as board:
    await board.post(Deploy(service="pay", version="v42", at=1000))
    await board.post(ErrorSpike(service="pay", at=1060, ratio=5), confidence=0.9)
    await board.settle()
    assert board.entries(Cause)[0].data.version == "v42"

`check_source` checks that a source keeps to what every source promises.
"""

from __future__ import annotations

from blackboard.testing.board import TestBoard
from blackboard.testing.clock import VirtualClock
from blackboard.testing.conformance import check_source
from blackboard.testing.transcript import transcript

__all__ = ["TestBoard", "VirtualClock", "check_source", "transcript"]
