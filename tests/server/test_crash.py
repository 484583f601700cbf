"""Kill -9 in the midst of work, and storage that fails: what was acknowledged stays, the rest is known."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import orjson
import pytest

from blackboard.core.errors import BlackboardError
from blackboard.core.record import Commit
from blackboard.store import MemoryStore
from tests.server.talk import WORD, Talk, serving, source, talking

SCRIPT = """
import asyncio, sys
from blackboard.config import Config
from blackboard.server.app import Server

async def main():
    async with Server(Config(port=0, data_dir=sys.argv[1], sources_dir="")) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def process(folder: Path):
    """A server in a process of its own; yields its address and the process."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(folder), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), 20)
        yield line.decode().strip(), child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path):
    """A held lease and an unacknowledged post survive in one of the two ways that are allowed."""
    async with process(tmp_path) as (url, child):
        token = (tmp_path / "token").read_text().strip()
        async with talking(url, token=token, agent="worker") as agent:
            await agent.call("source.register", source=source(types=[WORD]))
            await agent.call("board.open", board="b", types=[WORD])
            for n in range(50):
                await post(agent, n)
            await agent.until(lambda: bool(agent.of("activation.offered")))
            offer = agent.of("activation.offered")[0]
            await agent.call(
                "activation.accept", board="b", activation=offer["activation"], token=offer["token"]
            )
            pending = agent.send("entry.post", board="b", type="Word", data={"n": 99}, command_id="last")
            os.kill(child.pid, signal.SIGKILL)
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(5):
                    await pending
    async with serving(tmp_path) as server, talking(server, agent="worker") as agent:
        entries = (await agent.call("entry.list", board="b"))["entries"]
        assert [each["data"]["n"] for each in entries[:50]] == list(range(50))
        repeat = await post(agent, 99, command_id="last")
        assert repeat["entries"] == [51]
        held = {"board": "b", "activation": offer["activation"], "token": offer["token"]}
        await agent.until(
            lambda: offer["token"] in [each["token"] for each in agent.of("activation.offered")]
        )
        await agent.call("activation.complete", **held)
        done = await agent.call("agenda.list", board="b", state="executed")
        assert [each["id"] for each in done["activations"]] == [offer["activation"]]


async def post(talk: Talk, n: int, **params: str):
    return await talk.call("entry.post", board="b", type="Word", data={"n": n}, **params)


class Moody(MemoryStore):
    """A store that fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BlackboardError | None = None

    async def write(self, batch: list[Commit]):
        if self.error is not None:
            raise self.error
        return await super().write(batch)


async def test_a_full_disk_refuses_changes_and_serves_reads_until_there_is_room(tmp_path: Path):
    """Nothing that was refused is there; writing resumes by itself; watchers see no gap."""
    store = Moody()
    async with serving(tmp_path, store=store) as server, talking(server) as talk:
        await talk.call("board.open", board="b", types=[WORD])
        await talk.call("board.watch", board="b", after=0)
        await post(talk, 1)
        store.error = BlackboardError("storage_full", "no space left on the disk")
        answers = await asyncio.gather(*(talk.send("entry.post", **BODY) for _ in range(5)))
        assert {each["error"]["data"]["code"] for each in answers} == {"storage_full"}
        assert (await talk.call("board.get", board="b"))["entries"] == 1
        assert (await talk.call("entry.get", board="b", entry=1))["data"] == {"n": 1}
        assert await talk.code("entry.post", **BODY) == "storage_full"
        store.error = None
        async with asyncio.timeout(5):
            while True:
                answer = await talk.send("entry.post", **BODY)
                if "result" in answer:
                    break
                await asyncio.sleep(0.05)
        assert answer["result"]["entries"] == [2]
        await talk.until(lambda: len(talk.revisions) >= 4)
        assert talk.revisions == [1, 2, 3, 4]


BODY = {"board": "b", "type": "Word", "data": {"n": 7}}


async def test_after_a_failed_sync_nothing_is_acknowledged(tmp_path: Path):
    """The request stays unanswered, the server says why it has to end."""
    store = Moody()
    async with serving(tmp_path, store=store, stop_deadline_ms=500) as server, talking(server) as talk:
        await talk.call("board.open", board="b", types=[WORD])
        store.error = BlackboardError("storage_failed", "the disk failed to sync")
        pending = talk.send("entry.post", **BODY)
        with pytest.raises(BlackboardError, match="failed to sync"):
            await asyncio.wait_for(server.wait_failed(), 5)
        assert not pending.done()
        assert not server.is_ready
        assert orjson.loads(orjson.dumps(await talk.send("entry.post", **BODY)))["error"]["data"]["code"] == (
            "storage_failed"
        )
        pending.cancel()
