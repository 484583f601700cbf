"""Fifteen independent knowledge sources that find the root cause of an incident, a module each.

Every one sees only what is on the board. They never call each other; beliefs combine on the board.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MODULES"]

MODULES: Final = (
    "central_detector",
    "tail_detector",
    "error_detector",
    "traffic_detector",
    "sceptic",
    "timing_witness",
    "fault_namer",
    "latency_accountant",
    "failure_accountant",
    "cause_namer",
    "reach_witness",
    "reducer",
    "corroborator",
    "common_cause_finder",
    "judge",
)
"""The modules of this package that hold one source each."""
