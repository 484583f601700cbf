"""The whole team of fifteen, for agents that work for several sources in one process.

`python -m blackboard_sources.worker --module blackboard_sources.incident.team` is such an agent.
"""

from __future__ import annotations

from typing import Final

from blackboard.authoring import KnowledgeSource

from .sources.cause_namer import cause_namer
from .sources.central_detector import central_detector
from .sources.common_cause_finder import common_cause_finder
from .sources.corroborator import corroborator
from .sources.error_detector import error_detector
from .sources.failure_accountant import failure_accountant
from .sources.fault_namer import fault_namer
from .sources.judge import judge
from .sources.latency_accountant import latency_accountant
from .sources.reach_witness import reach_witness
from .sources.reducer import reducer
from .sources.sceptic import sceptic
from .sources.tail_detector import tail_detector
from .sources.timing_witness import timing_witness
from .sources.traffic_detector import traffic_detector

__all__ = ["SCAFFOLD", "TEAM"]

TEAM: Final[dict[str, KnowledgeSource]] = {
    source.name: source
    for source in (
        central_detector,
        tail_detector,
        error_detector,
        traffic_detector,
        sceptic,
        timing_witness,
        fault_namer,
        latency_accountant,
        failure_accountant,
        cause_namer,
        reach_witness,
        reducer,
        corroborator,
        common_cause_finder,
        judge,
    )
}
"""Every source by its name."""

SCAFFOLD: Final = (fault_namer.name, cause_namer.name, judge.name)
"""Sources without an opinion of their own: they lift what others say, and count it."""
