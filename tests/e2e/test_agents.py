"""Eight agents in processes of their own work on one board; one is killed, one sleeps through its lease."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Any

from tests.e2e.logs import events, executions, of
from tests.e2e.processes import Child, command, now_ms, poll, server
from tests.server.talk import Talk, talking

AGENTS = 8
ITEMS = 24
KILLED, PAUSED = 0, 1
"""Items whose first attempt does not end by itself."""
LEASE_MS = 1_500

PLUGIN = f"""
import asyncio
from pathlib import Path

from blackboard import BlackboardError, Context, Entry, Hypothesis, Post, knowledge_source

HERE = Path(__file__).parent


class Item(Hypothesis, level="item"):
    n: int


class Done(Hypothesis, level="done"):
    n: int
    agent: str


@knowledge_source(produces=[Done], lease={LEASE_MS / 1_000})
async def work(ctx: Context, item: Entry[Item]) -> Post:
    n = item.data.n
    done = Done(n=n, agent=ctx.agent)
    if n in ({KILLED}, {PAUSED}) and ctx.attempt == 1:
        await asyncio.sleep({1.5 * LEASE_MS / 1_000})  # Longer than the lease, so it has been renewed.
        (HERE / f"holding-{{n}}").touch()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            try:
                await ctx.post(done, note="too late")
            except BlackboardError as error:
                (HERE / "refusal").write_text(error.code)
            raise
    await asyncio.sleep(0.02)
    return Post(done, note=f"attempt {{ctx.attempt}}")
"""


async def holder(talk: Talk, folder: Path, n: int) -> tuple[str, int]:
    """Wait until an agent holds item `n`; return its name and the activation."""

    async def held() -> bool:
        return (folder / f"holding-{n}").exists()

    await poll(held)
    leased = (await talk.call("agenda.list", board="b", state="leased"))["activations"]
    items = (await talk.call("entry.list", board="b", type="Item"))["entries"]
    entry = next(each["id"] for each in items if each["data"]["n"] == n)
    (found,) = [each for each in leased if each["bindings"][0]["entry"] == entry]
    return found["lease"]["agent"], found["id"]


async def offered_again(talk: Talk, activation: int) -> dict[str, Any]:
    """Wait for the second lease of an activation, and return its event."""

    async def second() -> dict[str, Any] | None:
        grants = of(await events(talk, "b"), "lease_granted", activation=activation)
        return grants[1] if len(grants) > 1 else None

    found = await poll(second)
    assert found is not None
    return found


async def test_board_ends_rightly_though_one_agent_dies_and_one_sleeps_through_its_lease(
    tmp_path: Path,
) -> None:
    """The work is offered again within the lease and a second; the late result is refused."""
    (tmp_path / "work.py").write_text(PLUGIN)
    async with contextlib.AsyncExitStack() as stack:
        served = await stack.enter_async_context(server(tmp_path))
        talk = await stack.enter_async_context(talking(served.url, token=served.token))
        await talk.call("board.open", board="b", paused=True)
        agents: dict[str, Child] = {}
        for number in range(AGENTS):
            name = f"agent-{number}"
            run = command(
                *("run", "work.py", "--agent", name, "--credits", "1", "--url", served.url), folder=tmp_path
            )
            agents[name] = await stack.enter_async_context(run)

        async def are_there() -> bool:
            found = (await talk.call("agent.list"))["agents"]
            return sum(each["sources"] == ["work"] and each["connected"] for each in found) == AGENTS

        await poll(are_there)
        for n in range(ITEMS):
            await talk.call("entry.post", board="b", type="Item", data={"n": n})
        await talk.call("board.resume", board="b")

        # One is killed while it holds a lease, one stopped; both have renewed it.
        killed, lost = await holder(talk, tmp_path, KILLED)
        killed_ms = now_ms()
        await agents[killed].kill_9()
        paused, late = await holder(talk, tmp_path, PAUSED)
        paused_ms = now_ms()
        agents[paused].send(signal.SIGSTOP)
        assert killed != paused
        for activation, since_ms in ((lost, killed_ms), (late, paused_ms)):
            grant = await offered_again(talk, activation)
            assert grant["time_ms"] - since_ms <= LEASE_MS + 1_000
            first, second = of(await events(talk, "b"), "lease_granted", activation=activation)
            assert second["token"] > first["token"]
            assert second["agent"] != first["agent"]

        async def is_done() -> bool:
            return len(executions(await events(talk, "b"))) == ITEMS

        await poll(is_done)

        # The sleeper wakes up and hands in its result, which is refused.
        agents[paused].send(signal.SIGCONT)

        async def refusal() -> str:
            file = tmp_path / "refusal"
            return file.read_text() if file.exists() else ""

        assert await poll(refusal) == "stale_token"
        await talk.call("board.configure", board="b", settings={"completion": [{"is": "quiescent"}]})

        async def has_ended() -> bool:
            return (await talk.call("board.get", board="b"))["status"] == "ended"

        await poll(has_ended)
        assert (await talk.call("board.get", board="b"))["outcome"] == "quiescent"
        done = (await talk.call("entry.list", board="b", type="Done"))["entries"]
        assert sorted(each["data"]["n"] for each in done) == list(range(ITEMS))
        log = await events(talk, "b")
        assert len(executions(log)) == ITEMS
        assert set(executions(log).values()) == {1}
        by = {each["data"]["n"]: each["data"]["agent"] for each in done}
        assert by[KILLED] != killed
        assert by[PAUSED] != paused
        assert len(set(by.values())) > 2
