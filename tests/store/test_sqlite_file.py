"""The SQLite file itself: whose it is, its version, damage to it, and how large it gets."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from blackboard.core.errors import BlackboardError
from blackboard.store import SqliteStore, StoreConflict, StoreLimits
from blackboard.store.conformance import LogBuilder
from blackboard.store.schema import Migration, load_migrations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "board.db"


async def expect_refusal(store: SqliteStore, code: str, words: str) -> None:
    """Opening fails with this code and these words, and leaves the lock free."""
    for _ in range(2):
        with pytest.raises(BlackboardError, match=words) as caught:
            await store.open()
        assert caught.value.code == code
    assert store.statistics().state == "closed"


async def fill(path: Path, *, boards: int = 1, commits: int = 10) -> None:
    async with SqliteStore(path) as store:
        logs = [LogBuilder(f"board-{number}").many(commits) for number in range(boards)]
        await asyncio.gather(*(store.submit(commit) for turn in zip(*logs, strict=True) for commit in turn))


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


@pytest.mark.parametrize(
    "content",
    [b"plain text, and long enough to hold a header" * 10, b"short", b"SQLite format 3\0", bytes(4096)],
    ids=["text", "short", "cut in the header", "zeroes"],
)
async def test_foreign_file_is_refused_and_unchanged(path: Path, content: bytes) -> None:
    """What is no database is left as it is."""
    path.write_bytes(content)
    await expect_refusal(SqliteStore(path), "store_foreign", "is not an SQLite database")
    assert path.read_bytes() == content
    assert sorted(path.parent.iterdir()) == [path]


async def test_database_of_another_program_is_refused_and_unchanged(path: Path) -> None:
    """A database without our application id is somebody else's."""
    change(path, "CREATE TABLE theirs (x)")
    content = path.read_bytes()
    await expect_refusal(SqliteStore(path), "store_foreign", "application id 0x0")
    assert path.read_bytes() == content


async def test_missing_directory_and_directory_are_named(path: Path) -> None:
    """A path that cannot be a file fails with the path and the reason."""
    await expect_refusal(SqliteStore(path / "x.db"), "storage_failed", "No such file or directory")
    path.mkdir()
    await expect_refusal(SqliteStore(path), "storage_failed", "Is a directory")


async def test_empty_file_is_a_new_store(path: Path) -> None:
    """A file of no bytes, as `mktemp` leaves it, is filled."""
    path.touch()
    await fill(path)
    assert path.stat().st_size > 0


async def test_newer_file_is_refused_and_unchanged(path: Path) -> None:
    """A file that a newer release wrote is named as such."""
    await fill(path)
    newer = len(load_migrations()) + 1
    change(path, f"PRAGMA user_version = {newer}")
    before = path.read_bytes()
    await expect_refusal(SqliteStore(path), "store_version", f"has version {newer}; this release reads up to")
    assert path.read_bytes() == before


async def test_older_file_is_brought_up_to_date(path: Path) -> None:
    """Missing migrations are applied in order, once, and the log stays."""
    await fill(path)
    steps = [
        *load_migrations(),
        Migration(2, "0002", "CREATE TABLE extra (x); INSERT INTO extra VALUES (1);"),
        Migration(3, "0003", "INSERT INTO extra SELECT x + 1 FROM extra;"),
    ]
    for _ in range(2):
        async with SqliteStore(path, migrations=steps) as store:
            assert len(await store.read("board-0")) == 10
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT x FROM extra ORDER BY x").fetchall() == [(1,), (2,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


async def test_failing_migration_leaves_the_version_before_it(path: Path) -> None:
    """A migration is applied whole or not at all."""
    await fill(path)
    broken = Migration(2, "0002", "CREATE TABLE extra (x); INSERT INTO missing VALUES (1);")
    await expect_refusal(
        SqliteStore(path, migrations=[*load_migrations(), broken]), "storage_failed", "no such table: missing"
    )
    async with SqliteStore(path) as store:
        assert len(await store.read("board-0")) == 10
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'extra'").fetchall() == []


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("UPDATE event SET body = 'forged' WHERE id = 4", "4: its commit does not have the hash"),
        ("UPDATE chain SET time_ms = 99 WHERE id & 255 = 3", "2: its commit does not have the hash"),
        ("UPDATE chain SET time_ms = 'soon' WHERE id & 255 = 3", "2: its commit does not have the hash"),
        ("UPDATE chain SET hash = zeroblob(32) WHERE id & 255 = 3", "2: its commit does not have the hash"),
        ("UPDATE chain SET hash = 'forged' WHERE id & 255 = 19", "19: its commit does not have the hash"),
        ("UPDATE chain SET start = 5 WHERE id & 255 = 3", "2: its commit does not have the hash"),
        ("UPDATE chain SET start = 500 WHERE id & 255 = 3", "2: is missing from its commit"),
        ("UPDATE chain SET length = 0 WHERE id & 255 = 3", "2: is in no commit; the next one is from 4 to 3"),
        (
            "UPDATE chain SET length = -5 WHERE id & 255 = 1",
            "1: is in no commit; the next one is from 7 to 1",
        ),
        (
            "UPDATE chain SET length = 9 WHERE id & 255 = 6",
            "4: is in no commit; the next one is from -2 to 6",
        ),
        ("DELETE FROM event WHERE id = 1", "1: is missing from its commit"),
        ("DELETE FROM event WHERE id = 5", "5: is missing from its commit"),
        ("DELETE FROM event WHERE id = 19", "19: is missing; the log breaks off"),
        ("DELETE FROM chain WHERE id & 255 = 1", "1: is in no commit"),
        ("DELETE FROM chain WHERE id & 255 = 3", "2: is in no commit; the next one is from 4 to 6"),
        ("UPDATE chain SET id = id + 1 WHERE id & 255 = 19", "19: is in no commit; the next one is from 20"),
    ],
)
async def test_changed_log_is_found_on_reading(path: Path, sql: str, named: str) -> None:
    """Edits, insertions and removals are reported with board and revision; other boards read on."""
    async with SqliteStore(path) as store:
        for board in ("board-0", "board-1"):
            await asyncio.gather(*map(store.submit, LogBuilder(board).many(10)))
    change(path, sql.replace("id &", "id >> 40 = 1 AND id &"))
    async with SqliteStore(path) as store:
        with pytest.raises(BlackboardError, match=f"board 'board-0', revision ({named})") as caught:
            _ = [commit async for commit in store.log("board-0")]
        assert caught.value.code == "log_corrupt"
        assert len([commit async for commit in store.log("board-1")]) == 10


async def test_truncated_file_is_refused(path: Path) -> None:
    """A file that lost its end is not opened as if it were whole."""
    await fill(path, boards=4, commits=200)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    await expect_refusal(SqliteStore(path), "log_corrupt", "malformed")


async def test_garbage_page_is_reported_on_reading(path: Path) -> None:
    """A page overwritten in the middle fails the reads that touch it, and names the file."""
    await fill(path, commits=400)
    pages = path.read_bytes()
    path.write_bytes(pages[:-8192] + b"\xa5" * 8192)
    with pytest.raises(BlackboardError) as caught:
        async with SqliteStore(path) as store:
            _ = [commit async for commit in store.log("board-0")]
    assert caught.value.code == "log_corrupt"
    assert str(path) in caught.value.message


async def test_foreign_writer_is_noticed(path: Path) -> None:
    """If somebody writes to the file in spite of the lock, the next append is judged on what is there."""
    builder = LogBuilder("b")
    async with SqliteStore(path) as store:
        one, two = builder.many(2)
        await store.append(one)
        change(path, "INSERT INTO chain VALUES (1 << 40 | 2, 1, 1, 1, zeroblob(32))")
        with pytest.raises(StoreConflict, match="ends at revision 2 with 000000000000"):
            await store.append(two)


async def test_write_ahead_log_stays_bounded_and_is_emptied_when_quiet(path: Path) -> None:
    """Under load the log is copied often enough; idle, its file shrinks to nothing."""
    builder = LogBuilder("b")
    limits = StoreLimits(checkpoint_pages=50, idle_ms=100)
    wal = path.with_name("board.db-wal")
    async with SqliteStore(path, limits=limits) as store:
        largest = 0
        for _ in range(400):
            await store.append(builder.next(b"x" * 3_000))
            largest = max(largest, wal.stat().st_size)
        assert store.statistics().checkpoints >= 20
        assert largest < 600_000
        async with asyncio.timeout(10):
            while wal.stat().st_size > 0:
                await asyncio.sleep(0.02)
    assert not wal.exists()


async def test_log_adds_little_to_what_is_posted(path: Path) -> None:
    """Of many boards filled in turns, each commit of one row costs less than 100 bytes of its own."""
    boards, commits, body = 20, 250, b"x" * 300
    # Every second row has data and salt as well, see LogBuilder.
    expected_bytes = len(body) + 16
    async with SqliteStore(path) as store:
        builders = [LogBuilder(f"a board with a rather long name {number}") for number in range(boards)]
        for _ in range(commits):
            await asyncio.gather(*(store.submit(builder.next(body)) for builder in builders))
    stored = path.stat().st_size / (boards * commits)
    assert stored < expected_bytes + 100


async def test_log_view_reads_as_people_would_expect(path: Path) -> None:
    """The view shows board, revision, body and data as text."""
    async with SqliteStore(path) as store:
        await store.append(LogBuilder("kitchen").next(b'{"a":1}', b'{"b":2}'))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM log").fetchall() == [
            ("kitchen", 1, '{"a":1}', None),
            ("kitchen", 2, '{"b":2}', '{"revision":2}'),
        ]


async def test_a_new_file_is_readable_by_its_owner_alone(tmp_path: Path):
    """It holds what the boards hold; so does the log beside it."""
    path = tmp_path / "board.db"
    async with SqliteStore(path):
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert len(modes) > 1
