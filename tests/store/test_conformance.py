"""Both stores pass the suite that defines what a store is."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from blackboard.store import MemoryStore, SqliteStore, Store, StoreLimits, conformance
from blackboard.store.conformance import CASES, Case, Make


def name_of(case: Case) -> str:
    return getattr(case, "__name__", repr(case))


@pytest.fixture(params=["memory", "sqlite-full", "sqlite-relaxed"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes stores on one medium; a memory store is its own medium, so there the same one comes back."""
    kind: str = request.param
    kept: list[Store] = []

    def make_store(limits: StoreLimits) -> Store:
        if kind == "memory":
            if not kept:
                kept.append(MemoryStore(limits=limits))
            return kept[0]
        path = tmp_path / "board.db"
        return SqliteStore(path, durability="full" if kind == "sqlite-full" else "relaxed", limits=limits)

    return make_store


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_store_conforms(case: Case, make: Make) -> None:
    """The case holds for this store."""
    await case(make)


def test_every_case_is_listed() -> None:
    """A case that is written but not listed would never run."""
    written = {
        name
        for name, value in vars(conformance).items()
        if inspect.iscoroutinefunction(value) and not name.startswith("_")
    }
    assert written == {name_of(case) for case in CASES}
