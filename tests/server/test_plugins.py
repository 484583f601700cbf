"""Plugins are found in a folder and among installed packages, and run within their bounds."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from blackboard.config import Config, WorkerSettings
from blackboard.server.app import Server
from blackboard.server.plugin import News
from blackboard.server.plugins import find_entry_points, find_plugins, worker_command
from tests.server.talk import talking
from tests.server.test_plugin_reload import TEXT, poll, scene, text


def test_plugins_are_found_by_name(tmp_path: Path) -> None:
    """Private and hidden files are none; a folder that is missing has none."""
    for name in ("b.py", "a.py", "_c.py", ".d.py", "e.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "f.py").mkdir()
    assert [path.name for path in find_plugins(tmp_path)] == ["a.py", "b.py"]
    assert find_plugins(tmp_path / "missing") == []


def test_a_worker_is_told_the_file_of_the_token_and_not_the_token(tmp_path: Path) -> None:
    """The command line can be read by everyone on the machine."""
    settings = WorkerSettings(memory_mib_max=64, open_files_max=0, niceness=1)
    command = worker_command(
        "--file", "p.py", url="ws://h:1/v1", token_file=tmp_path / "token", settings=settings
    )
    assert command[1:] == [
        *("-m", "blackboard_sources.worker"),
        *("--url", "ws://h:1/v1", "--token-file", str(tmp_path / "token")),
        *("--file", "p.py", "--log-level", "WARNING"),
        *("--memory-mib", "64", "--open-files", "0", "--niceness", "1"),
    ]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    """Make a package as an installer does, with one entry point per module."""
    info = folder / "acts-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acts\nVersion: 1.0\n")
    lines = [f"{name} = {name}:act" for name in modules]
    (info / "entry_points.txt").write_text("\n".join(["[blackboard.knowledge_sources]", *lines, ""]))
    for name, content in modules.items():
        (folder / f"{name}.py").write_text(content)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    importlib.invalidate_caches()


def test_modules_of_installed_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the group of their entry points; nothing is imported for it."""
    install(tmp_path, monkeypatch, acts_b="raise SystemExit", acts_a="raise SystemExit")
    assert [each for each in find_entry_points() if each.startswith("acts_")] == ["acts_a", "acts_b"]


@pytest.mark.parametrize("is_on", [True, False])
async def test_module_of_an_installed_package_is_run_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_on: bool
) -> None:
    """It is an ordinary plugin, in a process of its own."""
    install(tmp_path / "site", monkeypatch, acts_a=text(name="installed"))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "act.py").write_text(text())
    news: list[News] = []
    config = Config(
        port=0,
        data_dir=str(tmp_path / "data"),
        sources_dir=str(tmp_path / "plugins"),
        ephemeral=True,
        workers=WorkerSettings(entry_points=is_on),
    )
    async with Server(config, tell=news.append) as server, talking(server) as talk:

        async def loaded() -> bool:
            return len(news) == 1 + is_on

        await poll(loaded)
        found = [each["plugin"] for each in (await talk.call("agent.list"))["plugins"]]
        assert found == ["act.py", *(["acts_a"] if is_on else [])]
        assert sorted(server.workers) == found
    assert sorted(each.sources[0].source for each in news) == ["act", *(["installed"] if is_on else [])]


async def test_plugin_that_allocates_without_end_fails_alone(tmp_path: Path) -> None:
    """The reason stands with the activation, and the same process goes on with other work."""
    greedy = TEXT.replace("await asyncio.sleep({nap})", "_ = bytearray(10**9 if item.data.n == 1 else 1)")
    greedy = greedy.replace("lease=", "attempts=1, lease=")
    content = greedy.format(version=1, least=0, name="act", lease=15)
    async with scene(tmp_path, content, memory_mib_max=300) as here:
        await here.told("loaded")
        await here.post(1, 2)
        assert [each["n"] for each in await here.until_done(1)] == [2]
        (dead,) = await poll(lambda: here.agenda("dead"))
        assert "MemoryError" in dead["reason"]
        assert (await here.plugins())["act.py"]["restarts"] == 0


async def test_without_reload_the_folder_is_read_once(tmp_path: Path) -> None:
    """A server whose files change under it for other reasons can be told to leave them."""
    async with scene(tmp_path, text(), reload=False) as here:
        await here.told("loaded")
        here.write(text(name="other"), "other.py")
        (here.folder / "act.py").unlink()
        await here.post(1)
        await here.until_done(1)
        assert list(await here.plugins()) == ["act.py"]
