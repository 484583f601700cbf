"""The matcher: tables of cases, limits, and agreement with an oracle on random streams of changes."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from blackboard_control.matcher import Delta, Match, Matcher
from hypothesis import given, settings
from hypothesis import strategies as st
from matching_oracle import blocked_now, matches_now

from blackboard.core.condition import AnyOf, Compare, Condition, Field, Not
from blackboard.core.entry import Entry, Justification, Premise
from blackboard.core.limits import DEFAULT_LIMITS, Limits
from blackboard.core.trigger import Pattern, Trigger, check_trigger


def entry(
    number: int,
    kind: str = "A",
    *,
    version: int = 1,
    status: Any = "proposed",
    belief: int = 500_000,
    confidence: int = 500_000,
    **data: Any,
) -> Entry:
    return Entry(
        id=number,
        type=kind,
        level="level",
        data=data,
        version=version,
        status=status,
        author="someone",
        justifications=(Justification(author="someone", confidence=confidence),),
        belief=belief,
        posted_ms=0,
        posted_revision=number,
        data_revision=number,
    )


def on(variable: str, kind: str = "A", *conditions: Condition, **least: float) -> Pattern:
    return Pattern(variable=variable, type=kind, conditions=conditions, **least)


def compare(path: str, op: Any, value: Any) -> Compare:
    return Compare(path=f"/{path}", op=op, value=value)


def joined(path: str, op: Any, variable: str, other: str) -> Compare:
    return Compare(path=f"/{path}", op=op, field=Field(variable=variable, path=f"/{other}"))


def matching(trigger: Trigger, *entries: Entry, limits: Limits = DEFAULT_LIMITS) -> Matcher:
    matcher = Matcher(limits=limits)
    matcher.add("source", trigger, ())
    for each in entries:
        matcher.update(None, each)
    return matcher


def numbers(matches: tuple[Match, ...]) -> list[tuple[int, ...]]:
    return [tuple(premise.entry for premise in match.bindings) for match in matches]


@pytest.mark.parametrize(
    ("condition", "fits", "fails"),
    [
        (compare("x", "==", 1), [1, 1.0], [True, "1", None, 2, [1]]),
        (compare("x", "==", True), [True], [1, 1.0, False]),
        (compare("x", "==", None), [None], [0, False, ""]),
        (compare("x", "==", [1, {"k": 2}]), [[1, {"k": 2.0}]], [[1], {"k": 2}, "[]"]),
        (compare("x", "!=", 1), [2, True, None, "1"], [1, 1.0]),
        (compare("x", "<", 3), [2, 2.9], [3, 4, "1", True, None]),
        (compare("x", "<=", 3), [3, 3.0, -1], [3.1, False]),
        (compare("x", ">", 3), [4, 3.5], [3, 3.0, "4", True]),
        (compare("x", ">=", 3), [3, 3.0, 9], [2, None, [3]]),
        (compare("x", ">=", "m"), ["m", "n"], ["l", 9]),
        (compare("x", "one_of", [1, "a", 1.0, None]), [1, "a", None, 1.0], [True, "b", 0]),
        (compare("x", "one_of", []), [], [1, None]),
        (compare("x", "one_of", "a"), [], ["a"]),
        (compare("x", "between", [1, 3]), [1, 2.5, 3], [0, 4, "2", True]),
        (compare("x", "has", 1), [[0, 1], [1.0]], [[True], [2], 1]),
        (compare("x", "has", "b"), ["abc", ["b"], {"b": 0}], ["ac", ["abc"], {"c": "b"}]),
        (compare("x", "prefix", "ab"), ["abc", "ab"], ["cab", 1]),
        (compare("x", "suffix", "ab"), ["cab", "ab"], ["abc", None]),
        (compare("x/0/y", "==", 1), [[{"y": 1}]], [[], [{"z": 1}], {"0": {"y": 2}}]),
        (Not(condition=compare("x", "==", 1)), [2, True], [1]),
        (AnyOf(conditions=(compare("x", "==", 1), compare("x", ">", 5))), [1, 6], [2]),
        (AnyOf(conditions=()), [], [1]),
    ],
)
def test_pattern_takes_what_its_condition_says(
    condition: Condition, fits: list[Any], fails: list[Any]
) -> None:
    """Each operator holds for an entry posted after registration, and for one that was there before."""
    trigger = Trigger(patterns=(on("a", "A", condition),))
    cases = [(value, [(1,)]) for value in fits] + [(value, []) for value in fails]
    for value, expected in cases:
        matcher = Matcher()
        matcher.add("source", trigger, ())
        assert numbers(matcher.update(None, entry(1, x=value)).matched) == expected, value
        later = Matcher()
        assert numbers(later.add("source", trigger, [entry(1, x=value)])) == expected, value


@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">=", "one_of", "between", "has", "prefix"])
def test_missing_field_satisfies_no_comparison(op: str) -> None:
    """An entry without the field meets no operator, but it does meet the negation."""
    plain = matching(Trigger(patterns=(on("a", "A", compare("x", op, 1)),)))
    negated = matching(Trigger(patterns=(on("a", "A", Not(condition=compare("x", op, 1))),)))
    assert plain.update(None, entry(1, y=1)) == Delta()
    assert numbers(negated.update(None, entry(1, y=1)).matched) == [(1,)]


@pytest.mark.parametrize("status", ["rejected", "superseded", "unsupported", "retracted", "expired"])
def test_entry_that_is_out_does_not_match(status: str) -> None:
    """Leaving by any status takes the match away; coming back gives it again."""
    matcher = matching(Trigger(patterns=(on("a"),)))
    matched = matcher.update(None, entry(1)).matched
    assert matched == (Match("source", (Premise(1, 1),)),)
    assert matcher.update(entry(1), entry(1, status="accepted")) == Delta()
    assert matcher.update(entry(1), entry(1, status=status)).unmatched == matched
    assert matcher.update(entry(1, status=status), entry(1)).matched == matched
    assert matcher.update(entry(1), None).unmatched == matched
    assert matcher.statistics().entries == 0


def test_revision_replaces_the_match_by_one_at_the_new_version() -> None:
    """A match binds a version of the data."""
    matcher = matching(Trigger(patterns=(on("a"),)), entry(1, x=1))
    delta = matcher.update(entry(1, x=1), entry(1, version=2, x=2))
    assert delta.unmatched == (Match("source", (Premise(1, 1),)),)
    assert delta.matched == (Match("source", (Premise(1, 2),)),)


@pytest.mark.parametrize("least", ["belief", "confidence"])
def test_least_belief_and_confidence_are_met_at_the_bound(least: str) -> None:
    """The match comes when the number first reaches the bound and goes when it falls below."""
    matcher = matching(Trigger(patterns=(on("a", "A", **{f"min_{least}": 0.7}),)))
    low, high = (entry(1, **{least: value}) for value in (699_999, 700_000))
    assert matcher.update(None, low) == Delta()
    assert numbers(matcher.update(low, high).matched) == [(1,)]
    assert matcher.update(high, high) == Delta()
    assert numbers(matcher.update(high, low).unmatched) == [(1,)]


def test_withdrawn_claim_does_not_count_as_confidence() -> None:
    """`min_confidence` tests the strongest standing claim."""
    matcher = matching(Trigger(patterns=(on("a", min_confidence=0.5),)))
    withdrawn = Justification(author="someone", confidence=900_000, withdrawn=True)
    assert matcher.update(None, msgspec.structs.replace(entry(1), justifications=(withdrawn,))) == Delta()


def test_condition_may_name_a_later_variable() -> None:
    """The order of patterns is free."""
    trigger = Trigger(patterns=(on("a", "A", joined("x", "==", "b", "y")), on("b", "B")))
    matcher = matching(trigger, entry(1, "A", x="pay"), entry(2, "B", y="cart"))
    assert numbers(matcher.update(None, entry(3, "B", y="pay")).matched) == [(1, 3)]
    assert numbers(matcher.update(None, entry(4, "A", x="cart")).matched) == [(4, 2)]


def test_variables_bind_distinct_entries() -> None:
    """A self-join does not pair an entry with itself."""
    trigger = Trigger(patterns=(on("a", "A"), on("b", "A", joined("x", "==", "a", "x"))))
    matcher = matching(trigger, entry(1, x=1))
    assert numbers(matcher.update(None, entry(2, x=1.0)).matched) == [(1, 2), (2, 1)]
    assert numbers(matcher.update(entry(1, x=1), None).unmatched) == [(1, 2), (2, 1)]


def test_group_does_not_count_bound_entries() -> None:
    """`absent` another entry of the same type means another one."""
    trigger = Trigger(patterns=(on("a"),), absent=((on("other", "A", joined("x", "==", "a", "x")),),))
    matcher = matching(trigger, entry(1, x=1))
    assert matcher.blocked("source", (Premise(1, 1),)) is None
    assert matcher.update(None, entry(2, x=1)).recheck == ("source",)
    assert matcher.blocked("source", (Premise(1, 1),)) == "absent: #2 A"


def test_equality_over_several_fields_joins_on_all_of_them() -> None:
    """Two equalities make one index on each side; a missing field joins nothing, null joins null."""
    same = (joined("x", "==", "a", "x"), joined("y", "==", "a", "y"))
    matcher = matching(
        Trigger(patterns=(on("a", "A"), on("b", "B", *same))),
        entry(1, "B", x=1, y=None),
        entry(2, "B", x=1),
        entry(3, "B", x=True, y=None),
    )
    assert numbers(matcher.update(None, entry(4, "A", x=1.0, y=None)).matched) == [(4, 1)]
    assert matcher.update(None, entry(5, "A", x=1)).matched == ()
    assert matcher.statistics().indexes == 2


def test_matches_come_by_registration_then_bindings() -> None:
    """The order of a delta is the order of registration, whatever found the matches first."""
    matcher = Matcher()
    pair = Trigger(patterns=(on("a", "A"), on("b", "B")))
    matcher.add("zebra", pair, ())
    matcher.add("ape", Trigger(patterns=(on("b", "B", compare("x", "==", 1)),)), ())
    for number in (5, 3, 4):
        matcher.update(None, entry(number, "A"))
    matched = matcher.update(None, entry(6, "B", x=1)).matched
    assert [match.source for match in matched] == ["zebra", "zebra", "zebra", "ape"]
    assert numbers(matched) == [(3, 6), (4, 6), (5, 6), (6,)]


def test_since_now_fills_memories_without_matches() -> None:
    """What is there joins with what comes, but fires nothing by itself."""
    matcher = Matcher()
    pair = Trigger(patterns=(on("a", "A"), on("b", "B")))
    assert matcher.add("source", pair, [entry(1, "A"), entry(2, "B")], since_now=True) == ()
    assert numbers(matcher.update(None, entry(3, "B")).matched) == [(1, 3)]


def test_signal_trigger_matches_only_when_signalled() -> None:
    """A trigger with a signal answers the signal; a lost entry is told at once all the same."""
    matcher = Matcher()
    last_chance = Trigger(signal="quiescent")
    assert matcher.add("alone", last_chance, ()) == ()
    assert matcher.add("sweep", Trigger(patterns=(on("a"),), signal="quiescent"), [entry(1)]) == ()
    assert matcher.update(None, entry(2)).matched == ()
    assert matcher.signalled("quiescent") == (
        Match("alone", ()),
        Match("sweep", (Premise(1, 1),)),
        Match("sweep", (Premise(2, 1),)),
    )
    assert numbers(matcher.update(entry(1), None).unmatched) == [(1,)]
    assert matcher.blocked("alone", ()) is None


def test_exists_and_absent_groups_gate_and_say_why() -> None:
    """Groups join among themselves and with what is bound; the reason names entries, the lowest first."""
    spike = on("spike", "Spike")
    some = on("team", "Team", joined("service", "==", "spike", "service"), compare("size", ">=", 2))
    deploy = on("deploy", "Deploy", joined("service", "==", "spike", "service"))
    cause = on("cause", "Cause", joined("release", "==", "deploy", "release"))
    trigger = Trigger(patterns=(spike,), exists=((some,),), absent=((deploy, cause),))
    check_trigger(trigger, limits=DEFAULT_LIMITS)
    matcher = matching(trigger, entry(1, "Spike", service="pay"))
    match = (Premise(1, 1),)
    assert matcher.blocked("source", match) == "missing: Team(service == spike.service, size >= 2)"
    assert matcher.update(None, entry(2, "Team", service="pay", size=1)) == Delta()
    assert matcher.update(None, entry(3, "Team", service="pay", size=2)).recheck == ("source",)
    assert matcher.blocked("source", match) is None
    for number, release in ((9, "v1"), (7, "v2"), (5, "v3")):
        matcher.update(None, entry(number, "Deploy", service="pay", release=release))
    assert matcher.blocked("source", match) is None
    assert matcher.update(None, entry(10, "Cause", release="v1")).recheck == ("source",)
    assert matcher.blocked("source", match) == "absent: #9 Deploy and #10 Cause"
    matcher.update(None, entry(11, "Cause", release="v2"))
    assert matcher.blocked("source", match) == "absent: #7 Deploy and #11 Cause"


@pytest.mark.parametrize("stale", [Premise(1, 2), Premise(2, 1), Premise(3, 1)])
def test_match_of_an_entry_that_is_gone_is_blocked(stale: Premise) -> None:
    """A version that is not there, an entry of another type, and no entry at all are each named."""
    matcher = matching(Trigger(patterns=(on("a"),)), entry(1), entry(2, "B"))
    assert matcher.blocked("source", (stale,)) == f"gone: #{stale.entry}"
    assert matcher.blocked("stranger", (stale,)) == "no trigger of source 'stranger' is registered"


def test_equality_with_a_constant_carries_over_a_join() -> None:
    """A group tied to a constant through a bound variable is not rechecked for other values."""
    tied = joined("service", "==", "a", "service")
    matcher = Matcher()
    for service in ("pay", "cart"):
        trigger = Trigger(
            patterns=(on("a", "A", compare("service", "==", service)),), absent=((on("c", "C", tied),),)
        )
        matcher.add(service, trigger, ())
    assert matcher.update(None, entry(1, "C", service="cart")).recheck == ("cart",)
    assert matcher.update(None, entry(2, "C", service="mail")) == Delta()


def test_constant_of_a_group_says_nothing_about_bound_entries() -> None:
    """`absent` a cause of "pay" leaves other services to match."""
    tied = (compare("service", "==", "pay"), joined("service", "==", "a", "service"))
    matcher = matching(Trigger(patterns=(on("a"),), absent=((on("c", "C", *tied),),)))
    assert numbers(matcher.update(None, entry(1, service="cart")).matched) == [(1,)]


def test_trigger_beyond_its_limit_is_suspended_and_others_go_on() -> None:
    """A suspended source has no match in the delta, is registered no more, and leaves no memory behind."""
    limits = Limits(matches_per_change_max=3)
    matcher = Matcher(limits=limits)
    matcher.add("modest", Trigger(patterns=(on("b", "B"),)), ())
    matcher.add("greedy", Trigger(patterns=(on("a", "A"), on("b", "B"))), ())
    for number in (1, 2, 3):
        matcher.update(None, entry(number, "A"))
    delta = matcher.update(None, entry(4, "B"))
    assert delta == Delta(matched=(Match("modest", (Premise(4, 1),)),), suspended=("greedy",))
    assert "greedy" not in matcher
    assert "modest" in matcher
    assert matcher.statistics().memberships == 1
    matcher.remove("greedy")
    assert matcher.update(entry(4, "B"), None) == Delta(unmatched=(Match("modest", (Premise(4, 1),)),))


def test_matches_up_to_the_limit_are_reported() -> None:
    """The start and two rows are three."""
    matcher = matching(
        Trigger(patterns=(on("a", "A"), on("b", "B"))),
        entry(1),
        entry(2),
        limits=Limits(matches_per_change_max=3),
    )
    assert numbers(matcher.update(None, entry(3, "B")).matched) == [(1, 3), (2, 3)]


def test_candidates_are_limited_too() -> None:
    """A join that tries many entries and keeps none is cut as well."""
    never = joined("x", "<", "b", "x")
    matcher = matching(
        Trigger(patterns=(on("a", "A", never), on("b", "B"))),
        *(entry(number, x=9) for number in range(1, 5)),
        limits=Limits(candidates_per_change_max=3),
    )
    assert matcher.update(None, entry(5, "B", x=1)).suspended == ("source",)


def test_group_beyond_its_limit_blocks_and_says_so() -> None:
    """What cannot be ruled out within the limits does not fire."""
    trigger = Trigger(patterns=(on("a"),), absent=((on("c", "C", joined("x", "<", "a", "x")),),))
    many = [entry(number, "C", x=9) for number in range(2, 5)]
    matcher = matching(trigger, entry(1, x=1), *many, limits=Limits(candidates_per_change_max=2))
    assert (
        matcher.blocked("source", (Premise(1, 1),)) == "too large: C(x < a.x) takes more than 2 comparisons"
    )


@pytest.mark.parametrize("is_taken", [True, False])
def test_registration_and_signal_beyond_the_limit_are_named_once(*, is_taken: bool) -> None:
    """They are removed at once, and named by `take_suspended` or else by the next delta."""
    board = [entry(number) for number in range(1, 5)]
    matcher = Matcher(limits=Limits(matches_per_change_max=3))
    assert matcher.add("early", Trigger(patterns=(on("a"),)), board) == ()
    assert "early" not in matcher
    matcher.add("late", Trigger(patterns=(on("a"),), signal="quiescent"), board)
    matcher.add("fine", Trigger(signal="quiescent"), board)
    assert matcher.signalled("quiescent") == (Match("fine", ()),)
    assert "late" not in matcher
    taken = matcher.take_suspended() if is_taken else ()
    assert taken + matcher.update(None, entry(9, "Z")).suspended == ("early", "late")
    assert matcher.update(None, entry(10, "Z")) == Delta()


def test_removed_trigger_leaves_nothing_behind() -> None:
    """Nodes, memories and indexes go with their last reader; shared ones stay."""
    pair = Trigger(
        patterns=(on("a", "A", compare("x", ">", 1)), on("b", "B", joined("y", "==", "a", "y"))),
        absent=((on("c", "C", compare("x", "one_of", [1, 2]), joined("y", "==", "a", "y")),),),
    )
    matcher = Matcher()
    matcher.add("one", pair, ())
    matcher.add("two", pair, ())
    matcher.add(
        "three", Trigger(patterns=(on("a", "A", compare("x", "<", 9), min_belief=0.1), on("b", "B"))), ()
    )
    board = [entry(1, "A", x=2, y=1), entry(2, "B", y=1), entry(3, "C", x=1, y=1)]
    for each in board:
        matcher.update(None, each)
    assert matcher.blocked("two", (Premise(1, 1), Premise(2, 1))) == "absent: #3 C"
    matcher.remove("one")
    assert numbers(matcher.update(board[0], entry(1, "A", version=2, x=3, y=1)).matched) == [(1, 2), (1, 2)]
    matcher.remove("two")
    matcher.remove("three")
    matcher.remove("three")
    assert set(msgspec.structs.astuple(matcher.statistics())) == {0}
    assert matcher.update(None, entry(4, "A", x=2)) == Delta()


# --- Agreement with the oracle ------------------------------------------------------------------------------

KINDS = ("A", "B")
FIELDS = ("x", "y")
VALUES: tuple[Any, ...] = (1, 1, 1.0, 2, True, "a", "ab", [1], {"k": 1})
LEASTS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.5)
LOCAL_OPS = ("==", "==", "!=", "<", "<=", ">", ">=", "has", "prefix", "suffix")
JOIN_OPS = ("==", "==", "==", "!=", "<", ">=", "has", "one_of", "prefix")
PATHS = ("/x", "/x", "/x", "/y", "/x/0")
MILLIONTHS = (900_000, 500_000, 499_999)


def random_data(rng: Random) -> dict[str, Any]:
    return {field: rng.choice(VALUES) for field in FIELDS if rng.random() < 0.9}


def random_leaf(rng: Random, others: tuple[str, ...]) -> Compare:
    path = rng.choice(PATHS)
    if others and rng.random() < 0.7:
        field = Field(variable=rng.choice(others), path=rng.choice(PATHS))
        return Compare(path=path, op=rng.choice(JOIN_OPS), field=field)
    if rng.random() < 0.2:
        op: Any = rng.choice(("between", "one_of"))
        return Compare(path=path, op=op, value=[rng.choice(VALUES), rng.choice(VALUES)])
    return Compare(path=path, op=rng.choice(LOCAL_OPS), value=rng.choice(VALUES))


def random_condition(rng: Random, others: tuple[str, ...]) -> Condition:
    shape = rng.random()
    if shape < 0.15:
        return Not(condition=random_leaf(rng, others))
    if shape < 0.3:
        return AnyOf(conditions=(random_leaf(rng, others), random_leaf(rng, others)))
    return random_leaf(rng, others)


def random_group(rng: Random, names: tuple[str, ...], outer: tuple[str, ...] = ()) -> tuple[Pattern, ...]:
    known = (*outer, *names)
    return tuple(
        Pattern(
            variable=name,
            type=rng.choice(KINDS),
            conditions=tuple(
                random_condition(rng, tuple(each for each in known if each != name))
                for _ in range(rng.choice((0, 1, 1, 2)))
            ),
            min_confidence=rng.choice(LEASTS),
            min_belief=rng.choice(LEASTS),
        )
        for name in names
    )


def random_trigger(rng: Random) -> Trigger:
    names = rng.choice((("a",), ("a", "b"), ("a", "b", "c")))

    def inner() -> tuple[tuple[Pattern, ...], ...]:
        return tuple(
            random_group(rng, rng.choice((("p",), ("p", "q"))), names) for _ in range(rng.choice((0, 1, 1)))
        )

    trigger = Trigger(
        patterns=random_group(rng, names),
        exists=inner(),
        absent=inner(),
        signal=rng.choice((None, None, None, "quiescent")),
    )
    check_trigger(trigger, limits=DEFAULT_LIMITS)
    return trigger


def random_change(rng: Random) -> tuple[Any, ...]:
    choice = rng.randrange(10)
    match rng.choice(("post", "post", "revise", "status", "status", "belief", "confidence", "remove", "add")):
        case "post":
            return "post", rng.choice(KINDS), random_data(rng), rng.choice(MILLIONTHS), rng.choice(MILLIONTHS)
        case "revise":
            return "revise", choice, random_data(rng)
        case "status":
            return "status", choice, rng.choice(("proposed", "accepted", "unsupported"))
        case "add":
            return "add", random_trigger(rng), rng.random() < 0.3
        case "remove":
            return "remove", choice
        case what:
            return what, choice, rng.choice(MILLIONTHS)


class Model:
    """A board of entries, a matcher that follows it, and what the oracle says of both."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.matcher = Matcher()
        self.triggers: dict[str, Trigger] = {}
        self.current: dict[str, dict[tuple[Premise, ...], None]] = {}
        self.added = 0

    def add(self, trigger: Trigger, *, since_now: bool = False) -> None:
        self.added += 1
        source = f"source{self.added}"
        found = self.matcher.add(source, trigger, self.entries.values(), since_now=since_now)
        expected = matches_now(trigger, list(self.entries.values()))
        reported = [] if since_now or trigger.signal is not None else expected
        assert found == tuple(Match(source, bindings) for bindings in reported)
        self.triggers[source] = trigger
        self.current[source] = dict.fromkeys(expected)

    def step(self, change: tuple[Any, ...]) -> None:
        match change:
            case ("post", kind, data, belief, confidence) if len(self.entries) < 8:
                number = len(self.entries) + 1
                self.change(None, entry(number, kind, belief=belief, confidence=confidence, **data))
            case ("add", trigger, since_now):
                self.add(trigger, since_now=since_now)
            case ("remove", choice):
                if self.triggers:
                    source = list(self.triggers)[choice % len(self.triggers)]
                    self.matcher.remove(source)
                    del self.triggers[source], self.current[source]
            case (what, choice, value) if what != "post":
                if self.entries:
                    old = self.entries[1 + choice % len(self.entries)]
                    self.change(old, self.changed(old, what, value))
            case _:
                pass  # the board is full: more entries would only slow the oracle
        self.check()

    def changed(self, old: Entry, what: str, value: Any) -> Entry:
        if what == "revise":
            return msgspec.structs.replace(old, data=value, version=old.version + 1)
        if what == "confidence":
            claim = Justification(author="someone", confidence=value)
            return msgspec.structs.replace(old, justifications=(claim,))
        return msgspec.structs.replace(old, **{what: value})

    def change(self, old: Entry | None, new: Entry) -> None:
        blocked_before = self.blocked_by_oracle()
        self.entries[new.id] = new
        delta = self.matcher.update(old, new)
        assert delta.suspended == ()
        order = {source: number for number, source in enumerate(self.triggers)}
        for matches in (delta.matched, delta.unmatched):
            keys = [(order[each.source], [premise.entry for premise in each.bindings]) for each in matches]
            assert keys == sorted(keys)
        for match in delta.unmatched:
            del self.current[match.source][match.bindings]
        for match in delta.matched:
            assert self.triggers[match.source].signal is None
            assert match.bindings not in self.current[match.source]
            self.current[match.source][match.bindings] = None
        for source, trigger in self.triggers.items():
            if trigger.signal is not None:
                self.current[source] = dict.fromkeys(matches_now(trigger, list(self.entries.values())))
        blocked_after = self.blocked_by_oracle()
        for key, was_blocked in blocked_before.items():
            is_blocked = blocked_after.get(key)
            if is_blocked is not None and is_blocked != was_blocked:
                assert key[0] in delta.recheck
        assert [order[source] for source in delta.recheck] == sorted(
            order[source] for source in delta.recheck
        )

    def blocked_by_oracle(self) -> dict[tuple[str, tuple[Premise, ...]], bool]:
        entries = list(self.entries.values())
        return {
            (source, bindings): blocked_now(trigger, bindings, entries)
            for source, trigger in self.triggers.items()
            for bindings in matches_now(trigger, entries)
        }

    def check(self) -> None:
        entries = list(self.entries.values())
        for source, trigger in self.triggers.items():
            assert sorted(self.current[source], key=str) == sorted(matches_now(trigger, entries), key=str)
        for (source, bindings), is_blocked in self.blocked_by_oracle().items():
            assert (self.matcher.blocked(source, bindings) is not None) == is_blocked
        assert self.matcher.signalled("quiescent") == tuple(
            Match(source, bindings)
            for source, trigger in self.triggers.items()
            if trigger.signal is not None
            for bindings in matches_now(trigger, entries)
        )

    def check_afresh(self) -> None:
        """A matcher that lived through the changes answers word for word as one made from their end."""
        fresh = Matcher()
        for source, trigger in self.triggers.items():
            fresh.add(source, trigger, self.entries.values(), since_now=True)
        for source, bindings in self.blocked_by_oracle():
            assert fresh.blocked(source, bindings) == self.matcher.blocked(source, bindings)
        ours, theirs = self.matcher.statistics(), fresh.statistics()
        assert (ours.entries, ours.nodes, ours.memberships) == (
            theirs.entries,
            theirs.nodes,
            theirs.memberships,
        )


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_matcher_agrees_with_trying_everything(seed: int) -> None:
    """After every change: matches, gates, signals and order are those of the oracle.

    The stream is drawn from a seed, which Hypothesis reports, since matches are too rare in what it draws.
    """
    rng = Random(seed)
    model = Model()
    for number in range(1, 6):
        model.change(None, entry(number, rng.choice(KINDS), **random_data(rng)))
    for _ in range(3):
        model.add(random_trigger(rng))
    for _ in range(10):
        model.step(random_change(rng))
    model.check_afresh()
