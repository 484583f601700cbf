"""Two servers: one data folder belongs to one, one port to one, and both say who has it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.processes import free_port, run, server
from tests.server.talk import talking


async def test_second_server_on_a_data_folder_names_the_first_and_leaves_it_alone(tmp_path: Path) -> None:
    """It ends with exit code 1 and the pid of the owner; the first goes on."""
    async with server(tmp_path) as served, talking(served.url, token=served.token) as talk:
        await talk.call("board.open", board="b")
        before = await talk.call("board.hash", board="b")
        code, said, complaint = await run("serve", "--port", "0", folder=tmp_path)
        assert (code, said) == (1, "")
        assert complaint.startswith("error: ")
        assert f"pid {served.child.pid}" in complaint
        assert "Traceback" not in complaint
        assert len(complaint.splitlines()) == 1
        assert await talk.call("board.hash", board="b") == before
        assert served.child.complained == ""


async def test_port_in_use_says_by_whom_and_what_to_do(tmp_path: Path) -> None:
    """One line: the port, the process that has it, the address to open, the flag to pass."""
    port = free_port()
    other = tmp_path / "other"
    other.mkdir()
    async with server(tmp_path, port=port) as served:
        code, said, complaint = await run("serve", "--port", str(port), folder=other)
        assert (code, said) == (2, "")
        (line,) = complaint.splitlines()
        owner = f"pid {served.child.pid} (blackboard serve --port {port})"
        assert line == (
            f"error: port {port} is in use by {owner}. Open http://127.0.0.1:{port} or pass --port 0."
        )
        # From the folder of the first, that is said as well.
        _, _, complaint = await run(
            "serve", "--port", str(port), "--data-dir", str(other), folder=served.folder
        )
        assert f"(blackboard serve --port {port}, this directory)" in complaint
