"""The call graph: who calls whom, and what can reach the incident.

Background for every source. Cycles and unknown names are legal. Iteration is in
name order throughout, so that results never depend on the order of a file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Topology"]

_DOUBT = 1.25
_CLIMB_MAX = 12
"""Longer chains of calls are cut off; this bounds the walk."""


@dataclass(frozen=True, slots=True)
class Topology:
    """A directed call graph; an edge (a, b) means that a calls b."""

    services: tuple[str, ...]
    callees: Mapping[str, tuple[str, ...]]
    callers: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, services: Iterable[str], calls: Iterable[tuple[str, str]]) -> Topology:
        """Build a graph; self-calls are dropped, end points are added to the services."""
        edges = sorted({(a, b) for a, b in calls if a != b})
        names = sorted({*services, *(a for a, _ in edges), *(b for _, b in edges)})
        return cls(
            services=tuple(names),
            callees={n: tuple(b for a, b in edges if a == n) for n in names},
            callers={n: tuple(a for a, b in edges if b == n) for n in names},
        )

    def callees_of(self, service: str) -> tuple[str, ...]:
        """Services that `service` calls directly; empty when it is unknown."""
        return self.callees.get(service, ())

    def callers_of(self, service: str) -> tuple[str, ...]:
        """Services that call `service` directly; empty when it is unknown."""
        return self.callers.get(service, ())

    def depths_from(self, target: str) -> dict[str, int]:
        """Fewest calls from `target` to each service that can hurt it (itself: 0).

        A target that the graph does not know may depend on anything, at depth 1.
        """
        if target not in self.callees:
            return {target: 0, **dict.fromkeys(self.services, 1)}
        depths = {target: 0}
        queue = deque([target])
        while queue:
            here = queue.popleft()
            for callee in self.callees_of(here):
                if callee not in depths:
                    depths[callee] = depths[here] + 1
                    queue.append(callee)
        return depths

    def share_of(self, caller: str, callee: str, volumes: Mapping[str, float]) -> float:
        """Estimate which share of the callee's load stems from one caller, 0..1.

        Requests per edge are not recorded; callers are taken to send in proportion
        to their own traffic, with some benefit of the doubt for each.
        """
        total = sum(volumes.get(name, 0.0) for name in self.callers_of(callee))
        if total <= 0.0:
            return 1.0 / max(1, len(self.callers_of(callee)))
        return min(1.0, _DOUBT * volumes.get(caller, 0.0) / total)

    def share_reaching(self, target: str, service: str, volumes: Mapping[str, float]) -> float:
        """Estimate which share of a service's load stems, directly or not, from the target.

        Walks up from the service; a call that closes a cycle adds nothing.
        """
        return min(1.0, self._climb(target, service, volumes, frozenset()))

    def _climb(self, target: str, service: str, volumes: Mapping[str, float], seen: frozenset[str]) -> float:
        if service == target or target not in self.callees:
            return 1.0
        if service in seen or len(seen) > _CLIMB_MAX:
            return 0.0
        return sum(
            self.share_of(caller, service, volumes) * self._climb(target, caller, volumes, seen | {service})
            for caller in self.callers_of(service)
        )
