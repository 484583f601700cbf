"""Plugins are loaded, replaced and removed while work runs; the last good version always serves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from blackboard.config import Config, WorkerSettings
from blackboard.server import plugin
from blackboard.server.app import Server
from blackboard.server.plugin import News
from tests.server.talk import Talk, talking

TEXT = """
import asyncio
from blackboard import Context, Entry, Hypothesis, Post, knowledge_source, on, var, when

VERSION = {version}

class Item(Hypothesis, level="item"):
    n: int

class Done(Hypothesis, level="done", identity=("n", "version")):
    n: int
    version: int

ITEM = var(Item)

@knowledge_source(when(on(ITEM, ITEM.n >= {least})), produces=[Done], name="{name}", lease={lease})
async def act(ctx: Context, item: Entry[Item]) -> Post:
    await asyncio.sleep({nap})
    return Post(Done(n=item.data.n, version=VERSION))
"""


def text(*, version: int = 1, least: int = 0, name: str = "act", nap: float = 0, lease: float = 15) -> str:
    return TEXT.format(version=version, least=least, name=name, nap=nap, lease=lease)


BROKEN = [
    "x = (\n",
    "raise RuntimeError('not today')\n",
    "",
    "import nothing_of_this_name\n",
    text(least=3).replace("ITEM.n", "ITEM.m"),
]
"""What half-written and mistaken files look like: none of these may ever serve."""


async def poll(ask: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await ask()):
            await asyncio.sleep(0.02)
        return found


class Scene:
    """A server with a folder of plugins, and someone who talks to it."""

    def __init__(self, folder: Path, talk: Talk, news: list[News]) -> None:
        self.folder = folder
        self.talk = talk
        self.news = news

    def write(self, content: str, name: str = "act.py") -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_text(content)

    async def told(self, kind: str, count: int = 1) -> News:
        """Wait for the given number of news of a kind, and return the last."""

        async def ask() -> list[News]:
            found = [each for each in self.news if each.kind == kind]
            return found[count - 1 :]

        return (await poll(ask))[0]

    async def post(self, *numbers: int) -> None:
        for n in numbers:
            await self.talk.call("entry.post", board="default", type="Item", data={"n": n})

    async def done(self) -> list[dict[str, int]]:
        types = await self.talk.call("type.list", board="default")
        if not any(each["name"] == "Done" for each in types["types"]):
            return []
        found = await self.talk.call("entry.list", board="default", type="Done")
        return [each["data"] for each in found["entries"]]

    async def until_done(self, count: int) -> list[dict[str, int]]:
        async def ask() -> list[dict[str, int]]:
            found = await self.done()
            return found if len(found) >= count else []

        return await poll(ask)

    async def agenda(self, state: str) -> list[dict[str, Any]]:
        return (await self.talk.call("agenda.list", board="default", state=state))["activations"]

    async def plugins(self) -> dict[str, dict[str, Any]]:
        return {each["plugin"]: each for each in (await self.talk.call("agent.list"))["plugins"]}


@contextlib.asynccontextmanager
async def scene(tmp_path: Path, *plugins: str, **settings: Any) -> AsyncIterator[Scene]:
    folder = tmp_path / "plugins"
    news: list[News] = []
    config = Config(
        port=0,
        data_dir=str(tmp_path / "data"),
        sources_dir=str(folder),
        ephemeral=True,
        workers=WorkerSettings(**{"entry_points": False} | settings),
    )
    for content in plugins:
        folder.mkdir(exist_ok=True)
        (folder / "act.py").write_text(content)
    async with Server(config, tell=news.append) as server, talking(server) as talk:
        yield Scene(folder, talk, news)


async def test_file_that_appears_is_started_and_one_that_changes_is_replaced(tmp_path: Path) -> None:
    """The folder need not even be there at the start; new code takes over what comes next."""
    async with scene(tmp_path) as here:
        here.write(text())
        loaded = await here.told("loaded")
        assert [(each.source, each.trigger, each.produces) for each in loaded.sources] == [
            ("act", "Item(n >= 0)", ("Done",))
        ]
        await here.post(1)
        assert await here.until_done(1) == [{"n": 1, "version": 1}]
        here.write(text(version=2))
        await here.told("reloaded")
        await here.post(2)
        assert (await here.until_done(2))[1:] == [{"n": 2, "version": 2}]
        found = (await here.plugins())["act.py"]
        assert (found["state"], found["sources"], found["restarts"]) == ("serving", ["act"], 0)


async def test_broken_file_leaves_the_last_good_version_at_work(tmp_path: Path) -> None:
    """The report names file and line; a restart runs the good version, not what stands in the file."""
    async with scene(tmp_path, text()) as here:
        await here.told("loaded")
        here.write(text(version=2) + "\nx = (\n")
        refused = await here.told("refused")
        assert "act.py:21: SyntaxError: '(' was never closed" in refused.error
        assert refused.serving_since is not None
        found = (await here.plugins())["act.py"]
        assert (found["state"], found["error"]) == ("stale", refused.error)
        agents = (await here.talk.call("agent.list"))["agents"]
        (pid,) = [int(each["agent"].rpartition("-")[2]) for each in agents if each["sources"]]
        os.kill(pid, signal.SIGKILL)
        await here.post(1)
        assert await here.until_done(1) == [{"n": 1, "version": 1}]
        found = (await here.plugins())["act.py"]
        assert (found["state"], found["restarts"]) == ("stale", 1)
        here.write(text(version=2))
        await here.told("reloaded")
        assert (await here.plugins())["act.py"]["error"] == ""


async def test_undone_mistake_needs_no_new_process(tmp_path: Path) -> None:
    """The version that is written again serves already."""
    async with scene(tmp_path, text()) as here:
        await here.told("loaded")
        before = (await here.talk.call("agent.list"))["agents"]
        here.write("x = (")
        await here.told("refused")
        here.write(text())
        await here.told("reloaded")
        after = (await here.talk.call("agent.list"))["agents"]
        names = [[each["agent"] for each in agents if each["sources"]] for agents in (before, after)]
        assert names[0] == names[1] != []
        assert (await here.plugins())["act.py"]["state"] == "serving"


async def test_pending_work_goes_on_with_new_code_and_leased_work_runs_to_its_end(tmp_path: Path) -> None:
    """Under the same trigger nothing is run again, and nothing is forgotten."""
    async with scene(tmp_path, text(nap=1.5)) as here:
        await here.told("loaded")
        await here.post(*range(12))

        async def leased() -> bool:
            return len(await here.agenda("leased")) == 8

        await poll(leased)
        here.write(text(version=2))
        await here.told("reloaded")
        found = await here.until_done(12)
        assert sorted(each["n"] for each in found) == list(range(12))
        versions = {each["n"]: each["version"] for each in found}
        assert set(versions.values()) == {1, 2}
        assert sum(version == 1 for version in versions.values()) == 8


async def test_changed_trigger_voids_what_was_pending_under_the_former_one(tmp_path: Path) -> None:
    """What is leased runs to its end under the old code; what matches the new trigger is triggered anew."""
    async with scene(tmp_path, text(nap=1.5)) as here:
        await here.told("loaded")
        await here.post(*range(12))

        async def leased() -> bool:
            return len(await here.agenda("leased")) == 8

        await poll(leased)
        here.write(text(version=2, least=10))
        await here.told("reloaded")

        async def settled() -> bool:
            return not await here.agenda("leased") and not await here.agenda("executable")

        await poll(settled)
        found = await here.done()
        assert sorted(each["n"] for each in found if each["version"] == 2) == [10, 11]
        assert sorted(each["n"] for each in found if each["version"] == 1) == list(range(8))
        voided = await here.agenda("obviated")
        assert len(voided) == 4
        assert {each["reason"] for each in voided} == {"its source has a new trigger"}


async def test_removed_file_disables_its_source_until_it_returns(tmp_path: Path) -> None:
    """What is pending waits for its return, and then runs once."""
    async with scene(tmp_path, text(nap=1)) as here:
        await here.told("loaded")
        await here.post(*range(10))

        async def leased() -> bool:
            return len(await here.agenda("leased")) == 8

        await poll(leased)
        (here.folder / "act.py").unlink()
        retired = await here.told("retired")
        assert [each.source for each in retired.sources] == ["act"]
        assert len(await here.until_done(8)) == 8
        assert await here.plugins() == {}
        waiting = await here.agenda("executable")
        assert [each["waits_for"] for each in waiting] == ["source 'act' is disabled"] * 2
        await here.post(10)
        here.write(text(version=2))
        found = await here.until_done(11)
        assert sorted(each["n"] for each in found) == list(range(11))


async def test_renamed_source_replaces_the_former_one(tmp_path: Path) -> None:
    """A source that the file has no more is disabled, even if the file is still there."""
    async with scene(tmp_path, text()) as here:
        await here.told("loaded")
        here.write(text(name="other"))
        retired = await here.told("retired")
        assert [each.source for each in retired.sources] == ["act"]
        assert (await here.talk.call("board.get", board="default"))["sources"] == ["other"]


async def test_file_that_is_moved_aside_and_written_anew_is_no_removal(tmp_path: Path) -> None:
    """Many editors save like this."""
    async with scene(tmp_path, text()) as here:
        await here.told("loaded")
        (here.folder / "act.py").rename(here.folder / "act.py~")
        await asyncio.sleep(0.2)
        here.write(text(version=2), "4913")
        (here.folder / "4913").rename(here.folder / "act.py")
        await here.told("reloaded")
        assert [each.kind for each in here.news] == ["loaded", "reloaded"]


async def test_changed_helper_is_a_new_version_of_every_plugin(tmp_path: Path) -> None:
    """A module whose name begins with an underscore is imported, not run."""
    async with scene(tmp_path) as here:
        here.write("VERSION = 1\n", "_helper.py")
        here.write(text().replace("VERSION = 1", "from _helper import VERSION"))
        await here.told("loaded")
        here.write("VERSION = 2\n", "_helper.py")
        await here.told("reloaded")
        await here.post(1)
        assert await here.until_done(1) == [{"n": 1, "version": 2}]
        assert list(await here.plugins()) == ["act.py"]


async def test_version_that_never_gets_ready_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up, and a newer one is tried without waiting for its whole time."""
    monkeypatch.setattr(plugin, "SUPERSEDED_SECONDS", 0.2)
    async with scene(tmp_path, text()) as here:
        await here.told("loaded")
        here.write("while True: pass\n")
        await asyncio.sleep(1)
        assert (await here.plugins())["act.py"]["state"] == "serving"
        here.write(text(version=2))
        await here.told("reloaded")
        assert [each.kind for each in here.news] == ["loaded", "reloaded"]
        monkeypatch.setattr(plugin, "READY_SECONDS", 1)
        here.write("while True: pass\n")
        refused = await here.told("refused")
        assert refused.error == "act.py: given up, since it was not ready within 1 s"


async def test_a_hundred_edits_lose_and_double_nothing(tmp_path: Path) -> None:
    """Half of them are broken, all keep the trigger; every item is done exactly once."""
    rolls = random.Random(5)
    async with scene(tmp_path, text()) as here:
        await here.told("loaded")
        posted = 0
        good = 1
        for edit in range(100):
            if edit % 2:
                here.write(rolls.choice(BROKEN))
            else:
                good += 1
                here.write(text(version=good, nap=rolls.choice([0, 0.05])))
            await here.post(posted, posted + 1)
            posted += 2
            await asyncio.sleep(rolls.choice([0.02, 0.1, 0.3]))
        await here.until_done(posted)
        here.write(text(version=1_000))

        async def newest() -> bool:
            found = (await here.plugins())["act.py"]
            return found["state"] == "serving" and found["error"] == ""

        await poll(newest)
        await here.post(posted)
        found = await here.until_done(posted + 1)
        assert sorted(each["n"] for each in found) == list(range(posted + 1))
        assert len(await here.agenda("executed")) == posted + 1
        for state in ("dead", "cancelled", "obviated", "leased", "executable"):
            assert await here.agenda(state) == []
        rows: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = await here.talk.call("board.log", board="default", after=after, limit=1_000)
            rows += page["rows"]
            after = page.get("next")
        leases = [row for row in rows if '"lease_granted"' in row["body"]]
        assert len(leases) == posted + 1, "every activation was leased once, none twice"
        kinds = [each.kind for each in here.news]
        assert kinds.count("reloaded") >= 3
        assert kinds.count("refused") >= 3
        assert "retired" not in kinds
