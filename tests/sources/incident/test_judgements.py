"""Each judgement of the analysis: when it speaks, when it is silent."""

from collections.abc import Callable

import pytest
from blackboard_sources.incident.analysis import (
    Claim,
    Signal,
    Topology,
    attribute_failures,
    attribute_latency,
    common_cause,
    corroborate,
    detect_central,
    detect_errors,
    detect_tail,
    detect_traffic,
    doubt,
    explain,
    object_reach,
    object_timing,
)
from blackboard_sources.incident.analysis.silence import own_silence
from incident_kit import CHAIN, measure, signal, ticket, traffic

VOLUMES = dict.fromkeys(("front", "middle", "back"), 100.0)


def claims(*signals: Signal) -> list[Claim]:
    return [Claim(each.service, each.aspect, 0.9, "", (each.key,)) for each in signals]


def table(*signals: Signal) -> dict[tuple[str, str], Signal]:
    return {each.key: each for each in signals}


# The detectors.


@pytest.mark.parametrize(
    ("detect", "aspect"), [(detect_central, "central"), (detect_tail, "tail"), (detect_errors, "errors")]
)
def test_detectors(detect: Callable[[Signal], Claim | None], aspect: str) -> None:
    """An unusual shift is claimed, a usual one, an improvement or another aspect is not."""
    found = detect(signal("s", aspect, 0.5))
    assert found is not None
    assert (found.service, found.about, found.rests_on) == ("s", aspect, (("s", aspect),))
    assert found.confidence > 0.7
    assert detect(signal("s", aspect, 0.03)) is None
    assert detect(signal("s", aspect, -0.5)) is None
    assert detect(signal("s", "traffic", 0.5)) is None


def test_one_wild_percentile_is_no_tail() -> None:
    """Two have to agree in part."""
    calm, wild = measure(0.0, statistic="p90"), measure(0.5, statistic="p99")
    one = detect_tail(Signal("s", "tail", (calm, wild), 100.0))
    both = detect_tail(Signal("s", "tail", (measure(0.5, statistic="p95"), wild), 100.0))
    assert one is not None
    assert both is not None
    assert one.confidence < both.confidence


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(100, 0, True), (100, 50, True), (100, 97, False), (100, 150, False), (2, 0, True)],
)
def test_traffic(before: float, after: float, *, expected: bool) -> None:
    """Requests that went missing, not more of them."""
    assert (detect_traffic(traffic("s", before, after)) is not None) is expected


def test_a_service_without_usual_traffic_cannot_fall_silent() -> None:
    """Zero requests before the onset leave nothing to lose."""
    assert detect_traffic(traffic("s", 0.0, 0.0)) is None


# The sceptic and the witnesses.


@pytest.mark.parametrize(
    ("found", "ground"),
    [
        (signal("s", shift=0.5), ""),
        (signal("s", shift=0.05), "not rare enough"),
        (signal("s", shift=0.5, volume=1.0), "requests per interval"),
        (signal("s", shift=0.5, anchored=False), "no sample before"),
        (signal("s", shift=0.5, reference=1.0, usual=1.6), "unusually low"),
        (traffic("s", 100, 95), ""),
    ],
    ids=["clear", "mild", "few requests", "unanchored", "back to normal", "traffic"],
)
def test_sceptic(found: Signal, ground: str) -> None:
    """Objects on one ground, the strongest; never to what is clear."""
    objection = doubt(found)
    assert (objection is None) is (ground == "")
    if objection is not None:
        assert ground in objection.reason
        assert 0.0 < objection.confidence <= 0.7


@pytest.mark.parametrize(
    ("window", "objects"),
    [
        ((1.0, 1.0, 2.0, 2.0, 1.5), False),
        ((2.0, 2.0, 1.0, 1.0, 1.0), True),
        ((1.0, 2.0, 1.0, 1.0, 1.0), True),
        ((None, None, None, 2.0, 2.0), False),
        ((1.0, 1.0, 1.0, 1.0, 1.0), False),
    ],
    ids=["together", "opposite", "before it", "too few samples", "flat"],
)
def test_timing(window: tuple[float | None, ...], *, objects: bool) -> None:
    """Who moved when the target did not is doubted; too few samples tell nothing."""
    found = signal("s", shift=0.5, window=window)
    assert (object_timing(found, ticket()) is not None) is objects
    assert object_timing(signal("front", shift=0.5, window=window), ticket()) is None


@pytest.mark.parametrize(
    ("found", "about"),
    [
        (signal("back", coupling=(0.9, 0.1)), None),
        (signal("back", coupling=(0.0, 0.01)), "coupling"),
        (signal("back", coupling=(0.0, 0.5)), None),
        (signal("back"), None),
        (signal("elsewhere", coupling=(1.0, 0.1)), "reach"),
        (signal("back", "errors"), None),
        (signal("elsewhere", "errors"), "reach"),
    ],
    ids=[
        "waited for",
        "forgotten",
        "unknown slope",
        "no slope",
        "off the path",
        "errors",
        "errors off the path",
    ],
)
def test_reach(found: Signal, about: str | None) -> None:
    """No path of calls, or nobody waits."""
    objection = object_reach(found, CHAIN, ticket(), VOLUMES)
    assert (None if objection is None else objection.about) == about


def test_reach_of_an_unknown_target_is_unknown() -> None:
    """A graph without the target is no reason to object."""
    assert object_reach(signal("back"), CHAIN, ticket("unheard of"), VOLUMES) is None


# The accountants.


@pytest.mark.parametrize(
    ("shifts", "blamed"),
    [
        ((1.0, 1.0, 1.0), "back"),
        ((1.0, 1.0, 0.0), "middle"),
        ((1.0, 0.0, 0.0), "front"),
        ((1.0, 1.0, 0.05), "middle"),
        ((0.0, 0.0, 0.0), None),
        ((-1.0, -1.0, -1.0), None),
    ],
)
def test_latency_accountant(shifts: tuple[float, float, float], blamed: str | None) -> None:
    """The service whose callees do not account for its own time is the surest."""
    signals = [signal(name, shift=s) for name, s in zip(("front", "middle", "back"), shifts, strict=True)]
    found = sorted(attribute_latency(signals, CHAIN, ticket()), key=lambda claim: -claim.confidence)
    assert (found[0].service if found else None) == blamed


def test_accounts_of_a_cycle_balance() -> None:
    """Services that call each other cannot both be freed by the other."""
    loop = Topology.of((), [("front", "a"), ("a", "b"), ("b", "a")])
    signals = [signal("front", shift=1.0), signal("a", shift=1.0), signal("b", shift=0.0)]
    found = {claim.service: claim.confidence for claim in attribute_latency(signals, loop, ticket())}
    assert max(found, key=lambda name: found[name]) == "a"
    assert "b" not in found


def test_accountants_take_an_unknown_target_and_no_signals() -> None:
    """Then every service may be to blame, or none."""
    assert attribute_latency([], CHAIN, ticket()) == ()
    found = attribute_latency([signal("back", shift=1.0)], CHAIN, ticket("unheard of"))
    assert [claim.service for claim in found] == ["back"]


def test_failure_accountant_blames_who_fails_of_its_own() -> None:
    """A callee's failures are passed up."""
    failing = [signal(name, "errors", 0.2, unit=0.01, reference=0.0) for name in ("front", "middle")]
    found = attribute_failures(failing, CHAIN, ticket(metric="availability"))
    assert [claim.service for claim in found] == ["middle"]


def test_failure_accountant_frees_the_caller_of_a_silent_callee() -> None:
    """A call that never arrived failed, though no callee counts it."""
    failing = [signal(name, "errors", 0.8, unit=0.01, reference=0.0) for name in ("front", "middle")]
    heard = attribute_failures([*failing, traffic("back", 100, 99)], CHAIN, ticket(metric="availability"))
    silent = attribute_failures([*failing, traffic("back", 100, 0)], CHAIN, ticket(metric="availability"))
    assert [claim.service for claim in heard] == ["middle"]
    assert all(claim.confidence < heard[0].confidence / 2 for claim in silent)


# Silence.


@pytest.mark.parametrize(
    ("lost", "siblings", "expected"),
    [(1.0, (0.0, 0.0), 1.0), (0.5, (0.5, 0.5), 0.0), (1.0, (0.5, 0.5), 1.0), (0.75, (0.5, 0.5), 0.5)],
    ids=["alone", "with all", "all of the rest", "half of the rest"],
)
def test_own_silence_is_what_the_siblings_do_not_share(
    lost: float, siblings: tuple[float, float], expected: float
) -> None:
    """Among the calls that the siblings still get."""
    graph = Topology.of((), [("up", "x"), ("up", "y"), ("up", "z")])
    signals = [traffic(n, 100, 100 * (1 - s)) for n, s in zip("xyz", (lost, *siblings), strict=True)]
    assert own_silence(table(*signals), graph, "up", "x") == pytest.approx(expected)


def test_own_silence_without_signals() -> None:
    """Of a service that nobody measured nothing is known."""
    assert own_silence({}, CHAIN, "front", "middle") == 0.0


# The reducer.


def explained(
    *signals: Signal, topology: Topology = CHAIN, metric: str = "latency"
) -> dict[tuple[str, str], str]:
    found = explain(signals, claims(*signals), topology, ticket(metric=metric))
    return {
        (each.service, each.about): each.by[0]
        for each in found
        if each.by is not None and each.confidence > 0.3
    }


def test_a_slow_callee_explains_its_caller() -> None:
    """One level at a time, in seconds per interval."""
    found = explained(*(signal(name, shift=1.0) for name in VOLUMES))
    assert found == {("front", "slow"): "middle", ("middle", "slow"): "back"}


def test_a_callee_that_is_no_slower_explains_nothing() -> None:
    """Nor one whose seconds are too few."""
    assert explained(signal("middle", shift=1.0), signal("back", shift=0.05)) == {}


def test_a_caller_that_lost_its_load_explains_silence() -> None:
    """Its callees fall silent for no fault of their own."""
    found = explained(traffic("middle", 100, 0), traffic("back", 100, 0))
    assert found == {("back", "silent"): "middle"}


def test_a_silent_callee_explains_failures() -> None:
    """The caller gets no answer."""
    failing = signal("middle", "errors", 0.9, unit=0.01, reference=0.0)
    found = explained(failing, traffic("back", 100, 0), metric="availability")
    assert found["middle", "failing"] == "back"


def test_a_hanging_callee_explains_failures() -> None:
    """The caller gives up after seconds."""
    hanging = Signal("back", "tail", (measure(5.0, statistic="p99", reference=0.1),), 100.0)
    failing = signal("middle", "errors", 0.2, unit=0.01, reference=0.0)
    assert explained(hanging, failing, metric="availability")["middle", "failing"] == "back"


def test_a_busier_sibling_explains_a_partial_view() -> None:
    """A back end that sees a part of another's requests comes second."""
    graph = Topology.of((), [("front", "whole"), ("front", "part")])
    found = explained(
        signal("front", shift=1.0),
        signal("whole", shift=1.0, volume=100.0),
        signal("part", shift=1.0, volume=30.0),
        topology=graph,
    )
    assert found["part", "slow"] == "whole"


def test_nothing_explains_without_anomalies() -> None:
    """Signals alone draw no links."""
    assert explain([signal(name, shift=1.0) for name in VOLUMES], [], CHAIN, ticket()) == ()


# Corroboration and common cause.


def test_a_caller_that_suffers_speaks_for_its_callee() -> None:
    """And for nobody beyond it; a caller that is well says nothing."""
    signals = [signal(name, shift=1.0) for name in VOLUMES]
    found = corroborate(signals, claims(*signals), CHAIN, ticket())
    assert {(each.service, each.by[0]) for each in found} == {("back", "middle")}
    well = [signal("front"), signal("middle"), signal("back", shift=1.0)]
    assert corroborate(well, claims(well[2]), CHAIN, ticket()) == ()


def test_a_caller_that_hears_nothing_speaks_for_the_silent() -> None:
    """It fails of its own while one callee fell silent."""
    signals = [signal("middle", "errors", 0.9, unit=0.01, reference=0.0), traffic("back", 100, 0)]
    found = corroborate(signals, claims(*signals), CHAIN, ticket(metric="availability"))
    assert {(each.service, each.by) for each in found} == {("back", ("middle", "errors"))}


BACKS = Topology.of((), [("front", "up"), ("up", "x"), ("up", "y"), ("up", "z")])


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [((1.0, 1.0, 1.0), "up"), ((1.0, 0.8, 0.0), "up"), ((1.0, 0.0, 0.0), None), ((50.0, 0.3, 0.3), None)],
    ids=["all", "most", "one", "one outweighs all"],
)
def test_common_cause(shifts: tuple[float, ...], expected: str | None) -> None:
    """Most of the back ends at once, and none of them with nearly all of the burden."""
    signals = [signal(name, shift=shift) for name, shift in zip("xyz", shifts, strict=True)]
    supports, refutations = common_cause(signals, claims(*(s for s in signals if s.average.shift)), BACKS)  # type: ignore[union-attr]
    assert {each.service for each in supports} == ({expected} if expected else set())
    assert bool(refutations) is (expected is not None)


def test_a_shared_back_end_is_nobodys_own() -> None:
    """Only back ends that one caller uses alone can point at it."""
    shared = Topology.of((), [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")])
    signals = [signal(name, shift=1.0) for name in "xy"]
    assert common_cause(signals, claims(*signals), shared) == ((), ())
