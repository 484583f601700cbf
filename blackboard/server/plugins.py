"""All plugins of a server: the files of a folder, which is watched, and the modules of installed packages.

`scan` compares the folder with what runs, by content. It is called for every burst of changes, after a short
rest in which an editor may finish writing, and every few seconds besides: a watch that missed something, a
folder on a file system that reports nothing, a folder that is created later or replaced by another of the
same name, all come right with the next scan. Writing by rename needs no case of its own.

A file whose name begins with `_` or `.` is no plugin. Other Python files at the top of the folder, those that
begin with `_`, are helpers: a change there is a new version of every plugin in the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import logging
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from blackboard.config import WorkerSettings
from blackboard.core.values import Data
from blackboard.server.plugin import News, Plugin, Version
from blackboard.server.workers import worker_environment

__all__ = ["ENTRY_POINTS", "Plugins", "find_entry_points", "find_plugins", "worker_command"]

logger = logging.getLogger(__name__)

ENTRY_POINTS: Final = "blackboard.knowledge_sources"
"""Group of entry points under which a package names modules with sources."""

REST_SECONDS: Final = 0.1
"""How long a file is left alone after a change."""
SCAN_SECONDS: Final = 3.0
"""How often the folder is looked at though nothing was reported."""
GONE_SECONDS: Final = 0.5
"""How long a file must be gone before its sources are disabled."""
UNWATCHED_SECONDS: Final = 1.0
"""How often a folder is looked at that cannot be watched."""
DEBOUNCE_MS: Final = 400
"""How long a burst of changes is collected at most."""


def find_plugins(folder: Path) -> list[Path]:
    """Return the plugin files of a folder by name; names that begin with `_` or `.` are no plugins."""
    return [path for path in _python_files(folder) if path.name[0] != "_"]


def _python_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("*.py") if path.name[0] != "." and path.is_file())


def find_entry_points() -> list[str]:
    """Return the modules that installed packages name in the group `blackboard.knowledge_sources`."""
    return sorted({each.module for each in entry_points(group=ENTRY_POINTS)})


def worker_command(
    what: str, name: str, *, url: str, token_file: Path, settings: WorkerSettings
) -> list[str]:
    """Return the command line of a worker.

    Args:
        what: `--file` or `--module`.
        name: Which one.
        url: Where it connects.
        token_file: File of the token.
        settings: Its bounds.
    """
    return [
        *(sys.executable, "-m", "blackboard_sources.worker"),
        *("--url", url, "--token-file", str(token_file)),
        *(what, name, "--log-level", "WARNING"),
        *("--memory-mib", str(settings.memory_mib_max), "--open-files", str(settings.open_files_max)),
        *("--niceness", str(settings.niceness)),
    ]


class Plugins:
    """The plugins of one server; `run` is their task.

    Args:
        folder: Folder of plugin files; `None` for none.
        settings: How workers are run.
        url: Where they connect.
        token_file: File of the token.
        environ: Environment of the server, of which they get next to nothing.
        tell: Told what happens, for people.
        retire: Disables a source unless others than the agents named work for it, and says whether it did.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        settings: WorkerSettings,
        url: str,
        token_file: Path,
        environ: Mapping[str, str],
        tell: Callable[[News], None],
        retire: Callable[[str, Sequence[str]], bool],
    ) -> None:
        self.environment = worker_environment(environ)
        self.tell = tell
        self.retire = retire
        self._folder = folder
        self._settings = settings
        self._url = url
        self._token_file = token_file
        self._plugins: dict[str, Plugin] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}

    def __iter__(self) -> Iterator[Plugin]:
        return iter(list(self._plugins.values()))

    @property
    def running(self) -> list[str]:
        """Names of the plugins that a process serves."""
        return [each.name for each in self if each.state in {"serving", "stale"}]

    def views(self) -> list[Data]:
        """Return a `PluginView` for each plugin, by name."""
        return [
            {
                "plugin": each.name,
                "state": each.state,
                "sources": [source.source for source in each.sources],
                "error": each.error,
                "restarts": each.restarts,
            }
            | ({} if each.since is None else {"since_ms": int(each.since * 1_000)})
            for each in sorted(self, key=lambda plugin: plugin.name)
        ]

    async def run(self) -> None:
        """Start everything there is, follow the folder, and end everything when cancelled."""
        try:
            if self._settings.entry_points:
                for module in await asyncio.to_thread(find_entry_points):
                    self._keep(module, Version(module, self._command("--module", module)))
            folder = self._folder
            if folder is None:
                await asyncio.Event().wait()
            else:
                await self.scan()
                if not self._settings.reload:
                    await asyncio.Event().wait()
                async with contextlib.aclosing(_changes(folder)) as changes:
                    async for _ in changes:
                        await self.scan()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def scan(self) -> None:
        """Let what runs be what stands in the folder."""
        assert self._folder is not None, "only a folder is scanned"
        found = await self._scan(self._folder)
        if self._missing(found):
            # An editor may have moved the old file away, and be about to put the new one in its place.
            await asyncio.sleep(GONE_SECONDS)
            for name in self._missing(await self._scan(self._folder)):
                self._plugins.pop(name).remove()

    async def _scan(self, folder: Path) -> _Found:
        """Run what is there."""
        found = await asyncio.to_thread(_read_folder, folder)
        for path, code in found.plugins.items():
            digest = hashlib.sha256(found.helpers + code).hexdigest()
            self._keep(path.name, Version(digest, self._command("--file", str(path)), code))
        return found

    def _missing(self, found: _Found) -> list[str]:
        names = {path.name for path in found.plugins} | found.unreadable
        return [name for name in self._plugins if name.endswith(".py") and name not in names]

    def _command(self, what: str, name: str) -> tuple[str, ...]:
        settings, token_file = self._settings, self._token_file
        return tuple(worker_command(what, name, url=self._url, token_file=token_file, settings=settings))

    def _keep(self, name: str, version: Version) -> None:
        known = self._plugins.get(name)
        if known is not None:
            known.update(version)
            return
        plugin = self._plugins[name] = Plugin(name, version, self)
        task = asyncio.get_running_loop().create_task(plugin.run(), name=f"plugin-{name}")
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a plugin is kept no longer, by a fault of the server", exc_info=error)


@dataclass(frozen=True, slots=True)
class _Found:
    plugins: dict[Path, bytes]
    helpers: bytes
    unreadable: frozenset[str]


def _read_folder(folder: Path) -> _Found:
    """Read all Python files at the top of a folder; one that cannot be read now is looked at next time."""
    plugins: dict[Path, bytes] = {}
    helpers = hashlib.sha256()
    unreadable: list[str] = []
    for path in _python_files(folder):
        try:
            code = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            logger.warning("a file cannot be read", extra={"path": str(path), "reason": str(error)})
            unreadable.append(path.name)
            continue
        if path.name[0] == "_":
            helpers.update(hashlib.sha256(path.name.encode() + b"\0" + code).digest())
        else:
            plugins[path] = code
    return _Found(plugins, helpers.digest(), frozenset(unreadable))


async def _changes(folder: Path) -> AsyncGenerator[None]:
    """Yield whenever something in the folder may have changed, and every few seconds besides."""
    watchfiles: Any = await asyncio.to_thread(importlib.import_module, "watchfiles")
    while True:
        identity = _identity(folder)
        try:
            async with contextlib.aclosing(
                watchfiles.awatch(
                    folder,
                    watch_filter=None,
                    recursive=False,
                    debounce=DEBOUNCE_MS,
                    step=50,
                    rust_timeout=int(SCAN_SECONDS * 1_000),
                    yield_on_timeout=True,
                )
            ) as changes:
                async for _ in changes:
                    await asyncio.sleep(REST_SECONDS)
                    yield
                    if _identity(folder) != identity:
                        break
        except (OSError, RuntimeError) as error:
            # The folder is not there (yet), or the system has no watch left to give.
            logger.debug("the folder cannot be watched", extra={"path": str(folder), "reason": str(error)})
            await asyncio.sleep(UNWATCHED_SECONDS)
            yield


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another one of the same name."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
