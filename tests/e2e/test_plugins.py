"""Plugin files beside the server: each in a process of its own, and a bad one harms nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

from tests.e2e.logs import events, executions, of
from tests.e2e.processes import Served, command, poll, server
from tests.server.talk import Talk, talking

EXAMPLE = Path(__file__).parents[2] / "examples" / "deploy_correlator.py"

TYPE = """
from blackboard import Context, Entry, Hypothesis, Post, knowledge_source

class Item(Hypothesis, level="item"):
    n: int
"""
HOG = f"""{TYPE}
@knowledge_source(lease=0.5, attempts=2)
async def hog(ctx: Context, item: Entry[Item]) -> None:
    while True:
        pass
"""
GOOD = f"""{TYPE}
class Double(Hypothesis, level="double"):
    n: int

@knowledge_source(produces=[Double])
async def doubler(ctx: Context, item: Entry[Item]) -> Post:
    return Post(Double(n=2 * item.data.n))
"""


def folder_of_plugins(folder: Path, **plugins: str) -> Path:
    """Write the plugin files; return the folder to serve from."""
    (folder / "knowledge_sources").mkdir()
    for name, text in plugins.items():
        (folder / "knowledge_sources" / f"{name}.py").write_text(text)
    return folder


async def sources(talk: Talk, *names: str) -> None:
    """Wait until each of these sources has a live agent."""

    async def are_there() -> bool:
        found = (await talk.call("source.list"))["sources"]
        return set(names) <= {each["source"] for each in found if each["agents"]}

    await poll(are_there)


async def test_source_that_loops_forever_leaves_the_others_working(tmp_path: Path) -> None:
    """Its lease expires, after its attempts the activation is a dead letter, and the server stops cleanly."""
    async with (
        server(folder_of_plugins(tmp_path, hog=HOG, good=GOOD)) as served,
        talking(served.url, token=served.token) as talk,
    ):
        await sources(talk, "hog", "doubler")
        await talk.call("entry.post", board="default", type="Item", data={"n": 0})

        async def log_of_hog() -> bool:
            return bool(of(await events(talk, "default"), "lease_granted", source="hog"))

        await poll(log_of_hog)
        for n in range(1, 4):
            await talk.call("entry.post", board="default", type="Item", data={"n": n})

        async def doubled() -> list[int]:
            found = await talk.call("entry.list", board="default", type="Double")
            numbers = sorted(each["data"]["n"] for each in found["entries"])
            return numbers if len(numbers) == 4 else []

        assert await poll(doubled) == [0, 2, 4, 6]

        async def dead() -> list[int]:
            found = await talk.call("agenda.list", board="default", state="dead")
            return [each["id"] for each in found["activations"]]

        (first, *_) = await poll(dead)
        log = await events(talk, "default")
        expiries = of(log, "lease_expired", activation=first, accepted=True)
        assert expiries[-1].get("retry_ms") is None
        assert first not in executions(log)
        assert "a handler has blocked the event loop" in served.child.complained
        assert await served.child.stop(15) == 0


async def cause(served: Served, talk: Talk) -> None:
    """Post what the README posts, by the command line, and wait for the cause as entry 3."""
    deploy = '{"service":"pay","version":"v42","at":1000}'
    spike = '{"service":"pay","at":1060,"ratio":5}'
    assert (await served.cli("post", "Deploy", deploy))[0] == 0
    code, said, _ = await served.cli("post", "ErrorSpike", spike, "--confidence", ".9")
    assert (code, said.split()[:4]) == (0, ["#2", "ErrorSpike", "on", "default,"])

    async def posted() -> bool:
        return (await talk.call("board.get", board="default"))["entries"] == 3

    await poll(posted)
    found = await talk.call("entry.get", board="default", entry=3)
    assert (found["type"], found["author"], found["because"]) == ("Cause", "deploy-correlator", [1, 2])
    assert found["data"]["summary"] == "errors x5 60s after v42"
    assert found["belief"] == 0.87
    code, said, _ = await served.cli("why", "3")
    assert code == 0
    assert "Deploy" in said
    assert "ErrorSpike" in said


async def test_example_dropped_into_the_folder_works_in_a_process_of_its_own(tmp_path: Path) -> None:
    """As the README shows it: dropped in before the start, posts from a terminal, and `why`."""
    folder_of_plugins(tmp_path)
    shutil.copy(EXAMPLE, tmp_path / "knowledge_sources")
    async with server(tmp_path) as served, talking(served.url, token=served.token) as talk:
        await sources(talk, "deploy-correlator")
        (agent,) = [each for each in (await talk.call("agent.list"))["agents"] if each["sources"]]
        pid = int(agent["agent"].rpartition("-")[2])
        assert pid != served.child.pid
        assert Path(f"/proc/{pid}").exists()
        await cause(served, talk)
        assert await served.child.stop() == 0
        assert not Path(f"/proc/{pid}").exists()


async def test_example_works_by_blackboard_run_too(tmp_path: Path) -> None:
    """The same file, started by hand as an agent; it leaves when it is asked to."""
    async with contextlib.AsyncExitStack() as stack:
        served = await stack.enter_async_context(server(tmp_path))
        talk = await stack.enter_async_context(talking(served.url, token=served.token))
        run = command("run", str(EXAMPLE), "--url", served.url, "--agent", "by-hand", folder=tmp_path)
        agent = await stack.enter_async_context(run)
        assert "+ deploy-correlator  when" in await agent.until_said("deploy-correlator")
        await sources(talk, "deploy-correlator")
        await cause(served, talk)
        assert await agent.stop() == 0


async def test_killed_worker_is_started_again(tmp_path: Path) -> None:
    """A plugin that crashes comes back, and goes on with what is posted."""
    folder = folder_of_plugins(tmp_path, good=GOOD)
    async with server(folder) as served, talking(served.url, token=served.token) as talk:
        await sources(talk, "doubler")

        async def worker() -> int:
            found = (await talk.call("agent.list"))["agents"]
            live = [each["agent"] for each in found if each["connected"] and each["sources"]]
            return int(live[0].rpartition("-")[2]) if live else 0

        pid = await poll(worker)
        assert b"blackboard_sources.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        os.kill(pid, signal.SIGKILL)

        async def another() -> bool:
            found = await worker()
            return found not in (0, pid)

        await poll(another)
        assert "a worker ended  worker=good exit_code=-9 restart_seconds=0.5" in served.child.complained
        await talk.call("entry.post", board="default", type="Item", data={"n": 21})

        async def doubled() -> bool:
            found = await talk.call("entry.list", board="default", type="Double")
            return [each["data"]["n"] for each in found["entries"]] == [42]

        await poll(doubled)
