"""The log is all there is: replayed it gives the same state, and any change to it is found."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from blackboard import BlackboardError
from blackboard.cli.log import replayed
from tests.e2e.processes import Served, environment, poll, run, server
from tests.server.talk import WORD, source, talking

BYTES_CHANGED = 300
"""How many bytes are changed, one at a time, evenly spread over the export."""

SEEDED = """
import asyncio
from blackboard import Context, Entry, Hypothesis, Post, TestBoard, knowledge_source, supports

class Word(Hypothesis, level="word"):
    text: str

class Guess(Hypothesis, level="guess", identity=("first",)):
    first: str

@knowledge_source(produces=[Guess])
async def guesser(ctx: Context, word: Entry[Word]) -> Post:
    return Post(Guess(first=word.data.text[0]), confidence=0.6, links=[supports(word)])

@knowledge_source(produces=[Word], attempts=2)
async def flaky(ctx: Context, guess: Entry[Guess]) -> None:
    raise RuntimeError("as ever")

async def main():
    async with TestBoard(guesser, flaky, seed=11) as board:
        for text in ["zeta", "yota", "xi", "zorn", "yes"]:
            await board.post(Word(text=text))
        await board.settle()
        print(board.engine.state_hash())

asyncio.run(main())
"""


async def export(served: Served) -> Path:
    """Do some of everything on a board, and export it."""
    async with talking(served.url, token=served.token, agent="a") as talk:
        await talk.call("board.open", board="b", types=[WORD], goal="g")
        await talk.call("source.register", source=source(types=[WORD]), boards=["b"], credits=2)
        for n in range(6):
            await talk.call("entry.post", board="b", type="Word", data={"n": n}, note="é", confidence=0.7)
        await talk.until(lambda: len(talk.of("activation.offered")) == 2)
        offer = talk.of("activation.offered")[0]
        post = {"do": "post", "type": "Word", "data": {"n": 7}}
        link = {"do": "link", "kind": "supports", "source": 1, "target": -1}
        await talk.call(
            "activation.complete",
            board="b",
            activation=offer["activation"],
            token=offer["token"],
            contributions=[post, link],
        )
        await talk.call("entry.retract", board="b", entry=1, reason="wrong")
        await talk.call("board.cancel", board="b", reason="enough")

        async def has_ended() -> bool:
            return (await talk.call("board.get", board="b"))["status"] == "ended"

        await poll(has_ended)
        live = await talk.call("board.hash", board="b")
        code, _, _ = await served.cli("export", "b", "-o", "b.ndjson")
        assert code == 0
    code, said, _ = await served.cli("replay", "b.ndjson", "--json")
    assert code == 0
    assert {name: json.loads(said)[name] for name in live} == live
    return served.folder / "b.ndjson"


async def test_replay_of_an_export_gives_the_live_hash_and_any_changed_byte_is_found(tmp_path: Path) -> None:
    """The changed revision is named, with exit code 1; a file cut in a commit's midst is refused as well."""
    async with server(tmp_path) as served:
        file = await export(served)
    whole = file.read_bytes()
    for place in range(0, len(whole) - 1, len(whole) // BYTES_CHANGED):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(BlackboardError, match=r"revision \d+|line 1\b") as caught:
            replayed(bytes(changed).splitlines(keepends=True))
        assert caught.value.code == "log_corrupt"

    lines = whole.splitlines(keepends=True)
    number = next(index for index, line in enumerate(lines) if b'\\"n\\":3' in line)
    lines[number] = lines[number].replace(b'\\"n\\":3', b'\\"n\\":4')
    file.write_bytes(b"".join(lines))
    code, said, complaint = await run("replay", str(file), folder=tmp_path)
    assert (code, said) == (1, "")
    assert f"revision {number}" in complaint


async def test_same_seed_and_same_answers_give_the_same_state_hash() -> None:
    """In other processes too, whose hashes of strings differ."""

    async def state_hash(seed: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SEEDED),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(PYTHONHASHSEED=seed),
        )
        said, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        return said.split()[-1]

    hashes = {await state_hash(seed) for seed in ("1", "2")}
    assert len(hashes) == 1
    assert len(hashes.pop()) == 64
