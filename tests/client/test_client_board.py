"""The handle to a board: what each call sends, and what it makes of the answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from blackboard.authoring import Judge, Link, Post, Revise, supports
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.client import SessionOptions, open_session
from blackboard.core.completion import Quiescent, Settings
from blackboard.core.errors import BlackboardError
from tests.client.fake_server import in_turn, serving

FAST = SessionOptions(request_timeout=5)
RECEIPT = {"revision": 7, "entries": [3, 4], "repeated": True}
INFO = {
    "board": "b",
    "goal": "g",
    "status": "open",
    "revision": 10,
    "entries": 2,
    "settings": {},
    "types": [],
    "sources": ["s"],
    "opened_ms": 1,
    "answer": [2],
}


class Word(Hypothesis, level="word"):
    text: str


def entry(number: int, text: str = "hi") -> dict[str, Any]:
    return {
        "id": number,
        "type": "Word",
        "level": "word",
        "data": {"text": text},
        "version": 2,
        "status": "proposed",
        "author": "me",
        "confidence": 0.5,
        "belief": 0.25,
        "claims": [],
        "because": [1],
        "posted_ms": 5,
        "posted_revision": 1,
        "data_revision": 1,
        "a_field_of_a_newer_server": True,
    }


def without_id(params: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != "command_id"}


async def test_posting_a_hypothesis_defines_its_type_once() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        board = session.board("b")
        server.scripts["entry.post"] = lambda _: RECEIPT
        assert await board.post(Word(text="hi"), confidence=0.5, note="n", links=[supports(1)]) == 3
        await board.post(Word(text="ho"))
        assert [each["type"]["name"] for each in server.said("type.define")] == ["Word"]
        assert without_id(server.said("entry.post")[0]) == {
            "board": "b",
            "type": "Word",
            "data": {"text": "hi"},
            "confidence": 0.5,
            "note": "n",
            "links": [{"kind": "supports", "target": 1, "weight": 1.0}],
        }


async def test_plain_data_is_posted_under_its_type() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        await session.board("b").post("Word", {"text": "hi"}, because=[2], ttl=2)
        assert without_id(server.said("entry.post")[0]) == {
            "board": "b",
            "type": "Word",
            "data": {"text": "hi"},
            "confidence": 1.0,
            "because": [2],
            "ttl_ms": 2000,
        }
        assert server.said("type.define") == []


async def test_types_are_defined_again_on_the_next_connection() -> None:
    options = SessionOptions(backoff_first=0.01, request_timeout=5)
    async with serving() as server, open_session(server.url, token="t", options=options) as session:
        await session.board("b").post(Word(text="hi"))
        server.cut()
        await server.wait_for("session.hello", 2)
        await session.request("session.ping", {})
        await session.board("b").post(Word(text="hi"))
        assert len(server.said("type.define")) == 2


async def test_other_changes_send_their_fields() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        board = session.board("b")
        server.scripts["entry.get"] = lambda _: entry(5)
        five = await board.entry(5)
        assert (five.id, five.data, five.confidence, five.belief, five.because) == (
            5,
            {"text": "hi"},
            0.5,
            0.25,
            (1,),
        )
        server.scripts["entry.revise"] = lambda _: RECEIPT
        receipt = await board.revise(five, Word(text="ho"), confidence=0.75)
        assert (receipt.revision, receipt.entries, receipt.repeated) == (7, (3, 4), True)
        await board.link("refutes", five, 6, weight=0.5, reason="r")
        await board.judge(five, "accept", reason="r")
        await board.retract(5, reason="r")
        await board.pause(reason="r")
        await board.resume()
        await board.configure(Settings(completion=(Quiescent(),)))
        await board.cancel(reason="r")
        sent = {name: without_id(params) for name, params in server.requests}
        assert sent["entry.revise"] == {
            "board": "b",
            "entry": 5,
            "version": 2,
            "data": {"text": "ho"},
            "confidence": 0.75,
        }
        link = {"board": "b", "kind": "refutes", "source": 5, "target": 6, "weight": 0.5, "reason": "r"}
        assert sent["entry.link"] == link
        assert sent["entry.judge"] == {"board": "b", "entry": 5, "verdict": "accept", "reason": "r"}
        assert sent["entry.retract"] == {"board": "b", "entry": 5, "reason": "r"}
        assert sent["board.configure"] == {"board": "b", "settings": {"completion": [{"is": "quiescent"}]}}
        assert sent["board.cancel"] == sent["board.pause"] == {"board": "b", "reason": "r"}


async def test_batch_is_one_request() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["entry.get"] = lambda _: entry(5)
        five = await session.board("b").entry(5)
        first = Post(Word(text="a"))
        await session.board("b").batch(
            [
                first,
                Word(text="b"),
                Link("supports", first, five),
                Judge(five, "accept"),
                Revise(five, confidence=1),
            ]
        )
        sent = server.said("entry.batch")[0]["contributions"]
        assert [each["do"] for each in sent] == ["post", "post", "link", "judge", "revise"]
        assert (sent[2]["source"], sent[2]["target"]) == (-1, 5)
        assert len(server.said("type.define")) == 1


async def test_entries_are_read_page_by_page() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        pages = [
            {"entries": [entry(1), entry(2)], "revision": 9, "next": 2},
            {"entries": [entry(5, "ho")], "revision": 9},
        ]
        server.scripts["entry.list"] = in_turn(*pages)
        found = await session.board("b").entries(Word)
        assert [(each.id, each.data) for each in found] == [
            (1, Word(text="hi")),
            (2, Word(text="hi")),
            (5, Word(text="ho")),
        ]
        queries = server.said("entry.list")
        assert queries[0] == {"board": "b", "type": "Word", "live": True}
        assert queries[1] == {"board": "b", "type": "Word", "live": True, "after": 2}
        await session.board("b").entries("Word", level="word", live=None)
        assert server.said("entry.list")[2] == {"board": "b", "type": "Word", "level": "word"}


async def test_why_is_read_with_entries_and_reasons() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["entry.why"] = lambda _: {
            "entry": 2,
            "nodes": {"1": entry(1), "2": entry(2)},
            "edges": [{"kind": "because", "source": 2, "target": 1, "author": "me"}],
        }
        why = await session.board("b").why(2, depth=2)
        assert (why.entry, sorted(why.nodes), why.nodes[1].data) == (2, [1, 2], {"text": "hi"})
        assert (why.edges[0].kind, why.edges[0].weight) == ("because", 1.0)
        assert server.said("entry.why") == [{"board": "b", "entry": 2, "depth": 2}]


async def test_board_is_opened_listed_and_read() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        settings = Settings(completion=(Quiescent(),), parallelism=2)
        board = await session.open_board("b", goal="g", settings=settings, exist_ok=True)
        assert without_id(server.said("board.open")[0]) == {
            "board": "b",
            "goal": "g",
            "settings": {"completion": [{"is": "quiescent"}], "parallelism": 2},
            "exist_ok": True,
            "paused": False,
        }
        server.scripts["board.get"] = lambda _: INFO
        info = await board.get()
        assert (info.status, info.outcome, info.answer, info.sources) == ("open", None, (2,), ("s",))
        server.scripts["board.list"] = lambda _: {"boards": [INFO]}
        assert await session.boards() == [info]


async def test_waiting_for_the_end_returns_the_outcome() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        ended = {**INFO, "status": "ended", "outcome": "solved", "reason": "goal", "revision": 12}
        server.scripts["board.get"] = in_turn(INFO, ended)
        task = asyncio.create_task(session.board("b").wait_ended(5))
        assert (await server.wait_for("board.watch"))[0] == {"board": "b", "after": 10, "types": []}
        await session.request("session.ping", {})
        server.change(11)
        event = {"event": "board_ended", "outcome": "solved", "reason": "goal", "answer": [2]}
        server.change(12, records=[{"revision": 12, "event": event}])
        info = await task
        assert (info.outcome, info.reason) == ("solved", "goal")


async def test_waiting_for_a_board_that_has_ended_returns_at_once() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["board.get"] = lambda _: {**INFO, "status": "ended", "outcome": "quiescent"}
        assert (await session.board("b").wait_ended(5)).outcome == "quiescent"
        assert server.said("board.watch") == []


async def test_waiting_for_the_end_has_a_deadline() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["board.get"] = lambda _: INFO
        with pytest.raises(BlackboardError, match=r"board 'b' has not ended within 0.05 s") as caught:
            await session.board("b").wait_ended(0.05)
        assert caught.value.code == "timed_out"


async def test_answer_that_cannot_be_read_is_an_error_with_the_place() -> None:
    async with serving() as server, open_session(server.url, token="t", options=FAST) as session:
        server.scripts["entry.get"] = lambda _: {"id": 5}
        with pytest.raises(BlackboardError, match="this release cannot read") as caught:
            await session.board("b").entry(5)
        assert caught.value.code == "internal_error"
