"""The demo, killed in its midst and started again, ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.logs import events, executions, of
from tests.e2e.processes import command, poll, run, server
from tests.server.talk import talking

SEED = 3
BOARD = f"incident-{SEED}"


async def test_killed_demo_finishes_with_the_same_answer_and_no_work_done_twice(tmp_path: Path) -> None:
    """Its data folder is all it needs: the same answer, beliefs and ranking as of a run in peace."""
    code, said, _ = await run("demo", "--seed", str(SEED), "--json", folder=tmp_path)
    assert code == 0
    undisturbed = json.loads(said.splitlines()[-1])
    assert undisturbed["outcome"] == "solved"

    async with command("demo", "--seed", str(SEED), "--data", "data", folder=tmp_path) as child:

        async def has_begun() -> bool:
            return child.said.count("Anomaly") >= 3

        await poll(has_begun)
        assert "solved" not in child.said
        await child.kill_9()
    code, said, complaints = await run(
        "demo", "--seed", str(SEED), "--data", "data", "--json", folder=tmp_path
    )
    assert (code, complaints) == (0, "")
    resumed = json.loads(said.splitlines()[-1])
    for name in ("outcome", "answer", "ranking", "beliefs", "truth"):
        assert resumed[name] == undisturbed[name]

    (tmp_path / "data").rename(tmp_path / ".blackboard")
    async with server(tmp_path) as served, talking(served.url, token=served.token) as talk:
        log = await events(talk, BOARD)
        assert max(executions(log).values()) == 1
        leased = {each["activation"] for each in of(log, "lease_granted")}
        assert set(executions(log)) <= leased
        identities = {
            each["name"]: each.get("identity", [])
            for each in (await talk.call("type.list", board=BOARD))["types"]
        }
        entries = (await talk.call("entry.list", board=BOARD, live=True, limit=10_000))["entries"]
        keys = Counter(
            (each["type"], *(json.dumps(each["data"].get(name)) for name in identities[each["type"]]))
            for each in entries
            if identities[each["type"]]
        )
        assert keys
        assert max(keys.values()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Neither its folder nor one of its workers."""
    kept = tmp_path / "kept"
    kept.mkdir()
    async with command("demo", folder=tmp_path, TMPDIR=str(kept)) as child:
        await child.until_said("Ticket")
        (folder,) = kept.iterdir()
        workers = [each for each in Path("/proc").glob("[0-9]*") if str(folder) in command_line(each)]
        assert len(workers) > 6
        child.send(number)
        assert await child.code() == 130
        assert child.complained.strip() == "interrupted"
        assert list(kept.iterdir()) == []
        assert [each for each in workers if str(folder) in command_line(each)] == []


def command_line(process: Path) -> str:
    """Return the command of a process, or nothing if it has ended."""
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes().decode(errors="replace")
    return ""
