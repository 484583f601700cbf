"""Cost of one change: over the number of triggers, and of a join over the number of entries.

Run `python tests/bench/bench_matcher.py`; it prints one JSON line per measurement and takes half a minute.
A change is a post followed by a retraction; the figure is the mean of one of the two, best of three.
"""

from __future__ import annotations

import gc
import json
import sys
from time import perf_counter

from blackboard_control.matcher import Matcher

from blackboard.core.condition import Compare, Field
from blackboard.core.entry import Entry, Justification
from blackboard.core.trigger import Pattern, Trigger

ROUNDS = 5_000


def entry(number: int, kind: str, data: dict[str, object]) -> Entry:
    claim = Justification(author="someone", confidence=800_000)
    return Entry(
        id=number,
        type=kind,
        level="level",
        data=data,
        version=1,
        status="proposed",
        author="someone",
        justifications=(claim,),
        belief=800_000,
        posted_ms=0,
        posted_revision=number,
        data_revision=number,
    )


def cost_us(matcher: Matcher, changes: list[Entry]) -> tuple[float, float]:
    """Return microseconds and matches per update."""
    best, matches = float("inf"), 0
    for _ in range(3):
        gc.collect()
        matches = 0
        start = perf_counter()
        for each in changes:
            matches += len(matcher.update(None, each).matched)
            matches += len(matcher.update(each, None).unmatched)
        best = min(best, perf_counter() - start)
    return best / (2 * len(changes)) * 1e6, matches / (2 * len(changes))


def report(job: str, size: int, matcher: Matcher, changes: list[Entry], setup_us: float) -> None:
    cost, matches = cost_us(matcher, changes)
    row = {"job": job, "size": size, "update_us": round(cost, 2), "matches": matches}
    sys.stdout.write(json.dumps({**row, "setup_us_each": round(setup_us, 1)}) + "\n")


def bench_triggers(size: int) -> None:
    """Distinct constants: one trigger matches, whatever their number."""
    matcher = Matcher()
    start = perf_counter()
    for number in range(size):
        service = Compare(path="/service", op="==", value=f"s{number}")
        ratio = Compare(path="/ratio", op=">=", value=3)
        spike = Pattern(variable="spike", type="Spike", conditions=(service, ratio))
        matcher.add(f"source{number}", Trigger(patterns=(spike,)), ())
    setup_us = (perf_counter() - start) / size * 1e6
    changes = [
        entry(1, "Spike", {"service": f"s{number * 7919 % size}", "ratio": 5}) for number in range(ROUNDS)
    ]
    report("triggers with distinct constants", size, matcher, changes, setup_us)


def bench_gated(size: int) -> None:
    """The same, each with a join and an absent group that name no constant themselves."""
    matcher = Matcher()
    start = perf_counter()
    for number in range(size):
        same = Compare(path="/service", op="==", field=Field(variable="spike", path="/service"))
        service = Compare(path="/service", op="==", value=f"s{number}")
        spike = Pattern(variable="spike", type="Spike", conditions=(service,))
        deploy = Pattern(variable="deploy", type="Deploy", conditions=(same,))
        cause = Pattern(variable="cause", type="Cause", conditions=(same,))
        trigger = Trigger(patterns=(spike, deploy), absent=((cause,),))
        matcher.add(f"source{number}", trigger, ())
    setup_us = (perf_counter() - start) / size * 1e6
    for number in range(10):
        matcher.update(None, entry(number + 1, "Deploy", {"service": f"s{number}"}))
    changes = [entry(100, "Spike", {"service": f"s{number % 10}"}) for number in range(ROUNDS)]
    report("triggers with join and absent", size, matcher, changes, setup_us)
    changes = [entry(100, "Cause", {"service": f"s{number % 10}"}) for number in range(ROUNDS)]
    report("an entry that an absent group names", size, matcher, changes, setup_us)


def bench_thresholds(size: int) -> None:
    """Thresholds only: ten triggers match."""
    matcher = Matcher()
    start = perf_counter()
    for number in range(size):
        ratio = Compare(path="/ratio", op=">", value=number)
        spike = Pattern(variable="spike", type="Spike", conditions=(ratio,))
        matcher.add(f"source{number}", Trigger(patterns=(spike,)), ())
    setup_us = (perf_counter() - start) / size * 1e6
    changes = [entry(1, "Spike", {"ratio": 10}) for _ in range(ROUNDS)]
    report("thresholds only", size, matcher, changes, setup_us)


def bench_join(size: int) -> None:
    """An equality join over `size` entries with five matches, and an inequality checked on them."""
    matcher = Matcher()
    same = Compare(path="/service", op="==", field=Field(variable="spike", path="/service"))
    before = Compare(path="/at", op="<=", field=Field(variable="spike", path="/at"))
    spike = Pattern(variable="spike", type="Spike")
    deploy = Pattern(variable="deploy", type="Deploy", conditions=(same, before))
    matcher.add("correlator", Trigger(patterns=(spike, deploy)), ())
    groups = size // 5
    start = perf_counter()
    for number in range(size):
        matcher.update(None, entry(number + 1, "Deploy", {"service": f"s{number % groups}", "at": number}))
    setup_us = (perf_counter() - start) / size * 1e6
    changes = [
        entry(size + 1, "Spike", {"service": f"s{number % groups}", "at": size}) for number in range(ROUNDS)
    ]
    report("equality join", size, matcher, changes, setup_us)


if __name__ == "__main__":
    for triggers in (10, 1_000, 100_000):
        bench_triggers(triggers)
        bench_thresholds(triggers)
    for triggers in (10, 1_000, 20_000):
        bench_gated(triggers)
    for entries in (1_000, 100_000):
        bench_join(entries)
