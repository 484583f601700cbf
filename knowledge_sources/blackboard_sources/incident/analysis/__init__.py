"""Pure judgements about an incident: plain data in, plain data out; no clock, no chance."""

from __future__ import annotations

from .attribution import attribute_failures, attribute_latency
from .claim import Claim, Refutation
from .common import common_cause
from .corroboration import Support, corroborate
from .detection import detect_central, detect_errors, detect_tail, detect_traffic
from .explained import KINDS, explain
from .intake import signals_of
from .reach import object_reach, object_timing
from .sceptic import doubt
from .signal import Measure, Signal
from .ticket import Ticket, open_ticket
from .topology import Topology
from .verdict import Verdict, anomaly_weight, fault_weight, judge, rank_all

__all__ = [
    "KINDS",
    "Claim",
    "Measure",
    "Refutation",
    "Signal",
    "Support",
    "Ticket",
    "Topology",
    "Verdict",
    "anomaly_weight",
    "attribute_failures",
    "attribute_latency",
    "common_cause",
    "corroborate",
    "detect_central",
    "detect_errors",
    "detect_tail",
    "detect_traffic",
    "doubt",
    "explain",
    "fault_weight",
    "judge",
    "object_reach",
    "object_timing",
    "open_ticket",
    "rank_all",
    "signals_of",
]
