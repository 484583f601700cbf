"""Control: follows the log of one board, and decides what happens next.

`observe` takes in one recorded event and updates matcher, agenda and roster; it reads no clock, so replaying
a log yields the same control state. `react` looks at that state and the time, and returns the next facts to
record (a lease, a signal, the end), or none when nothing follows. The engine records them, which brings them
back through `observe`, and asks again: that is one cycle. Facts that arise in a cycle belong to the next.

Within one `react` the order is: suspend triggers that outgrew their limit, withdraw what abandoned attempts
left behind, end the board or close it, lease, signal quiescence.

A board is not quiescent before its work has begun: before its first lease it is waiting for the problem to
be posted. Whoever wants to post it in pieces opens the board paused and resumes it; that counts as begun.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from blackboard.core import commands as cm
from blackboard.core import events as ev
from blackboard.core.activation import PENDING, Activation, ActivationId, Lease
from blackboard.core.board import Board, Touched
from blackboard.core.entry import Entry, Premise
from blackboard.core.errors import Rejected
from blackboard.core.ready import Withdrawal
from blackboard.core.record import Record
from blackboard.core.source import SourceDeclaration
from blackboard.core.values import to_fraction, to_millionths
from blackboard_control.agenda import Agenda
from blackboard_control.completion import Goals, Progress, best_answer, deadlines_of, is_spent, judge
from blackboard_control.matcher import NOTHING, Delta, Match, Matcher
from blackboard_control.rating import combine, rate
from blackboard_control.roster import Roster
from blackboard_control.strategy import Key, strategy_named

__all__ = ["Control"]

UNFINISHED = "the attempt that made it did not finish"
NO_LONGER_MATCHES = "a bound entry no longer meets its pattern"
NEW_TRIGGER = "its source has a new trigger"


class Control:
    """The control component of one board.

    Args:
        board: The board it follows; read only.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.roster = Roster()
        self.matcher = Matcher(limits=board.limits)
        self.agenda = Agenda(self._key_of)
        self.leases_granted = 0
        self.last_token = 0
        self.is_begun = False
        self.is_signalled = False
        self.withdrawals: list[Withdrawal] = []
        self.granted: list[ActivationId] = []
        self._goals = Goals((), ())
        self._unmatched: dict[ActivationId, None] = {}
        self._abandoned: dict[ActivationId, None] = {}
        self._suspended: dict[str, None] = {}

    def _key_of(self, activation: Activation) -> Key:
        strategy = strategy_named(self.board.settings.strategy)
        return strategy(activation, self.roster.sources[activation.source].order)

    # Observe

    def observe(self, record: Record, touched: Touched) -> None:
        """Take in one event that was just applied; `touched` is what `apply` returned."""
        if not touched:
            self._observe_event(record, record.event)
            return
        # What touches entries is none of control's own events.
        self.is_signalled = False
        for entry_id, before in touched.items():
            self._observe_entry(record, before, self.board.entries[entry_id])

    def _observe_event(self, record: Record, event: ev.Event) -> None:
        match event:
            case ev.BoardOpened(settings=settings) | ev.SettingsChanged(settings=settings):
                self._goals = Goals(settings.completion, self.board.live_entries())
                self._rerate_all()
            case ev.SourceEnabled():
                self._enabled(record, event.source)
            case ev.SourceDisabled(source=name):
                self.roster.sources[name].is_enabled = False
                self._suspended.pop(name, None)
                self.matcher.remove(name)
            case ev.AgentAttached(agent=agent):
                held = sum(1 for each in self.agenda.in_state("leased") if _lease(each).agent == agent)
                self.roster.attach(agent, event.sources, event.credits, leases=held)
            case ev.BoardResumed():
                self.is_begun = True
            case ev.AgentDetached(agent=agent):
                self.roster.agents.pop(agent, None)
            case ev.LeaseGranted():
                self._leased(record, event)
            case ev.ActivationExecuted():
                self._answered(event.activation)
                self._end_lease(event.activation)
                self.agenda.move(event.activation, "complete", lease=None, reason=event.reason)
            case ev.ActivationFailed():
                self._answered(event.activation)
                self._end_attempt(event.activation, event.retry_ms, event.error)
            case ev.LeaseExpired():
                self._expired(event)
            case ev.ActivationCancelled():
                self._drop(event.activation, "cancel", event.reason or f"cancelled by {event.author}")
            case ev.ActivationRetried():
                self._retry(event.activation, ready_ms=record.time_ms, attempts=0, reason="")
            case ev.QuiescenceSignalled():
                self.is_signalled = True
                for match in self.matcher.signalled("quiescent"):
                    self._trigger(record, match)
                self._note_suspended(self.matcher.take_suspended())
            case ev.BoardEnded():
                for activation in self.agenda.open_activations():
                    self._drop(activation.id, "cancel", "the board has ended")
            case _:
                pass

    def _enabled(self, record: Record, declaration: SourceDeclaration) -> None:
        known = self.roster.sources.get(declaration.name)
        was_enabled = known is not None and known.is_enabled
        changed = known is None or known.trigger_hash != declaration.trigger_hash
        if known is not None and changed:
            # What the old trigger left pending is void; what is leased runs to its end.
            for activation in self.agenda.pending_of(declaration.name):
                self._drop(activation.id, "obviate", NEW_TRIGGER)
        self.roster.enable(declaration)
        if was_enabled and not changed:
            for activation in self.agenda.pending_of(declaration.name):
                self._rerate(activation)
            return
        self.matcher.remove(declaration.name)
        matches = self.matcher.add(
            declaration.name,
            declaration.trigger,
            self.board.live_entries(),
            since_now=declaration.since == "now",
        )
        for match in matches:
            self._trigger(record, match)
        self._note_suspended(self.matcher.take_suspended())
        if declaration.trigger.signal is not None:
            # Its signal may have been given already; it is given again, which fires nobody twice.
            self.is_signalled = False
        for activation in self.agenda.pending_of(declaration.name):
            # While the source was disabled nobody followed what its activations wait for.
            self._unmatched.pop(activation.id, None)
            self._recheck(activation)
            self._rerate(self.agenda.activations[activation.id])

    def _note_suspended(self, sources: tuple[str, ...]) -> None:
        if sources:
            self._suspended.update(dict.fromkeys(sources))

    def _observe_entry(self, record: Record, before: Entry | None, after: Entry) -> None:
        self._goals.update(after)
        if before is not None and (before.version != after.version or before.is_live != after.is_live):
            self._obviate_lost(after)
        delta = self.matcher.update(before, after)
        if delta is not NOTHING:
            self._follow(record, delta)
        if before is not None and before.belief != after.belief:
            for activation in self.agenda.bound_to(after.id):
                self._rerate(activation)

    def _obviate_lost(self, entry: Entry) -> None:
        """Drop what binds an entry that is out, or that has other data by now."""
        for activation in self.agenda.bound_to(entry.id):
            if not entry.is_live or Premise(entry.id, entry.version) not in activation.bindings:
                self._drop(activation.id, "obviate", _loss(entry))

    def _follow(self, record: Record, delta: Delta) -> None:
        for match in delta.unmatched:
            activation = self._found(match)
            if activation is not None and activation.state in PENDING:
                self._unmatched[activation.id] = None
                self._recheck(activation)
        for match in delta.matched:
            self._trigger(record, match)
        for source in delta.recheck:
            for activation in self.agenda.pending_of(source):
                self._recheck(activation)
        self._note_suspended(delta.suspended)

    def _found(self, match: Match) -> Activation | None:
        trigger_hash = self.roster.sources[match.source].trigger_hash
        return self.agenda.find((match.source, trigger_hash, match.bindings))

    def _trigger(self, record: Record, match: Match) -> None:
        activation = self._found(match)
        if activation is None:
            trigger_hash = self.roster.sources[match.source].trigger_hash
            activation = self.agenda.add(match.source, trigger_hash, match.bindings, sequence=record.revision)
        self._unmatched.pop(activation.id, None)
        if activation.state in PENDING:
            self._recheck(activation)

    def _recheck(self, activation: Activation) -> None:
        """Let a pending activation be executable exactly if its precondition holds."""
        if activation.id in self._unmatched:
            blocked: str | None = NO_LONGER_MATCHES
        else:
            blocked = self.matcher.blocked(activation.source, activation.bindings)
        if blocked is not None:
            if activation.state == "backing_off":
                self.agenda.move(activation.id, "ready")
            if activation.state in {"executable", "backing_off"}:
                self.agenda.move(activation.id, "disable", reason=blocked)
            else:
                self.agenda.rerate(activation.id, reason=blocked)
        elif activation.state == "triggered":
            self.agenda.move(activation.id, "enable", reason="", **self._rated(activation))

    def _rated(self, activation: Activation) -> dict[str, Any]:
        declaration = self.roster.sources[activation.source].declaration
        terms = rate(declaration, activation.bindings, self.board.entries, self.board.settings.weights)
        return {"terms": terms, "rating": combine(terms)}

    def _rerate(self, activation: Activation) -> None:
        if activation.state in {"executable", "backing_off"}:
            self.agenda.rerate(activation.id, **self._rated(activation))

    def _rerate_all(self) -> None:
        for state in ("executable", "backing_off"):
            for activation in self.agenda.in_state(state):
                self._rerate(activation)

    # Leases

    def _leased(self, record: Record, event: ev.LeaseGranted) -> None:
        self.is_begun, self.is_signalled = True, False
        self.leases_granted += 1
        self.last_token = event.token
        activation = self.agenda.activations[event.activation]
        if activation.state == "backing_off":
            activation = self.agenda.move(activation.id, "ready")
        lease = Lease(
            token=event.token, agent=event.agent, lease_ms=event.lease_ms, granted_ms=record.time_ms
        )
        self.agenda.move(
            activation.id,
            "lease",
            lease=lease,
            attempts=activation.attempts + 1,
            rating=to_millionths(event.rating),
            terms=event.terms,
            reason="",
        )
        self.roster.lease(event.agent, event.source, 1)
        self.granted.append(activation.id)

    def _answered(self, activation_id: ActivationId) -> None:
        agent = self.roster.agents.get(_lease(self.agenda.activations[activation_id]).agent)
        if agent is not None:
            agent.missed = 0

    def _end_lease(self, activation_id: ActivationId) -> Lease:
        activation = self.agenda.activations[activation_id]
        lease = _lease(activation)
        self.roster.lease(lease.agent, activation.source, -1)
        self.is_signalled = False
        return lease

    def _end_attempt(self, activation_id: ActivationId, retry_ms: int | None, reason: str) -> None:
        self._end_lease(activation_id)
        self._abandoned[activation_id] = None
        if retry_ms is None:
            self.agenda.move(activation_id, "bury", lease=None, reason=reason)
        else:
            self._retry(activation_id, lease=None, ready_ms=retry_ms, reason=reason)

    def _retry(self, activation_id: ActivationId, **changes: Any) -> None:
        """Let an activation wait for its next attempt, unless its precondition turned false meanwhile."""
        activation = self.agenda.move(activation_id, "retry", **changes)
        if self.roster.sources[activation.source].trigger_hash != activation.trigger_hash:
            self._drop(activation_id, "obviate", NEW_TRIGGER)
        elif activation.source in self.matcher:
            self._recheck(activation)

    def _expired(self, event: ev.LeaseExpired) -> None:
        activation = self.agenda.activations[event.activation]
        lease = _lease(activation)
        agent = self.roster.agents.get(lease.agent)
        if agent is not None:
            agent.missed += 1
        reason = f"{lease.agent} did not {'renew' if event.accepted else 'accept'} the lease in time"
        self._withdraw(activation, reason)
        self._end_attempt(event.activation, event.retry_ms, reason)
        if not event.accepted:
            self.agenda.rerate(event.activation, attempts=activation.attempts - 1)

    def _drop(self, activation_id: ActivationId, move: Any, reason: str) -> None:
        """End an activation by anything but its holder's word."""
        activation = self.agenda.activations[activation_id]
        if activation.state == "leased":
            self._withdraw(activation, reason)
            self._end_lease(activation_id)
            self._abandoned[activation_id] = None
        self._unmatched.pop(activation_id, None)
        self.agenda.move(activation_id, move, lease=None, reason=reason)

    def _withdraw(self, activation: Activation, reason: str) -> None:
        lease = _lease(activation)
        self.withdrawals.append(
            Withdrawal(
                board=self.board.id,
                activation=activation.id,
                token=lease.token,
                agent=lease.agent,
                reason=reason,
            )
        )

    # React

    def react(self, now_ms: int) -> list[ev.Event]:
        """Return the facts that follow from the state and the time, or none."""
        if self.board.status in {"new", "ended"}:
            return []
        self.agenda.release_due(now_ms)
        return (
            self._suspend()
            or self._withdraw_abandoned()
            or self._finish(now_ms)
            or self._grant(now_ms)
            or self._signal()
        )

    def _suspend(self) -> list[ev.Event]:
        reason = f"more than {self.board.limits.matches_per_change_max} matches in one change"
        return [ev.SourceDisabled(source=name, reason=reason) for name in self._suspended]

    def _withdraw_abandoned(self) -> list[ev.Event]:
        found: list[ev.Event] = []
        for activation_id in self._abandoned:
            activation = self.agenda.activations[activation_id]
            found += [
                ev.ClaimWithdrawn(
                    entry=entry_id,
                    author=activation.source,
                    activation=activation_id,
                    reason=UNFINISHED,
                )
                for entry_id in self.board.partials.get(activation_id, {})
            ]
            found += [
                ev.LinkWithdrawn(
                    kind=kind,
                    source=source,
                    target=target,
                    author=activation.source,
                    activation=activation_id,
                    reason=UNFINISHED,
                )
                for kind, source, target in self.board.partial_links.get(activation_id, {})
            ]
        self._abandoned.clear()
        return found

    def _finish(self, now_ms: int) -> list[ev.Event]:
        board = self.board
        if board.status == "closing":
            leased = self.agenda.in_state("leased")
            if leased and now_ms < board.closing_until_ms:
                return []
            if leased:
                return [
                    ev.ActivationCancelled(
                        activation=each.id, author="control", reason="the board is closing"
                    )
                    for each in leased
                ]
            assert board.closing_outcome is not None, "a closing board knows its outcome"
            answer = best_answer(board)
            return [ev.BoardEnded(outcome=board.closing_outcome, reason=board.closing_reason, answer=answer)]
        progress = Progress(
            is_quiescent=self.is_signalled and self.is_idle(),
            leases_granted=self.leases_granted,
            leases_live=self.agenda.count("leased"),
        )
        verdict = judge(board, self._goals, progress, now_ms=now_ms)
        if verdict is None:
            return []
        until_ms = now_ms + board.settings.grace_ms
        return [ev.BoardClosing(outcome=verdict.outcome, reason=verdict.reason, until_ms=until_ms)]

    def _grant(self, now_ms: int) -> list[ev.Event]:
        """Lease the one activation that comes first, if any may run."""
        settings = self.board.settings
        if self.board.status != "open" or is_spent(self.board, self.leases_granted):
            return []
        if not (self.agenda.count("executable") or self.agenda.count("backing_off")):
            return []
        if settings.parallelism and self.agenda.count("leased") >= settings.parallelism:
            return []
        minimum = to_millionths(settings.minimum_rating)
        activation = self.agenda.pick(self.roster.available(), now_ms=now_ms, minimum=minimum)
        if activation is None:
            return []
        declaration = self.roster.sources[activation.source].declaration
        return [
            ev.LeaseGranted(
                activation=activation.id,
                source=activation.source,
                agent=self.roster.agent_for(activation.source),
                token=self.last_token + 1,
                lease_ms=declaration.lease_ms,
                rating=to_fraction(activation.rating),
                terms=activation.terms,
            )
        ]

    def _signal(self) -> list[ev.Event]:
        if self.is_signalled or self.board.status != "open" or not self.is_idle():
            return []
        if not self.is_begun:
            return []
        return [ev.QuiescenceSignalled()]

    def is_idle(self) -> bool:
        """Tell whether nothing is executable, leased, held or backing off.

        What is rated below the minimum does not count: it will not run.
        """
        agenda = self.agenda
        if agenda.count("leased") or agenda.count("held") or agenda.count("backing_off"):
            return False
        minimum = to_millionths(self.board.settings.minimum_rating)
        if minimum == 0:
            return agenda.count("executable") == 0
        return all(each.rating < minimum for each in agenda.in_state("executable"))

    def deadlines_ms(self) -> list[int]:
        """Return when `react` must be asked again even if nothing happens; some may have passed already."""
        if self.board.status == "closing":
            return [self.board.closing_until_ms]
        ready_ms = self.agenda.next_ready_ms()
        return [*deadlines_of(self.board), *([] if ready_ms is None else [ready_ms])]

    def end_turn(self) -> tuple[list[Withdrawal], list[ActivationId]]:
        """Return the leases withdrawn and granted since the last call, live or by replaying one commit.

        A commit is a whole turn, in which `react` has run until nothing followed; so on replay nothing is
        left to withdraw or to suspend either.
        """
        withdrawals, self.withdrawals = self.withdrawals, []
        granted, self.granted = self.granted, []
        self._abandoned.clear()
        self._suspended.clear()
        return withdrawals, granted

    # Questions and commands

    def leased_under(self, activation_id: ActivationId, token: int, principal: cm.Principal) -> Activation:
        """Return the activation that `principal` holds under `token`.

        Raises:
            Rejected: `unknown_activation` or `stale_token`.
        """
        activation = self.activation(activation_id)
        lease = activation.lease
        if lease is None:
            raise Rejected("stale_token", f"activation {activation_id} is {activation.state}, not leased")
        if token != lease.token:
            raise Rejected(
                "stale_token", f"token {token} of activation {activation_id} is stale; it was leased again"
            )
        if principal.agent is not None and principal.agent != lease.agent:
            raise Rejected("stale_token", f"activation {activation_id} is leased to another agent")
        return activation

    def activation(self, activation_id: ActivationId) -> Activation:
        """Return an activation.

        Raises:
            Rejected: `unknown_activation`.
        """
        found = self.agenda.activations.get(activation_id)
        if found is None:
            last = len(self.agenda.activations)
            raise Rejected(
                "unknown_activation",
                f"no activation {activation_id} on board {self.board.id!r}; there are {last} so far",
            )
        return found

    def check_bindings(self, activation: Activation) -> None:
        """Check that what an activation was triggered by still stands.

        Raises:
            Rejected: `illegal_move`, naming the entry or the trigger that changed.
        """
        if self.roster.sources[activation.source].trigger_hash != activation.trigger_hash:
            raise Rejected("illegal_move", f"activation {activation.id}: {NEW_TRIGGER}")
        for premise in activation.bindings:
            entry = self.board.entries[premise.entry]
            if not entry.is_live or entry.version != premise.version:
                raise Rejected("illegal_move", f"activation {activation.id}: {_loss(entry)}")

    def waits_for(self, activation: Activation, *, now_ms: int) -> str:
        """Say in words why an activation is not running; empty if it runs or has ended."""
        if activation.state == "triggered":
            return activation.reason
        if activation.state == "backing_off" and activation.ready_ms > now_ms:
            return f"next attempt in {activation.ready_ms - now_ms} ms, after: {activation.reason}"
        if activation.state not in {"executable", "backing_off"}:
            return ""
        return self._why_not_leased(activation)

    def is_starved(self, sources: Collection[str]) -> bool:
        """Tell whether something of these sources could run, had an agent of theirs room for it."""
        if self.board.status != "open" or not self.agenda.count("executable"):
            return False
        available = set(self.roster.available())
        return any(
            each.state == "executable"
            for name, source in self.roster.sources.items()
            if name in sources and name not in available and source.has_room
            for each in self.agenda.pending_of(name)
        )

    def _why_not_leased(self, activation: Activation) -> str:
        settings, source = self.board.settings, self.roster.sources[activation.source]
        if self.board.status != "open":
            return f"the board is {self.board.status}"
        if not source.is_enabled:
            return f"source {activation.source!r} is disabled"
        if activation.rating < to_millionths(settings.minimum_rating):
            return f"its rating is below the minimum of {settings.minimum_rating:g}"
        if not self.roster.has_agent(activation.source):
            return f"stalled: no live agent works for {activation.source!r}"
        if settings.parallelism and self.agenda.count("leased") >= settings.parallelism:
            return f"the board runs its {settings.parallelism} leases at a time"
        if not source.has_room:
            return f"source {activation.source!r} runs its {source.declaration.concurrency_max} at a time"
        return f"all agents of {activation.source!r} are busy"

    def state(self) -> dict[str, Any]:
        """Return what the state hash covers: agenda, refraction, leases, roster."""
        return {
            "agenda": self.agenda.state(),
            "roster": self.roster.state(),
            "unmatched": list(self._unmatched),
            "leases_granted": self.leases_granted,
            "last_token": self.last_token,
            "is_begun": self.is_begun,
            "is_signalled": self.is_signalled,
        }


def _loss(entry: Entry) -> str:
    """Say in words how a bound entry was lost."""
    if entry.status == "unsupported":
        return f"#{entry.id} lost its support"
    return f"#{entry.id} was {'revised' if entry.is_live else entry.status}"


def _lease(activation: Activation) -> Lease:
    assert activation.lease is not None, f"activation {activation.id} is {activation.state}, not leased"
    return activation.lease
