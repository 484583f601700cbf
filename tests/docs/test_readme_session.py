"""The session by hand that the README shows goes just so, with the command that it names."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from tests.server.talk import serving

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCK = re.search(r"^\$ websockets (\S+)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
ESCAPES = re.compile(r"\x1b(?:[78]|\[[A-Z])")
SECONDS_MAX = 20


def turns() -> list[tuple[str, list[str]]]:
    """Return what is typed, each with what comes."""
    assert BLOCK is not None
    found: list[tuple[str, list[str]]] = []
    for line in BLOCK[2].splitlines():
        mark, _, text = line.partition(" ")
        if mark == ">":
            found.append((text, []))
        else:
            assert mark == "<"
            found[-1][1].append(text)
    return found


def pattern(shown: str) -> re.Pattern[str]:
    """Return what a line stands for: `…` is left out."""
    return re.compile(".*".join(re.escape(part) for part in shown.split("…")))


async def next_message(reader: asyncio.StreamReader) -> str:
    """Return the next message that the command prints."""
    async with asyncio.timeout(SECONDS_MAX):
        while line := (await reader.readline()).decode():
            _, mark, message = ESCAPES.sub("", line.rstrip("\n")).partition("< ")
            if mark:
                return message
    raise AssertionError("the command ended")


async def test_the_session_goes_as_shown(tmp_path: Path) -> None:
    """The token is put in; what comes upon one line may come in any order."""
    assert len(turns()) == 4
    async with serving(tmp_path, ephemeral=True) as server:
        command = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "websockets",
            server.url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert command.stdin is not None
        assert command.stdout is not None
        try:
            for typed, expected in turns():
                command.stdin.write(typed.replace("TOKEN", server.token).encode() + b"\n")
                await command.stdin.drain()
                came = [await next_message(command.stdout) for _ in expected]
                for shown in expected:
                    assert [each for each in came if pattern(shown).fullmatch(each)], (shown, came)
            command.stdin.close()
            assert await asyncio.wait_for(command.wait(), SECONDS_MAX) == 0
        finally:
            if command.returncode is None:
                command.kill()
                await command.wait()


def test_the_address_and_the_command_are_those_of_the_first_minutes() -> None:
    """It is the server that `blackboard serve` starts; the command is installed with websockets."""
    assert BLOCK is not None
    assert BLOCK[1] == "ws://127.0.0.1:8787/v1"
    assert Path(sys.executable).with_name("websockets").exists()
