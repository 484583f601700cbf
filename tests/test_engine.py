"""The engine under random streams of commands: replay equals live, every invariant holds at every step."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackboard.core import commands as cm
from blackboard.core.completion import Deadline, Goal, Quiescent, Settings, Spent
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.ready import Receipt
from blackboard.core.record import GENESIS
from blackboard.core.source import SourceDeclaration
from blackboard.core.trigger import Pattern
from blackboard.engine import Engine
from tests.scenarios.language import parse_request, parse_trigger
from tests.scenarios.world import SALT, World

ANN = cm.Principal(name="ann")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"key": {"type": "integer"}, "n": {"type": "integer"}},
    "additionalProperties": False,
}
TYPES = (
    EntryType(name="A", level="low", schema=SCHEMA),
    EntryType(name="H", level="high", schema=SCHEMA, identity=("key",), merge={"n": "newest"}),
    EntryType(name="C", level="high", schema=SCHEMA, identity=("key",)),
    EntryType(name="M", level="low", schema=SCHEMA, background=True, belief="claimed", ttl_ms=900),
)
SOURCES = {
    "each": ["a:A", "a:A(/n > 0)"],
    "pair": ["a:A b:A(/n >= a./n)", "a:A h:H(/key == a./key)"],
    "sure": ["h:H(belief >= 0.6) absent c:C(/key == h./key)", "h:H(confidence >= 0.6)"],
    "some": ["a:A exists h:H(/key == a./key)", "m:M absent a:A(/n == m./n)&h:H(/key == a./key)"],
    "last": ["quiescent h:H", "quiescent"],
}
SETTINGS = (
    Settings(),
    Settings(parallelism=1, weights={"belief": 5}),
    Settings(minimum_rating=0.55, completion=(Quiescent(),)),
    Settings(
        completion=(Goal(pattern=Pattern(variable="g", type="H", min_belief=0.95)), Spent(activations=40))
    ),
    Settings(completion=(Deadline(after_ms=60_000),), grace_ms=100),
)


class Chooser:
    """Draws commands that mostly make sense on the board as it stands."""

    def __init__(self, world: World, numbers: list[int]) -> None:
        self.world = world
        self.numbers = numbers

    def number(self, below: int) -> int:
        return self.numbers.pop() % below if self.numbers else 0

    def pick(self, items: list[Any] | tuple[Any, ...], default: Any = 1) -> Any:
        return items[self.number(len(items))] if items else default

    def entry(self) -> int:
        return self.pick([*self.world.engine.board.entries, 99])

    def request(self) -> cm.Request:
        makers: list[Callable[[], cm.Command]] = [
            *[self.post] * 5,
            *[self.complete] * 4,
            *[self.attempt_end] * 3,
            self.partial,
            self.revise,
            self.judge,
            self.judge,
            self.retract,
            self.link,
            self.batch,
            self.source,
            self.source,
            self.roster,
            self.roster,
            self.steer,
            self.activation,
        ]
        command = self.pick(makers)()
        agent = isinstance(command, cm.CompleteActivation | cm.FailActivation | cm.DeclineActivation)
        names = ("ann", "bob", "bot")
        name = self.pick(names)
        principal = cm.Principal(name=name, kind="agent" if agent or name == "bot" else "person")
        key = f"k{self.number(12)}" if self.number(3) == 0 else None
        return cm.Request(principal=principal, command=command, command_id=key)

    def data(self) -> dict[str, Any]:
        return {"key": self.number(2), "n": self.number(3)}

    def confidence(self) -> float:
        return self.pick((0.3, 0.5, 0.7, 0.9))

    def post(self, *, plain: bool = False) -> cm.PostEntry:
        name = self.pick(("A", "A", "H", "C", "M", "Z")) if not plain else self.pick(("A", "H"))
        because = (self.entry(),) if self.number(4) == 0 else ()
        links = ()
        if name == "A" and self.number(3) == 0:
            links = (cm.NewLink(kind=self.pick(("supports", "refutes")), target=self.entry(), weight=0.5),)
        ttl = 700 if self.number(6) == 0 else None
        return cm.PostEntry(
            type=name,
            data=self.data(),
            confidence=self.confidence(),
            because=because,
            links=links,
            ttl_ms=ttl,
        )

    def revise(self) -> cm.Command:
        number = self.entry()
        entry = self.world.engine.board.entries.get(number)
        version = entry.version if entry is not None else 1
        data = None
        if entry is not None and self.number(3):
            data = {**entry.data, "n": self.number(3)}
        confidence = self.confidence() if self.number(2) or data is None else None
        return cm.ReviseEntry(entry=number, version=version, data=data, confidence=confidence)

    def judge(self) -> cm.Command:
        return cm.JudgeEntry(entry=self.entry(), verdict=self.pick(("accept", "reject", "reopen")))

    def retract(self) -> cm.Command:
        return cm.RetractEntry(entry=self.entry())

    def link(self) -> cm.Command:
        one, two = self.entry(), self.entry()
        kind = self.pick(("supports", "refutes", "derived_from", "supersedes"))
        return cm.LinkEntries(kind=kind, source=max(one, two), target=min(one, two), weight=0.5)

    def batch(self) -> cm.Command:
        makers: list[Callable[[], Any]] = [self.post, self.revise, self.judge, self.retract, self.link]
        parts = [self.pick(makers)() for _ in range(1 + self.number(3))]
        return cm.ApplyBatch(contributions=(self.post(), *parts))

    def leased(self) -> dict[str, int]:
        offers = self.world.engine.live_offers()
        if not offers:
            return {"activation": 1, "token": 1}
        offer = self.pick(offers)
        return {"activation": offer.activation, "token": offer.token - (self.number(8) == 0)}

    def complete(self) -> cm.Command:
        parts = tuple(self.post(plain=True) for _ in range(self.number(3)))
        if parts and self.number(4) == 0:
            parts = (*parts, self.revise())
        return cm.CompleteActivation(**self.leased(), contributions=parts)

    def partial(self) -> cm.Command:
        return msgspec.structs.replace(self.post(plain=True), **self.leased(), keep=self.number(3) == 0)

    def attempt_end(self) -> cm.Command:
        lease = self.leased()
        commands: list[cm.Command] = [
            cm.FailActivation(**lease, error="no", retryable=self.number(3) > 0),
            cm.ExpireLease(**lease, accepted=self.number(2) == 0),
            cm.DeclineActivation(**lease),
        ]
        return self.pick(commands)

    def activation(self) -> cm.Command:
        number = self.pick([*self.world.engine.control.agenda.activations, 99])
        makers: list[cm.Command] = [
            cm.CancelActivation(activation=number),
            cm.RetryActivation(activation=number),
        ]
        return self.pick(makers)

    def source(self) -> cm.Command:
        name = self.pick(list(SOURCES))
        if self.number(4) == 0:
            return cm.DisableSource(source=name)
        variant = self.number(2)
        declaration = SourceDeclaration(
            name=name,
            trigger=parse_trigger(SOURCES[name][variant]),
            # `since` counts when a trigger is new, so it goes with the trigger here.
            since="now" if variant and name in {"each", "some"} else "existing",
            rating=self.confidence(),
            attempts_max=2,
            backoff_ms=self.pick((0, 300)),
            concurrency_max=self.number(3),
        )
        return cm.EnableSource(source=declaration, replace=True)

    def roster(self) -> cm.Command:
        agent = self.pick(("w1", "w2"))
        if self.number(4) == 0:
            return cm.DetachAgent(agent=agent)
        return cm.AttachAgent(agent=agent, sources=tuple(SOURCES), credits=self.number(4))

    def steer(self) -> cm.Command:
        commands: list[cm.Command] = [
            cm.PauseBoard(),
            cm.ResumeBoard(),
            cm.ResumeBoard(),
            cm.ChangeSettings(settings=self.pick(SETTINGS)),
            cm.DefineType(type=self.pick(TYPES)),
        ]
        if self.number(20) == 0:
            return cm.CancelBoard()
        return self.pick(commands)


def _opening() -> list[cm.Request]:
    commands: list[cm.Command] = [cm.OpenBoard(board="b")]
    commands += [cm.DefineType(type=each) for each in TYPES]
    for name, triggers in SOURCES.items():
        declaration = SourceDeclaration(name=name, trigger=parse_trigger(triggers[0]), backoff_ms=300)
        commands.append(cm.EnableSource(source=declaration))
    commands.append(cm.AttachAgent(agent="w1", sources=tuple(SOURCES), credits=3))
    return [cm.Request(principal=ANN, command=each) for each in commands]


def _run(seeds: list[list[int]], *, restarts: bool) -> None:
    """Run one stream; at the end the same stream, without any restart, gives the same state elsewhere."""
    world = World()
    turns = [(_opening(), 0)]
    world.turn(turns[0][0])
    for seed in seeds:
        chooser = Chooser(world, list(seed))
        step = chooser.number(10)
        if step == 0:
            world.now_ms += chooser.pick((50, 300, 1000))
            requests: list[cm.Request] = []
        elif step == 1 and restarts:
            world.restart()
            continue
        else:
            requests = [chooser.request() for _ in range(1 + chooser.number(2))]
        world.turn(requests)
        turns.append((requests, world.now_ms))
    world.replayed()
    other = Engine("b", salts=lambda: SALT)
    for requests, now_ms in turns:
        other.handle(requests, now_ms)
    assert other.state() == world.engine.state()


@given(
    st.lists(st.lists(st.integers(0, 2**16), min_size=4, max_size=24), min_size=4, max_size=30),
    st.booleans(),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_streams_keep_every_invariant(seeds: list[list[int]], restarts: bool) -> None:
    """`World` checks replay, revisions, tokens, support, belief, agenda, roster and goals at every turn."""
    _run(seeds, restarts=restarts)


@pytest.mark.parametrize("seed", range(30))
def test_long_streams_keep_every_invariant(seed: int) -> None:
    """Long enough for boards to fill, leases to lapse and dead letters to be revived."""
    random = Random(seed)
    _run([[random.randrange(2**16) for _ in range(30)] for _ in range(60)], restarts=seed % 2 == 0)


@given(st.lists(st.lists(st.integers(0, 2**16), min_size=1, max_size=24), min_size=1, max_size=12))
@settings(max_examples=15, deadline=None)
def test_small_limits_are_kept_without_a_trace(seeds: list[list[int]]) -> None:
    """Triggers that outgrow their limits are suspended, and batches that do are refused, as on replay."""
    limits = msgspec.structs.replace(
        DEFAULT_LIMITS,
        matches_per_change_max=4,
        batch_contributions_max=2,
        premises_max=2,
        links_per_entry_max=2,
    )
    world = World(limits=limits)
    world.turn(_opening())
    for seed in seeds:
        world.turn([Chooser(world, list(seed)).request()])
    world.replayed()


def _refusal(answer: object) -> Rejected:
    assert isinstance(answer, Rejected)
    return answer


def test_commands_of_the_system_board_are_refused() -> None:
    """They belong elsewhere, and change nothing here."""
    world = World()
    world.turn(_opening())
    (answer,) = world.turn([cm.Request(principal=ANN, command=cm.CreateBoard(board="x"))]).answers
    assert _refusal(answer).code == "invalid_params"


def test_time_never_goes_back() -> None:
    """An earlier time counts as the last one, live and after a replay."""
    engine = Engine("b", salts=lambda: SALT)
    ready = engine.handle([parse_request("open")], 1_000)
    assert ready.commit is not None
    other = Engine("b", salts=lambda: SALT)
    other.replay(ready.commit)
    for each in (engine, other):
        commit = each.handle([parse_request("type Fact fields=n")], 5).commit
        assert commit is not None
        assert commit.time_ms == 1_000


def test_nothing_asked_and_nothing_due_is_nothing_done() -> None:
    """An idle turn leaves no commit, and a board that was never opened wants no waking."""
    engine = Engine("b", salts=lambda: SALT)
    ready = engine.handle([], 1_000)
    assert (ready.commit, ready.records, ready.answers, ready.deadline_ms) == (None, (), (), None)
    assert engine.chain == GENESIS


def test_live_offers_are_those_of_the_live_leases() -> None:
    """After a restart the shell arms its timers by them."""
    world = World()
    world.turn(_opening())
    ready = world.turn([parse_request('post A {"key":0,"n":1}')])
    assert len(ready.offers) == 1
    world.restart()
    assert world.engine.live_offers() == ready.offers


def test_salts_keep_equal_boards_apart_and_nothing_else_does() -> None:
    """The chain depends on what chance gave, the rest of the state does not."""
    states = []
    for salt in (SALT, bytes(16)):
        engine = Engine("b", salts=lambda salt=salt: salt)
        engine.handle([*_opening(), parse_request('post A {"key":0,"n":1}')], 0)
        states.append(engine.state())
    chains = [state.pop("chain") for state in states]
    assert chains[0] != chains[1]
    assert states[0] == states[1]


@pytest.mark.parametrize("retried", ["same turn", "next turn", "after a restart"])
def test_repeated_command_is_carried_out_once(retried: str) -> None:
    """A repeat gets the first receipt, marked, and leaves no record."""
    world = World()
    world.turn(_opening())
    request = parse_request('post A {"key":0,"n":1} id=k')
    if retried == "same turn":
        first, second = world.turn([request, request]).answers
    else:
        (first,) = world.turn([request]).answers
        if retried == "after a restart":
            world.restart()
        ready = world.turn([request])
        assert ready.commit is None
        (second,) = ready.answers
    assert isinstance(first, Receipt)
    assert second == msgspec.structs.replace(first, repeated=True)
    assert world.engine.board.entry_count == 1


def test_log_of_another_board_is_refused() -> None:
    """A board is known by its name as well as by its chain."""
    commit = Engine("b", salts=lambda: SALT).handle([parse_request("open")], 0).commit
    assert commit is not None
    with pytest.raises(BlackboardError, match="belongs to board 'b'") as caught:
        Engine("c", salts=lambda: SALT).replay(commit)
    assert caught.value.code == "log_corrupt"
