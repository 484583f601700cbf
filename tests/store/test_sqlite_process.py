"""What the SQLite store owes to other processes, and to its own when that ends without warning."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from blackboard.core.errors import BlackboardError
from blackboard.store import SqliteStore
from blackboard.store.chain import head_after
from blackboard.store.conformance import LogBuilder

ROOT = Path(__file__).parents[2]
ROUNDS = 3
ACKNOWLEDGED = 400


async def start_appender(path: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.appender", str(path), cwd=ROOT, stdout=PIPE
    )


async def read_acknowledged(process: Process, count: int) -> dict[str, tuple[int, str]]:
    """Read `count` acknowledgements, kill the process, and return the last one of each board."""
    assert process.stdout is not None
    lines = [await asyncio.wait_for(process.stdout.readline(), 20) for _ in range(count)]
    process.kill()
    rest = await process.stdout.read()
    assert await process.wait() == -signal.SIGKILL
    acknowledged: dict[str, tuple[int, str]] = {}
    for line in [*lines, *rest.splitlines(keepends=True)]:
        if line.endswith(b"\n"):
            board, last, digest = line.decode().split()
            acknowledged[board] = (int(last), digest)
    return acknowledged


async def test_killed_writer_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """After kill -9 with many commits in flight every acknowledged one is there, on a whole chain."""
    path = tmp_path / "board.db"
    for _ in range(ROUNDS):
        acknowledged = await read_acknowledged(await start_appender(path), ACKNOWLEDGED)
        async with SqliteStore(path) as store:
            for board, (last, digest) in acknowledged.items():
                commits = [commit async for commit in store.log(board)]
                assert commits[0].first == 1
                assert {commit.last: commit.hash for commit in commits}.get(last) == digest
                assert await store.head(board) == head_after(commits[-1])


async def test_second_opener_is_told_who_owns_the_file(tmp_path: Path) -> None:
    """A file in use is refused with the owner's process id, also through another name of it."""
    path = tmp_path / "board.db"
    alias = tmp_path / "alias.db"
    async with SqliteStore(path) as store:
        await store.append(LogBuilder("b").next())
        alias.symlink_to(path)
        for name in (path, alias):
            with pytest.raises(BlackboardError, match=f"in use by pid {os.getpid()}") as caught:
                await SqliteStore(name).open()
            assert caught.value.code == "store_locked"
    async with SqliteStore(alias) as store:
        assert (await store.head("b")).revision == 1


async def test_file_of_a_running_process_is_locked_until_it_is_killed(tmp_path: Path) -> None:
    """The lock is held across processes and ends with its owner, however that ends."""
    path = tmp_path / "board.db"
    process = await start_appender(path)
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 20)
    with pytest.raises(BlackboardError, match=f"in use by pid {process.pid}"):
        await SqliteStore(path).open()
    process.kill()
    await process.communicate()
    async with SqliteStore(path) as store:
        assert await store.boards()


ENDINGS = {
    "returns with the store open": "await open_store()",
    "raises with the store open": "await open_store(); raise SystemExit(3)",
    "is cancelled inside the context": (
        "task = asyncio.create_task(stay()); await asyncio.sleep(0.2); raise SystemExit(3)"
    ),
}

PROGRAM = """
import asyncio, pathlib, sys
from blackboard.store import SqliteStore
from blackboard.store.conformance import LogBuilder

kept = []

async def open_store():
    store = SqliteStore(pathlib.Path(sys.argv[1]))
    kept.append(store)
    await store.open()
    await store.append(LogBuilder("b").next())

async def stay():
    async with SqliteStore(pathlib.Path(sys.argv[1])) as store:
        await store.append(LogBuilder("b").next())
        await asyncio.sleep(60)

async def main():
    {ending}

asyncio.run(main())
"""


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
async def test_process_exits_although_the_store_was_not_closed(tmp_path: Path, ending: str) -> None:
    """Forgetting to close leaves no thread that keeps the process alive, and no noise."""
    path = tmp_path / "board.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM.format(ending=ending), str(path), stdout=PIPE, stderr=PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 20)
    except TimeoutError:
        process.kill()
        raise
    assert (output, errors.decode()) == (b"", "")
    async with SqliteStore(path) as store:
        assert (await store.head("b")).revision == 1


@pytest.mark.parametrize("delay_ms", range(8))
async def test_cancelled_open_holds_nothing(tmp_path: Path, delay_ms: int) -> None:
    """Wherever opening is interrupted, the file is free and the store can be opened again."""
    store = SqliteStore(tmp_path / "board.db")
    opening = asyncio.create_task(store.open())
    await asyncio.sleep(delay_ms / 1000)
    opening.cancel()
    try:
        await opening
    except asyncio.CancelledError:
        assert store.statistics().state == "closed"
    else:
        await store.close()
    async with store:
        await store.append(LogBuilder("b").next())


LIMITED = """
import asyncio, pathlib, resource, sys
from blackboard.core.errors import BlackboardError
from blackboard.store import SqliteStore
from blackboard.store.conformance import LogBuilder

async def main():
    builder = LogBuilder("b")
    store = SqliteStore(pathlib.Path(sys.argv[1]))
    await store.open()
    await store.append(builder.next())
    kept = builder.head
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    for body in (b"x" * 500_000, b"small"):
        try:
            await store.append(builder.next(body))
        except BlackboardError as error:
            print(error.code)
    assert await store.head("b") == kept
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await store.close()
    async with store:
        assert await store.head("b") == kept
        builder.head = kept
        await store.append(builder.next(b"y" * 500_000))
        print(len([commit async for commit in store.log("b")]))

asyncio.run(main())
"""


async def test_write_error_of_the_system_fails_the_store(tmp_path: Path) -> None:
    """A write that the system refuses (here by a limit on file size) ends acknowledgement until reopened."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LIMITED, str(tmp_path / "board.db"), stdout=PIPE, stderr=PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (output.decode().split(), errors.decode()) == (["storage_failed", "storage_failed", "2"], "")
