"""blackboard/dashboard/client.js against real servers, one script per behaviour."""

from pathlib import Path

import pytest
from node import BEHAVIOURS, MAJOR_MIN, ROOT, major, node, script
from processes import free_port, server

from blackboard.wire.messages import METHODS
from tests.server.talk import serving

CLIENT = ROOT / "blackboard" / "dashboard" / "client.js"
ALONE = ("agent", "board", "refused", "silent", "watch", "withdrawn")
"""Behaviours that need nothing but a server."""


def test_node_is_new_enough():
    assert major(node()) >= MAJOR_MIN


@pytest.mark.parametrize("behaviour", ALONE)
async def test_behaviour(behaviour: str, tmp_path: Path):
    """The script's assertions hold; it says in its first line what it is about."""
    async with (
        serving(tmp_path, ephemeral=True) as here,
        script(BEHAVIOURS / f"{behaviour}.mjs", url=here.url, token=here.token) as running,
    ):
        await running.passes()


async def test_a_session_survives_the_death_of_the_server(tmp_path: Path, recorded_children: Path):
    """Killed in the midst of posts and started again on the same port; later stopped for good."""
    port = free_port()
    async with (
        server(tmp_path, port=port) as first,
        script(BEHAVIOURS / "restart.mjs", url=first.url, token=first.token) as running,
    ):
        await running.until_said("kill")
        await first.child.kill_9()
        async with server(tmp_path, port=port) as second:
            await running.answer()
            await running.until_said("stop")
            assert await second.child.stop() == 0
        await running.answer()
        await running.passes()


def test_every_behaviour_is_tested():
    assert {path.stem for path in BEHAVIOURS.glob("*.mjs")} == {*ALONE, "restart"}


def test_changes_are_those_of_the_protocol():
    """They get a `command_id`."""
    listed = CLIENT.read_text(encoding="utf-8").partition("CHANGES = new Set([")[2].partition("]")[0]
    names = {each.strip().strip('"') for each in listed.split(",")} - {""}
    assert names == {name for name, row in METHODS.items() if row.changes}


def test_client_is_one_file_without_dependencies():
    text = CLIENT.read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if line.startswith("import ")]
    assert "import(" not in text
    assert "require(" not in text
