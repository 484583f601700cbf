"""Programs of the settings are run as agents: started, watched, scaled with the work, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from blackboard.config import AgentSettings, Config
from blackboard.server import fleet
from blackboard.server.app import Server
from tests.server.talk import WORD, Talk, source, talking
from tests.server.test_plugin_reload import poll, text

AGENT = (
    *(sys.executable, "-m", "blackboard_sources.worker", "--url", "{url}", "--token-file", "{token_file}"),
    *("--agent", "{agent}", "--credits", "1", "--log-level", "ERROR", "--file"),
)


class Scene:
    """A server with one program, and someone who talks to it."""

    def __init__(self, server: Server, talk: Talk) -> None:
        self.server = server
        self.talk = talk

    async def instances(self, **wanted: Any) -> list[dict[str, Any]]:
        rows = (await self.talk.call("agent.list"))["supervised"]
        return [row for row in rows if row.items() >= wanted.items()]

    async def connected(self, count: int) -> list[dict[str, Any]]:
        async def ask() -> list[dict[str, Any]]:
            found = await self.instances(state="connected")
            return found if len(found) == count else []

        return await poll(ask)

    async def works(self, agent: str) -> None:
        async def ask() -> bool:
            rows = (await self.talk.call("agent.list"))["agents"]
            return any(row["agent"] == agent and row["sources"] and row["connected"] for row in rows)

        await poll(ask)

    async def pid(self, agent: str) -> int:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"--agent\0{agent}\0".encode() in path.read_bytes():
                    return int(path.parent.name)
        return 0


@contextlib.asynccontextmanager
async def scene(tmp_path: Path, content: str, **settings: Any) -> AsyncIterator[Scene]:
    file = tmp_path / "program.py"
    file.write_text(content)
    config = Config(
        port=0,
        data_dir=str(tmp_path / "data"),
        sources_dir="",
        ephemeral=True,
        agents={"act": AgentSettings(**{"command": (*AGENT, str(file))} | settings)},
    )
    async with Server(config) as server, talking(server) as talk:
        yield Scene(server, talk)


async def test_program_is_started_again_when_it_ends_and_stopped_with_the_server(tmp_path: Path) -> None:
    """It works like any other agent, under the name that it was told."""
    async with scene(tmp_path, text()) as here:
        await here.works("act-1")
        pid = await here.pid("act-1")
        os.kill(pid, signal.SIGKILL)

        async def restarted() -> bool:
            return bool(await here.instances(agent="act-1", restarts=1, exit_code=-9, state="connected"))

        await poll(restarted)
        await here.works("act-1")
        await here.talk.call("entry.post", board="default", type="Item", data={"n": 1})

        async def done() -> bool:
            found = await here.talk.call("agenda.list", board="default", state="executed")
            return len(found["activations"]) == 1

        await poll(done)
        pid = await here.pid("act-1")
    assert not Path(f"/proc/{pid}").exists()


async def test_program_grows_with_the_work_that_waits_and_shrinks_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its bounds; every activation is executed once."""
    monkeypatch.setattr(fleet, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(fleet, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(fleet, "IDLE_SECONDS", 1.0)
    async with scene(tmp_path, text(nap=0.2), instances_max=3) as here:
        await here.works("act-1")
        for n in range(40):
            await here.talk.call("entry.post", board="default", type="Item", data={"n": n})
        await here.connected(3)

        async def done() -> list[dict[str, Any]]:
            found = await here.talk.call("agenda.list", board="default", state="executed")
            return found["activations"] if len(found["activations"]) == 40 else []

        assert {each["attempts"] for each in await poll(done)} == {1}
        await here.connected(1)

        async def alone() -> bool:
            return len(await here.instances()) == 1

        await poll(alone)


async def test_program_that_never_connects_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that runs is not yet an agent."""
    monkeypatch.setattr(fleet, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(fleet, "SILENT_SECONDS", 0.5)
    mute = (sys.executable, "-S", "-c", "import sys; sys.stdin.read()")
    async with scene(tmp_path, "", command=mute) as here:

        async def restarted() -> bool:
            return any(each["restarts"] for each in await here.instances())

        await poll(restarted)
    assert "a supervised agent is not connected" in {record.getMessage() for record in caplog.records}


async def test_program_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    async with scene(tmp_path, "", command=("/no/such/program",)) as here:

        async def tried() -> bool:
            return bool(await here.instances(state="waiting", restarts=1))

        await poll(tried)


async def test_program_sees_what_it_is_told_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its own folder; names that it needs are filled in, in its command and its environment."""
    monkeypatch.setenv("API_KEY", "secret")
    out = tmp_path / "environment"
    all_of_it = "(dict(os.environ), sys.argv[1:], os.getcwd())"
    dump = f"import os, sys; open({str(out)!r}, 'w').write(repr({all_of_it}))"
    folder = tmp_path / "folder"
    folder.mkdir()
    async with scene(
        tmp_path,
        "",
        command=(sys.executable, "-S", "-c", f"{dump}; sys.stdin.read()", "{agent}", "{url}", "{other}"),
        environment={"MODEL": "small"},
        directory=str(folder),
    ) as here:

        async def dumped() -> bool:
            return out.exists() and out.read_text().endswith(")")

        await poll(dumped)
        environment, arguments, where = eval(out.read_text())
        assert arguments == ["act-1", here.server.url, "{other}"]
        assert where == str(folder)
        assert environment["MODEL"] == "small"
        assert environment["BLACKBOARD_AGENT"] == "act-1"
        assert environment["BLACKBOARD_URL"] == here.server.url
        assert Path(environment["BLACKBOARD_TOKEN_FILE"]).read_text().strip() == here.server.token
        assert "API_KEY" not in environment


async def test_work_waits_only_where_an_agent_of_these_could_do_it(tmp_path: Path) -> None:
    """What is busy elsewhere, or runs at its own cap, asks for nobody more."""
    async with (
        Server(Config(port=0, data_dir=str(tmp_path), sources_dir="", ephemeral=True)) as server,
        talking(server, agent="w") as talk,
    ):
        table = server._agents
        await talk.call("source.register", source=source(types=[WORD]), credits=1)
        assert not table.is_starved(["w"])
        for n in range(2):
            await talk.call("entry.post", board="default", type="Word", data={"n": n})
        assert table.is_starved(["w"])
        assert not table.is_starved(["another"])
        assert (table.is_connected("w"), table.is_connected("another")) == (True, False)
        assert (table.leases("w"), table.leases("another")) == (1, 0)
        await talk.call("agent.credits", credits=2)
        await asyncio.sleep(0)
        assert not table.is_starved(["w"])
