"""What a source hands back: a judgement with its strength, its reason and its premises."""

from __future__ import annotations

from dataclasses import dataclass

from .signal import SignalKey

__all__ = ["Claim", "Refutation"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A judgement that a hypothesis holds, about a service and an aspect or kind of fault."""

    service: str
    about: str
    confidence: float
    reason: str
    rests_on: tuple[SignalKey, ...]


@dataclass(frozen=True, slots=True)
class Refutation:
    """A judgement that a hypothesis does not hold, at full strength `confidence`.

    `by` names the anomaly that does the refuting (service, aspect); `None` when
    the source itself objects and posts an entry of its own.
    """

    service: str
    about: str
    confidence: float
    reason: str
    rests_on: tuple[SignalKey, ...]
    by: SignalKey | None = None
