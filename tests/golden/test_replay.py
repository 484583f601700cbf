"""The golden transcripts hold against a real server, and the replayer notices where one departs."""

import json
from pathlib import Path
from typing import Any

import pytest
from replay import FOLDER, differs, fill, generalize, load, replay

from blackboard.core.errors import CATALOGUE
from blackboard.wire.messages import METHODS, NOTIFICATIONS
from tests.server.talk import serving

TRANSCRIPTS = sorted(FOLDER.glob("*.ndjson"))
RECEIVED = [line["receive"] for path in TRANSCRIPTS for line in load(path) if "receive" in line]
SENT = [line["send"] for path in TRANSCRIPTS for line in load(path) if "send" in line]


@pytest.mark.parametrize("ephemeral", [True, False], ids=["memory", "disk"])
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_transcript_holds(path: Path, ephemeral: bool, tmp_path: Path) -> None:
    """If a change is meant, run `python tests/golden/replay.py FILE` and read the difference."""
    async with serving(tmp_path, ephemeral=ephemeral) as server:
        await replay(path, server.url, server.token)


def test_the_subjects_are_there() -> None:
    assert {path.stem for path in TRANSCRIPTS} == {"agent", "batch", "errors", "hello", "post", "watch"}
    assert (
        {"activation.offered", "activation.withdrawn", "board.changed"}
        <= {frame.get("method") for frame in RECEIVED}
        <= {None, *NOTIFICATIONS}
    )
    methods = {frame["method"] for frame in SENT if "method" in frame}
    assert len(methods & set(METHODS)) > 25
    codes = {frame["error"]["data"]["code"] for frame in RECEIVED if "error" in frame}
    assert codes <= set(CATALOGUE)
    assert len(codes) > 25


def test_refusals_say_what_the_catalogue_says() -> None:
    for frame in RECEIVED:
        if "error" in frame:
            row = CATALOGUE[frame["error"]["data"]["code"]]
            assert frame["error"]["code"] == row.number
            assert frame["error"]["data"]["retryable"] is row.retryable
            assert frame["error"]["data"]["advice"] == row.advice


PING = {"jsonrpc": "2.0", "id": 8, "result": {}}


@pytest.mark.parametrize(
    ("last", "complaint"),
    [
        ({"receive": PING | {"result": {"more": 1}}}, r"missing \['more'\]"),
        ({"receive": PING | {"id": 9}}, "did not come"),
        ({"note": "left out"}, "no line expects"),
        ({"closed": 1000}, "closed with None"),
        ({"recieve": PING}, "no line of a transcript"),
    ],
)
async def test_a_departure_is_noticed(last: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    """Each replaces the answer to the last ping."""
    lines = load(FOLDER / "hello.ndjson")
    assert lines[-1] == {"receive": PING}
    path = tmp_path / "changed.ndjson"
    path.write_text("\n".join(json.dumps(line) for line in [*lines[:-1], last]), encoding="utf-8")
    async with serving(tmp_path, ephemeral=True) as server:
        with pytest.raises(AssertionError, match=complaint):
            await replay(path, server.url, server.token, seconds=0.3)


@pytest.mark.parametrize(
    ("pattern", "value", "difference"),
    [
        (1, 1, None),
        (1, 2, ": 2, expected 1"),
        (1, True, ": True, expected 1"),
        (1, 1.0, ": 1.0, expected 1"),
        ({"$any": "integer"}, 7, None),
        ({"$any": "integer"}, True, ": True is no integer"),
        ({"$any": "number"}, 0.5, None),
        ({"$any": "string"}, None, ": None is no string"),
        ({"a": [1, {"$any": "object"}]}, {"a": [1, {}]}, None),
        ({"a": [1, 2]}, {"a": [1]}, "/a: 1 items, expected 2"),
        ({"a": 1}, {"b": 1}, ": missing ['a'], not expected ['b']"),
        ({"$some": {"a": {"$any": "array"}}}, {"a": [], "b": 1}, None),
        ({"$some": {"a": 1}}, {"b": 1}, ": missing ['a'], not expected []"),
        ({"$bind": "known"}, 5, None),
        ({"$bind": "known"}, 6, ": 6 is not known, which is 5"),
        ([{"$bind": "new"}, {"$bind": "new"}], [1, 1], None),
        ([{"$bind": "new"}, {"$bind": "new"}], [1, 2], "/1: 2 is not new, which is 1"),
    ],
)
def test_placeholders(pattern: Any, value: Any, difference: str | None) -> None:
    assert differs(pattern, value, {"known": 5}) == difference


def test_bound_values_are_sent() -> None:
    assert fill({"a": [{"$bind": "x"}, 1]}, {"x": {"y": 2}}) == {"a": [{"y": 2}, 1]}


def test_written_anew_with_placeholders_where_runs_differ() -> None:
    frame = {"token": 3, "time_ms": 17, "error": {"message": "text"}, "n": 1, "agent": "agent-12"}
    assert generalize(frame, {"time_ms": "integer", "message": "string"}) == {
        "token": {"$bind": "lease_3"},
        "time_ms": {"$any": "integer"},
        "error": {"message": {"$any": "string"}},
        "n": 1,
        "agent": {"$any": "string"},
    }
