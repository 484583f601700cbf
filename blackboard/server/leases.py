"""The shell's timers of live leases.

Renewals are not logged: they live here, on the monotonic clock. A lease lapses `accept_ms` after its offer
unless it is accepted, then `lease_ms` after each renewal, and `timeout_ms` after its offer in any case. At
the lapse `lapsed` is called, and the server submits `ExpireLease` to the board; the engine decides. After a
restart every live lease gets one full term.

One heap and one timer of the loop serve all leases. A renewal only changes the lease; its place in the heap
is corrected when it comes to the top, so that renewing costs a dictionary access. Only an acceptance that
shortens the wait (`lease_ms` below what is left of `accept_ms`) takes a new place; the old one counts no
more.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from blackboard.core.errors import Rejected
from blackboard.core.ready import Offer

__all__ = ["Lapse", "LeaseTable", "LiveLease"]

_Key: TypeAlias = tuple[str, int]

_ENDED_KEPT: Final = 1_024


class LiveLease:
    """One live lease.

    Args:
        offer: What was offered, to be sent again when its agent comes back.
        now: Monotonic seconds.
    """

    __slots__ = ("accepted", "due", "latest", "offer", "placed")

    def __init__(self, offer: Offer, now: float) -> None:
        self.offer = offer
        self.accepted = False
        self.latest = now + offer.timeout_ms / 1_000
        self.due = min(now + offer.accept_ms / 1_000, self.latest)
        self.placed = self.due


Lapse: TypeAlias = Callable[[LiveLease], None]
"""Called once when a lease lapses; it is no longer in the table then."""


class LeaseTable:
    """All live leases of a server, by board and activation.

    Args:
        lapsed: Called when one lapses.
    """

    def __init__(self, lapsed: Lapse) -> None:
        self._lapsed = lapsed
        self._loop = asyncio.get_running_loop()
        self._leases: dict[_Key, LiveLease] = {}
        self._heap: list[tuple[float, int, LiveLease]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[LiveLease]:
        return iter(self._leases.values())

    def arm(self, offer: Offer, *, accepted: bool = False) -> None:
        """Start the timer of a lease; `accepted` gives it one full term, as after a restart."""
        now = self._loop.time()
        lease = LiveLease(offer, now)
        if accepted:
            self._extend(lease, now)
        self._leases[offer.board, offer.activation] = lease
        self._push(lease)

    def renew(self, board: str, activation: int, token: int, *, agent: str) -> None:
        """Accept or renew a lease: it now lasts for one term more, but not beyond the source's timeout.

        Raises:
            Rejected: `stale_token` if this is not the live lease of that agent.
        """
        lease = self._leases.get((board, activation))
        if lease is None or lease.offer.token != token or lease.offer.agent != agent:
            raise Rejected(
                "stale_token",
                f"agent {agent!r} holds no live lease with token {token} on activation {activation}"
                f" of board {board!r}",
            )
        self._extend(lease, self._loop.time())
        if lease.due < lease.placed:
            self._push(lease)

    def drop(self, board: str, activation: int, token: int) -> None:
        """Disarm a lease that ended; a later lease of the same activation is left alone."""
        lease = self._leases.get((board, activation))
        if lease is not None and lease.offer.token == token:
            del self._leases[board, activation]
            self._compact()

    def end(self, board: str, activation: int) -> None:
        """Disarm whatever lease an activation has; its end is recorded, so no later one was granted yet."""
        lease = self._leases.get((board, activation))
        if lease is not None:
            self.drop(board, activation, lease.offer.token)

    def of_agent(self, agent: str) -> Iterator[LiveLease]:
        """Return the live leases of one agent, in the order of the grants."""
        return (lease for lease in self._leases.values() if lease.offer.agent == agent)

    def find(self, board: str, activation: int) -> LiveLease | None:
        """Return the live lease of an activation."""
        return self._leases.get((board, activation))

    def close(self) -> None:
        """Disarm everything."""
        self._leases.clear()
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_live(self, lease: LiveLease) -> bool:
        return self._leases.get((lease.offer.board, lease.offer.activation)) is lease

    @staticmethod
    def _extend(lease: LiveLease, now: float) -> None:
        lease.accepted = True
        lease.due = min(now + lease.offer.lease_ms / 1_000, lease.latest)

    def _push(self, lease: LiveLease) -> None:
        self._place(lease)
        self._set_timer()

    def _place(self, lease: LiveLease) -> None:
        self._count += 1
        lease.placed = lease.due
        heapq.heappush(self._heap, (lease.due, self._count, lease))

    def _compact(self) -> None:
        """Forget ended leases once they outnumber the live ones by far."""
        if len(self._heap) > 2 * len(self._leases) + _ENDED_KEPT:
            self._heap = [each for each in self._heap if self._is_live(each[2])]
            heapq.heapify(self._heap)

    def _set_timer(self) -> None:
        if not self._heap:
            return
        first = self._heap[0][0]
        if self._timer is not None:
            if self._timer.when() <= first:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(first, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        heap = self._heap
        while heap and heap[0][0] <= now:
            place, _, lease = heapq.heappop(heap)
            if place != lease.placed or not self._is_live(lease):
                continue
            if lease.due > now:
                self._place(lease)
                continue
            offer = lease.offer
            del self._leases[offer.board, offer.activation]
            self._lapsed(lease)
        self._set_timer()
