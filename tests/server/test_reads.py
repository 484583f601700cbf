"""What readers are shown, and how its size is bounded."""

import json
from typing import Any

import pytest

from blackboard.core.commands import (
    AttachAgent,
    Command,
    DefineType,
    EnableSource,
    NewLink,
    OpenBoard,
    PostEntry,
    Principal,
    Request,
)
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import Rejected
from blackboard.core.record import Commit
from blackboard.core.source import SourceDeclaration
from blackboard.core.trigger import Pattern, Trigger
from blackboard.engine import Engine
from blackboard.server import reads
from blackboard.wire.messages import AgendaListParams, AgendaListResult, EntryListParams, EntryWhyResult

SCHEMA: dict[str, Any] = {"type": "object"}


class Bench:
    """A board on its real engine."""

    def __init__(self) -> None:
        self.engine = Engine("b", salts=lambda: b"s" * 16)
        self.commits: list[Commit] = []
        self.do(OpenBoard(board="b"), DefineType(type=EntryType(name="T", level="l", schema=SCHEMA)))

    def do(self, *commands: Command) -> None:
        who = Principal(name="p")
        requests = tuple(Request(principal=who, command=command) for command in commands)
        ready = self.engine.handle(requests, 1)
        assert not [answer for answer in ready.answers if isinstance(answer, Rejected)]
        if ready.commit is not None:
            self.commits.append(ready.commit)

    def post(self, *links: int, text: str = "") -> None:
        made = tuple(NewLink(kind="supports", target=target, reason="so") for target in links)
        self.do(PostEntry(type="T", data={"text": text}, links=made))

    def page(self, **wanted: Any) -> dict[str, Any]:
        return json.loads(reads.entries(self.engine, EntryListParams(board="b", **wanted)))


def test_a_page_ends_where_it_would_become_too_large():
    """Few large entries fill it; `next` goes on behind the last one shown."""
    bench = Bench()
    for _ in range(10):
        bench.post(text="x" * 200_000)
    sizes: list[int] = []
    after: int | None = 0
    while after is not None:
        page = bench.page(after=after)
        sizes.append(len(page["entries"]))
        after = page.get("next")
    assert sizes == [4, 4, 2]


def test_a_page_looks_at_a_bounded_number_of_entries(monkeypatch: pytest.MonkeyPatch):
    """A filter that matches nothing costs several short reads instead of one long one."""
    monkeypatch.setattr(reads, "SCAN_MAX", 3)
    bench = Bench()
    for _ in range(7):
        bench.post()
    assert bench.page(type="None") == {"entries": [], "revision": 9, "next": 3}
    assert bench.page(type="None", after=6) == {"entries": [], "revision": 9}
    assert bench.page(after=7) == {"entries": [], "revision": 9}


def test_why_follows_reasons_as_far_as_asked():
    """Each step of depth reaches one link further; the neighbourhood is bounded."""
    bench = Bench()
    bench.post()
    for target in range(1, 5):
        bench.post(target)
    for depth, count in ((1, 2), (3, 4), (9, 5)):
        found = reads.why(bench.engine, 1, depth)
        EntryWhyResult.model_validate_json(json.dumps(found))
        assert len(found["nodes"]) == count
        assert len(found["edges"]) == count - 1
    with pytest.raises(Rejected):
        reads.why(bench.engine, 99, 1)


def test_why_shows_at_most_so_many_entries():
    """A hub with many neighbours is cut off, and every edge shown has both its ends."""
    bench = Bench()
    bench.post()
    for _ in range(reads.WHY_NODES_MAX + 20):
        bench.post(1)
    found = reads.why(bench.engine, 1, 2)
    assert len(found["nodes"]) == reads.WHY_NODES_MAX
    assert all({str(edge["source"]), str(edge["target"])} <= found["nodes"].keys() for edge in found["edges"])


def test_the_agenda_shows_what_can_run_first_and_hides_what_is_over():
    """Unless it is asked for by its state."""
    bench = Bench()
    pattern = Pattern(variable="x", type="T")
    bench.do(EnableSource(source=SourceDeclaration(name="s", trigger=Trigger(patterns=(pattern,)))))
    for _ in range(3):
        bench.post()
    bench.do(AttachAgent(agent="a", sources=("s",), credits=1))

    def shown(**wanted: Any) -> list[tuple[int, str]]:
        params = AgendaListParams(board="b", **wanted)
        found = reads.agenda(bench.engine, params, now_ms=1)
        AgendaListResult.model_validate_json(json.dumps(found))
        return [(each["id"], each["state"]) for each in found["activations"]]

    assert shown() == [(2, "executable"), (3, "executable"), (1, "leased")]
    assert shown(limit=1) == [(2, "executable")]
    assert shown(state="leased") == [(1, "leased")]
    assert shown(state="dead") == []


def test_the_log_is_shown_in_whole_commits():
    """The first one in any case, however long; the hash stands on a commit's last row."""
    bench = Bench()
    bench.post()
    page = reads.log_page(bench.commits, after=0, limit=1)
    assert [row["revision"] for row in page["rows"]] == [1, 2]
    assert [row.get("commit") for row in page["rows"]] == [None, bench.commits[0].hash]
    assert page["next"] == 2
    assert len(reads.log_page(bench.commits, after=0, limit=3)["rows"]) == 3
    assert reads.log_page([], after=7, limit=3) == {"rows": []}
