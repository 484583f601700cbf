"""Intake: turns an incident into the entries that open its board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from blackboard.authoring import Hypothesis

from .analysis import Signal as SignalFacts
from .analysis import open_ticket, signals_of
from .telemetry import Incident
from .vocabulary import CallGraph, Signal, Ticket

__all__ = ["case_of"]

_LEADING: Final = ("central", "errors", "tail", "traffic")
"""The first of these aspects that a service has speaks for the service as a whole."""


def case_of(incident: Incident) -> list[Hypothesis]:
    """Return the ticket, the call graph and every signal of an incident, in this order."""
    target = incident.target
    key = (target.service, target.metric, target.statistic)
    ticket = open_ticket(
        service=target.service,
        metric=target.metric,
        statistic=target.statistic,
        at_s=target.at_s,
        times_s=incident.window.times_s,
        target=incident.window.series.get(key) or (None,) * len(incident.window.times_s),
    )
    signals = signals_of(incident.history.series, incident.window.series, ticket)
    topology = incident.topology
    calls = tuple((caller, callee) for caller in topology.services for callee in topology.callees_of(caller))
    return [
        Ticket(
            service=ticket.service,
            metric=ticket.metric,
            statistic=ticket.statistic,
            at_s=ticket.at_s,
            times_s=ticket.times_s,
            before=ticket.before,
            weights=ticket.weights,
        ),
        CallGraph(
            services=topology.services,
            calls=calls,
            volumes={signal.service: signal.volume for signal in signals},
        ),
        *(_signal(signal, signals) for signal in signals),
    ]


def _signal(signal: SignalFacts, signals: Sequence[SignalFacts]) -> Signal:
    aspects = [each.aspect for each in signals if each.service == signal.service]
    leading = next((aspect for aspect in _LEADING if aspect in aspects), None)
    return Signal(
        service=signal.service,
        aspect=signal.aspect,
        measures=signal.measures,
        volume=signal.volume,
        coupling=signal.coupling,
        leads=signal.aspect == leading,
    )
