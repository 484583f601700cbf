"""An engine under test: it keeps the log, watches the rules of the log, and replays it."""

from __future__ import annotations

from collections.abc import Iterable

from blackboard.core import commands as cm
from blackboard.core import events as ev
from blackboard.core.limits import DEFAULT_LIMITS, Limits
from blackboard.core.ready import Ready
from blackboard.core.record import Commit, Record
from blackboard.engine import Engine
from tests.scenarios.invariants import check_invariants

__all__ = ["SALT", "World"]

SALT = bytes(range(16))
"""The same for every record: what chance would bring is fixed here."""


class World:
    """One board, its log, and what must hold between them after every turn.

    Args:
        limits: Bounds of the engine.
        beliefs_settle: See `check_invariants`.
    """

    def __init__(self, *, limits: Limits = DEFAULT_LIMITS, beliefs_settle: bool = True) -> None:
        self.limits = limits
        self.beliefs_settle = beliefs_settle
        self.log: list[Commit] = []
        self.now_ms = 0
        self._leases: dict[int, int] = {}
        self._last_token = 0
        self.engine = self._make()
        self.shadow = self._make()

    def _make(self) -> Engine:
        return Engine("b", salts=lambda: SALT, limits=self.limits)

    def turn(self, requests: Iterable[cm.Request]) -> Ready:
        """Let the engine handle requests at the present time, and check everything."""
        before = self.engine.state_hash()
        revision = self.engine.board.revision
        ready = self.engine.handle(list(requests), self.now_ms)
        changed = self.engine.state_hash() != before
        assert changed == bool(ready.records), "the state changes exactly if something is recorded"
        assert (ready.commit is None) == (not ready.records)
        if ready.commit is not None:
            self.log.append(ready.commit)
            self.shadow.replay(ready.commit)
            assert self.shadow.state() == self.engine.state(), "replay equals live"
            assert [each.revision for each in ready.records] == list(
                range(revision + 1, self.engine.board.revision + 1)
            ), "revisions are gapless"
        for record in ready.records:
            self._follow_leases(record)
        live = {each.activation: each.token for each in self.engine.live_offers()}
        assert live == self._leases_of_live(live), "the log says which leases are live"
        assert ready.deadline_ms is None or ready.deadline_ms > self.now_ms
        check_invariants(self.engine, beliefs_settle=self.beliefs_settle)
        return ready

    def _follow_leases(self, record: Record) -> None:
        match record.event:
            case ev.LeaseGranted(activation=activation, token=token):
                assert token > self._last_token, "tokens grow"
                self._last_token = token
                self._leases[activation] = token
            case ev.ActivationExecuted() | ev.ActivationFailed() | ev.LeaseExpired():
                assert self._leases.pop(record.event.activation) == record.event.token, "at most one lease"
            case ev.ActivationCancelled(activation=activation):
                self._leases.pop(activation, None)
            case _:
                pass

    def _leases_of_live(self, live: dict[int, int]) -> dict[int, int]:
        # A lease also ends, unlogged, by what follows from the log: an obviated activation.
        self._leases = {number: token for number, token in self._leases.items() if number in live}
        return self._leases

    def replayed(self) -> Engine:
        """Return a fresh engine with the log so far, after checking that it is the same as the live one."""
        engine = self._make()
        for commit in self.log:
            engine.replay(commit)
        assert engine.state() == self.engine.state(), "replay equals live"
        assert engine.state_hash() == self.engine.state_hash()
        return engine

    def restart(self) -> None:
        """Go on with the replayed engine, as after a crash."""
        self.engine = self.replayed()
