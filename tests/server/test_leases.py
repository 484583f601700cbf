"""Leases lapse when they should, and never when they were renewed."""

import asyncio

import pytest

from blackboard.core.errors import Rejected
from blackboard.core.ready import Offer
from blackboard.server.leases import LeaseTable, LiveLease
from tests.server.virtual import run_virtually


def offer(activation: int = 1, token: int = 1, *, agent: str = "a", board: str = "b", **times: int) -> Offer:
    terms = {"lease_ms": 1_000, "accept_ms": 300, "timeout_ms": 5_000} | times
    return Offer(
        board=board,
        activation=activation,
        token=token,
        agent=agent,
        source="s",
        variables=(),
        entries=(),
        attempt=1,
        **terms,
    )


class Watched:
    """A table that notes when each lease lapsed, in milliseconds since the start."""

    def __init__(self) -> None:
        self.lapses: list[tuple[int, int, bool]] = []
        self.table = LeaseTable(self.lapsed)
        self.start = asyncio.get_running_loop().time()

    def lapsed(self, lease: LiveLease) -> None:
        elapsed_ms = round((asyncio.get_running_loop().time() - self.start) * 1_000)
        self.lapses.append((lease.offer.token, elapsed_ms, lease.accepted))


def test_an_offer_that_nobody_accepts_lapses():
    """After `accept_ms` the lease lapses, unaccepted."""

    async def main() -> None:
        watched = Watched()
        watched.table.arm(offer())
        await asyncio.sleep(1)
        assert watched.lapses == [(1, 300, False)]
        assert len(watched.table) == 0

    run_virtually(main())


def test_an_accepted_lease_lasts_one_term():
    """Acceptance starts the first term of `lease_ms`."""

    async def main() -> None:
        watched = Watched()
        watched.table.arm(offer())
        await asyncio.sleep(0.2)
        watched.table.renew("b", 1, 1, agent="a")
        await asyncio.sleep(3)
        assert watched.lapses == [(1, 1_200, True)]

    run_virtually(main())


def test_a_lease_shorter_than_its_wait_for_acceptance_lasts_one_term():
    """Acceptance may bring the end nearer; the place among the timers moves with it."""

    async def main() -> None:
        watched = Watched()
        watched.table.arm(offer(accept_ms=3_000))
        await asyncio.sleep(0.2)
        watched.table.renew("b", 1, 1, agent="a")
        await asyncio.sleep(0.5)
        watched.table.renew("b", 1, 1, agent="a")
        await asyncio.sleep(4)
        assert watched.lapses == [(1, 1_700, True)]

    run_virtually(main())


def test_renewals_go_on_until_the_timeout_and_no_longer():
    """A lease renewed again and again ends `timeout_ms` after its offer."""

    async def main() -> None:
        watched = Watched()
        watched.table.arm(offer())
        for _ in range(24):
            watched.table.renew("b", 1, 1, agent="a")
            await asyncio.sleep(0.2)
        assert watched.lapses == []
        await asyncio.sleep(1)
        assert watched.lapses == [(1, 5_000, True)]

    run_virtually(main())


def test_a_lease_after_a_restart_gets_one_full_term():
    """Re-armed as accepted, it lasts `lease_ms`."""

    async def main() -> None:
        watched = Watched()
        watched.table.arm(offer(), accepted=True)
        await asyncio.sleep(2)
        assert watched.lapses == [(1, 1_000, True)]

    run_virtually(main())


def test_a_lease_that_ended_does_not_lapse():
    """Dropping disarms; dropping an older token of the same activation does not."""

    async def main() -> None:
        watched = Watched()
        watched.table.arm(offer(token=1))
        watched.table.drop("b", 1, 1)
        watched.table.arm(offer(token=2))
        watched.table.drop("b", 1, 1)
        await asyncio.sleep(1)
        assert watched.lapses == [(2, 300, False)]

    run_virtually(main())


def test_many_leases_lapse_in_order_of_their_terms():
    """One timer serves them all."""

    async def main() -> None:
        watched = Watched()
        for number, accept_ms in enumerate((500, 100, 300, 200), start=1):
            watched.table.arm(offer(number, number, accept_ms=accept_ms))
        await asyncio.sleep(1)
        assert [(token, at) for token, at, _ in watched.lapses] == [(2, 100), (4, 200), (3, 300), (1, 500)]

    run_virtually(main())


@pytest.mark.parametrize(
    ("board", "activation", "token", "agent"),
    [("x", 1, 1, "a"), ("b", 2, 1, "a"), ("b", 1, 9, "a"), ("b", 1, 1, "z")],
)
def test_renewing_what_one_does_not_hold_is_stale(board: str, activation: int, token: int, agent: str):
    """Board, activation, token and agent must all be those of the live lease."""

    async def main() -> None:
        watched = Watched()
        watched.table.arm(offer())
        with pytest.raises(Rejected) as caught:
            watched.table.renew(board, activation, token, agent=agent)
        assert caught.value.code == "stale_token"
        watched.table.close()

    run_virtually(main())


def test_the_leases_of_an_agent_are_found_for_its_return():
    """Only live leases of that agent are listed."""

    async def main() -> None:
        watched = Watched()
        watched.table.arm(offer(1, 1, agent="a"))
        watched.table.arm(offer(2, 2, agent="z"))
        watched.table.arm(offer(3, 3, agent="a"))
        watched.table.drop("b", 1, 1)
        assert [lease.offer.token for lease in watched.table.of_agent("a")] == [3]
        watched.table.close()

    run_virtually(main())


def test_ended_leases_are_forgotten_in_bulk():
    """The heap stays in proportion to the live leases."""

    async def main() -> None:
        watched = Watched()
        for number in range(5_000):
            watched.table.arm(offer(number, number))
            watched.table.drop("b", number, number)
        assert len(watched.table._heap) < 2_000
        watched.table.arm(offer(7, 9_999))
        await asyncio.sleep(1)
        assert watched.lapses == [(9_999, 300, False)]

    run_virtually(main())
