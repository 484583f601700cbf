"""The recorder notices what it is there for; else the whole suite would pass for nothing."""

import json
from pathlib import Path

import orjson
import pytest
from processes import server
from recorder import FOLDER_VARIABLE, FileRecorder, Recorder, payload_of
from recording_fixtures import RECORDER

from blackboard.wire.frames import frame_text
from tests.server.talk import WORD, serving, talking


def request(id_: object = 1, method: str = "entry.get", **params: object) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})


def answer(id_: object = 1, **members: object) -> bytes:
    return frame_text(orjson.dumps({"jsonrpc": "2.0", "id": id_, **members}))


def refusal(code: str) -> dict[str, object]:
    return {"code": -1, "message": "", "data": {"code": code, "retryable": False, "advice": ""}}


@pytest.mark.parametrize(
    ("asked", "answered", "problem"),
    [
        (request(method="session.ping"), answer(result={}), None),
        (request(method="session.ping"), answer(result={"more": 1}), "session.ping.result: Additional"),
        (request(method="session.ping", more=1), answer(result={}), "took what its schema refuses"),
        (request(method="session.ping", more=1), answer(error=refusal("invalid_params")), None),
        (request(board="b", entry=1), answer(error=refusal("unknown_entry")), None),
        (request(board="b", entry=1), answer(error=refusal("stale_token")), 'entry.get.error: "stale_token"'),
        (request(board="b", entry=1), answer(2, result={}), "nobody asked for"),
        (request(method="no.such"), answer(error=refusal("unknown_method")), None),
        (request(method="no.such"), answer(error={"code": 1}), 'refusal: "message" is a required property'),
        (b"[1, 2", answer(None, error=refusal("parse_error")), None),
        (b"{}", frame_text(b'{"jsonrpc":"2.0","method":"board.lost","params":{}}'), "board.lost: "),
    ],
)
def test_a_wrong_frame_is_a_problem(asked: bytes, answered: bytes, problem: str | None) -> None:
    recorder = Recorder()
    recorder.came("a connection", asked)
    recorder.went("a connection", answered)
    problems = recorder.take()
    assert bool(problems) is (problem is not None)
    assert problem is None or problem in problems[0]
    assert recorder.take() == []


def test_connections_are_told_apart() -> None:
    """The same id on two of them belongs to two requests."""
    recorder = Recorder()
    recorder.came("one", request(method="session.ping"))
    recorder.came("two", request(board="b", entry=1))
    recorder.went("two", answer(error=refusal("unknown_entry")))
    recorder.went("one", answer(result={}))
    recorder.left("one")
    assert recorder.take() == []
    recorder.went("one", answer(result={}))
    assert len(recorder.take()) == 1


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536])
def test_payload_is_found_behind_each_kind_of_length(size: int) -> None:
    assert payload_of(frame_text(b"x" * size)) == b"x" * size


async def test_servers_of_this_process_are_tapped(tmp_path: Path) -> None:
    """Requests, results, refusals and notifications."""
    before = RECORDER.seen.copy()
    async with serving(tmp_path, ephemeral=True) as here, talking(here) as talk:
        await talk.call("board.open", board="b", types=[WORD])
        await talk.call("board.watch", board="b", after=0)
        assert await talk.code("entry.get", board="b", entry=1) == "unknown_entry"
        await talk.until(lambda: bool(talk.revisions))
    new = RECORDER.seen - before
    assert {"session.hello.result", "board.open", "board.watch", "entry.get.error", "board.changed"} <= set(
        new
    )


async def test_servers_in_processes_of_their_own_are_tapped(tmp_path: Path, recorded_children: Path) -> None:
    async with server(tmp_path) as served, talking(served.url, token=served.token) as talk:
        await talk.call("session.ping")
        await talk.close()
        assert await served.child.stop() == 0
    (noted,) = recorded_children.glob("*.seen")
    assert int(json.loads(noted.read_text().splitlines()[0])) >= 4


def test_a_problem_in_another_process_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    recorder = FileRecorder(tmp_path)
    recorder.went("a connection", answer(result={}))
    (file,) = tmp_path.glob("*.problems")
    assert "nobody asked for" in file.read_text()
