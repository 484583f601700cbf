"""Who holds a port."""

import os
import socket
from pathlib import Path

from blackboard.server.ports import describe_owner


def test_the_owner_of_a_port_is_named():
    """By process number and command."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert f"by pid {os.getpid()} (" in describe_owner(server.getsockname()[1])


def test_nothing_is_said_where_nothing_can_be_found_out(tmp_path: Path):
    """On another system, or about a port that nobody holds."""
    assert describe_owner(1, proc=tmp_path) == ""
