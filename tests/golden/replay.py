"""Replays golden transcripts over a bare websocket; docs/clients.md describes their format.

A transcript is NDJSON: what a client sends and what it receives, frame by frame, with placeholders for what
differs from run to run. This file is the reference of how to read one: it uses no client of ours, and what it
does takes a hundred lines in any language.

`python tests/golden/replay.py FILE…` runs transcripts against fresh servers and writes their `receive` lines
anew; read the difference before you commit it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

FOLDER = Path(__file__).parent
SECONDS_MAX = 10.0
QUIET_SECONDS = 0.3
"""How long nothing has to come, when a transcript is written anew, until nothing more is expected."""

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def load(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a transcript."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def fill(pattern: Any, bound: dict[str, Any]) -> Any:
    """Return a frame to send: every `$bind` is replaced by its value."""
    match pattern:
        case {"$bind": name}:
            return bound[name]
        case dict():
            return {key: fill(value, bound) for key, value in pattern.items()}
        case list():
            return [fill(each, bound) for each in pattern]
        case _:
            return pattern


def differs(pattern: Any, value: Any, bound: dict[str, Any], place: str = "") -> str | None:
    """Return where and how a value differs from its pattern; bind what the pattern names."""
    match pattern:
        case {"$any": kind}:
            is_it = type(value) in KINDS[kind]
            return None if is_it else f"{place}: {value!r} is no {kind}"
        case {"$bind": name}:
            expected = bound.setdefault(name, value)
            return None if expected == value else f"{place}: {value!r} is not {name}, which is {expected!r}"
        case {"$some": members}:
            shown = {key: value[key] for key in members if key in value}
            return differs(members, shown, bound, place)
        case dict() if isinstance(value, dict):
            if pattern.keys() != value.keys():
                missing, more = sorted(pattern.keys() - value.keys()), sorted(value.keys() - pattern.keys())
                return f"{place}: missing {missing}, not expected {more}"
            found = (differs(pattern[key], value[key], bound, f"{place}/{key}") for key in pattern)
        case list() if isinstance(value, list):
            if len(pattern) != len(value):
                return f"{place}: {len(value)} items, expected {len(pattern)}"
            found = (
                differs(*pair, bound, f"{place}/{n}")
                for n, pair in enumerate(zip(pattern, value, strict=True))
            )
        case _:
            is_same = type(pattern) is type(value) and pattern == value
            return None if is_same else f"{place}: {value!r}, expected {pattern!r}"
    return next((each for each in found if each is not None), None)


def key_of(frame: dict[str, Any]) -> object:
    """Return what tells a frame from those that may overtake it: its id, or the notification's name."""
    return frame["method"] if "method" in frame else ("id", frame["id"])


class Replay:
    """One run of a transcript."""

    def __init__(self, url: str, token: str, seconds: float = SECONDS_MAX) -> None:
        self.url = url
        self.seconds = seconds
        self.bound: dict[str, Any] = {"token": token}
        self.open: dict[str, ClientConnection] = {}
        self._early: dict[str, list[dict[str, Any]]] = {}

    async def connection(self, name: str) -> ClientConnection:
        """Return a connection; it is opened at its first use."""
        if name not in self.open:
            self.open[name] = await connect(self.url, proxy=None, compression=None)
        return self.open[name]

    async def step(self, line: dict[str, Any]) -> None:
        """Carry out one line."""
        name = line.get("on", "main")
        match line:
            case {"note": _}:
                pass
            case {"send": frame}:
                await (await self.connection(name)).send(json.dumps(fill(frame, self.bound)))
            case {"send_text": text}:
                await (await self.connection(name)).send(text)
            case {"receive": pattern}:
                await self._receive(name, pattern)
            case {"close": _}:
                await self.open.pop(line["close"]).close()
            case {"closed": code}:
                await self._closed(name, code)
            case _:
                raise AssertionError(f"no line of a transcript: {line}")

    async def _receive(self, name: str, pattern: dict[str, Any]) -> None:
        """Take the first frame of the expected key; others may come before it, and are kept."""
        early = self._early.setdefault(name, [])
        key = key_of(pattern)
        while not (found := [each for each in early if key_of(each) == key]):
            try:
                early.append(await self.next_frame(name))
            except (TimeoutError, ConnectionClosed) as error:
                raise AssertionError(f"{json.dumps(pattern)} did not come, but {early}") from error
        early.remove(found[0])
        wrong = differs(pattern, found[0], self.bound)
        assert wrong is None, f"{wrong}\n  came {json.dumps(found[0])}"

    async def next_frame(self, name: str, seconds: float | None = None) -> dict[str, Any]:
        """Return the next frame."""
        async with asyncio.timeout(seconds or self.seconds):
            frame: dict[str, Any] = json.loads(await (await self.connection(name)).recv())
            return frame

    async def _closed(self, name: str, code: int) -> None:
        socket = self.open.pop(name)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(socket.wait_closed(), self.seconds)
        assert socket.close_code == code, f"closed with {socket.close_code}, expected {code}"

    async def end(self) -> None:
        """Close what is open; nothing may be left that no line expects."""
        for name, socket in self.open.items():
            await socket.send('{"jsonrpc":"2.0","id":"the end","method":"session.ping"}')
            while (frame := await self.next_frame(name)).get("id") != "the end":
                self._early.setdefault(name, []).append(frame)
            await socket.close()
        left = [frame for frames in self._early.values() for frame in frames]
        assert left == [], f"no line expects {left}"


async def replay(path: Path, url: str, token: str, seconds: float = SECONDS_MAX) -> None:
    """Run a transcript; raise `AssertionError` at the line where the server departs from it."""
    run = Replay(url, token, seconds)
    for number, line in enumerate(load(path), start=1):
        try:
            await run.step(line)
        except AssertionError as error:
            raise AssertionError(f"{path.name}:{number}: {error}") from error
    await run.end()


# Writing anew.

VARYING = {
    **dict.fromkeys(("time_ms", "posted_ms", "opened_ms", "since_ms"), "integer"),
    **dict.fromkeys(("durability", "message", "trigger_hash"), "string"),
    "limits": "object",
}
REVISIONS = dict.fromkeys(("revision", "posted_revision", "data_revision"), "integer")
"""They vary where sources act: when an agent was attached to a board stands in its log, too."""


def generalize(value: Any, varying: dict[str, str], key: str = "") -> Any:
    """Put placeholders where runs differ."""
    if key == "token":
        return {"$bind": f"lease_{value}" if isinstance(value, int) else "worker"}
    if key in varying and type(value) in KINDS[varying[key]]:
        return {"$any": varying[key]}
    match value:
        case str() if key == "version" or value.startswith("agent-"):
            return {"$any": "string"}
        case dict():
            return {name: generalize(each, varying, name) for name, each in value.items()}
        case list():
            return [generalize(each, varying) for each in value]
        case _:
            return value


async def renew(path: Path, url: str, token: str) -> str:
    """Return a transcript with its `receive` lines as they come now."""
    run = Replay(url, token)
    lines: list[dict[str, Any]] = []
    is_worked = "source.register" in path.read_text(encoding="utf-8")
    varying = VARYING | REVISIONS if is_worked else VARYING

    async def drain() -> None:
        for name in list(run.open):
            on = {} if name == "main" else {"on": name}
            with contextlib.suppress(TimeoutError, ConnectionClosed):
                while True:
                    frame = await run.next_frame(name, QUIET_SECONDS)
                    pattern = generalize(frame, varying)
                    assert differs(pattern, frame, run.bound) is None
                    lines.append(on | {"receive": pattern})

    for line in load(path):
        if "receive" in line:
            continue
        await drain()
        if "closed" not in line:
            await run.step(line)
        lines.append(line)
    await drain()
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


@contextlib.asynccontextmanager
async def fresh() -> AsyncIterator[tuple[str, str]]:
    """Run a server of its own."""
    from tests.server.talk import serving  # noqa: PLC0415 - only where a transcript is written anew

    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder), ephemeral=True) as server:
            yield server.url, server.token


async def main(paths: list[Path]) -> None:
    """Write transcripts anew."""
    for path in paths:
        async with fresh() as (url, token):
            path.write_text(await renew(path, url, token), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parents[1]))
    asyncio.run(main([Path(each) for each in sys.argv[1:]]))
