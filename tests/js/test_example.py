"""examples/javascript/agent.mjs works, and declares the very source of examples/deploy_correlator.py."""

import signal
import sys
from pathlib import Path

from node import ROOT, script

from tests.server.talk import Talk, serving, talking

AGENT = ROOT / "examples" / "javascript" / "agent.mjs"


async def fill(talk: Talk) -> None:
    """Post a deploy, two spikes after it, and one that is too far away."""
    deploy = {"service": "pay", "version": "v42", "at": 1000}
    await talk.call("entry.post", board="b", type="Deploy", data=deploy)
    for at, ratio in ((1060, 5), (1090, 2), (3000, 9)):
        spike = {"service": "pay", "at": at, "ratio": ratio}
        await talk.call("entry.post", board="b", type="ErrorSpike", data=spike, confidence=0.9)


async def test_the_example_finds_the_cause(tmp_path: Path):
    """It stops at Ctrl-C, with what it has begun done."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        await talk.call("board.open", board="b")
        async with script(AGENT, server.url, url=server.url, token=server.token) as agent:
            await agent.until_said("agent-")
            await talk.call("board.watch", board="b", after=0)
            await fill(talk)
            # Four posts and the cause; the spike that is too far away may be declined before or after it.
            await talk.until(lambda: events(talk).count("entry_posted") == 5)
            page = await talk.call("entry.list", board="b", type="Cause")
            (cause,) = page["entries"]
            assert cause["data"]["summary"] == "errors x5 60s after v42"
            assert cause["confidence"] == 0.87
            assert cause["author"] == "deploy-correlator"
            agent.process.send_signal(signal.SIGINT)
            assert "Error" not in await agent.rest()
            assert agent.process.returncode == 0


def events(talk: Talk) -> list[str]:
    """Return the kinds of the events that were notified."""
    return [row["event"]["event"] for params in talk.of("board.changed") for row in params["records"]]


async def test_it_shares_the_work_with_the_python_example(tmp_path: Path, monkeypatch):
    """Same name, same trigger, same types: two workers of one source."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    from deploy_correlator import deploy_correlator  # noqa: PLC0415 - an example, not a module of ours

    from blackboard.core.fact import to_data  # noqa: PLC0415

    try:
        async with serving(tmp_path, ephemeral=True) as server, talking(server) as python:
            theirs = to_data(deploy_correlator.declaration)
            registered = await python.call("source.register", source=theirs)
            async with script(AGENT, url=server.url, token=server.token) as agent:
                await agent.until_said("agent-")
                (source,) = (await python.call("source.list"))["sources"]
                assert len(source["agents"]) == 2
                assert source["trigger_hash"] == registered["trigger_hash"]
    finally:
        sys.modules.pop("deploy_correlator", None)
