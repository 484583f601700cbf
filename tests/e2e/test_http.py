"""What the port answers to plain HTTP, and whom it turns away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.processes import Served, server
from tests.server.talk import Refusal, talking

UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version: 13",
)


async def ask(
    served: Served, path: str, *headers: str, method: str = "GET", host: str = "localhost"
) -> tuple[int, dict[str, str], str]:
    """Send one request; return status, headers and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    first, *rest = head.splitlines()
    found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
    size = int(found.get("content-length", 0))
    body = b"" if method == "HEAD" else await reader.readexactly(size)
    writer.close()
    return int(first.split()[1]), found, body.decode()


async def test_pages_health_and_refusals(tmp_path: Path) -> None:
    """GET and HEAD are answered, nothing else is; metrics want the token; strangers are turned away."""
    async with server(tmp_path) as served:
        bearer = f"Authorization: Bearer {served.token}"
        assert (await ask(served, "/healthz"))[::2] == (200, "ok\n")
        assert (await ask(served, "/readyz"))[::2] == (200, "ready\n")
        status, headers, page = await ask(served, "/")
        assert status == 200
        assert "<html" in page.lower()
        assert "default-src" in headers["content-security-policy"]
        status, headers, body = await ask(served, "/", method="HEAD")
        assert (status, body) == (200, "")
        status, _, schema = await ask(served, "/schema.json")
        assert status == 200
        assert json.loads(schema)
        assert (await ask(served, "/nowhere"))[0] == 404
        assert (await ask(served, "/../../etc/passwd"))[0] == 404
        for method in ("POST", "PUT", "DELETE"):
            status, headers, _ = await ask(served, "/", "Content-Length: 0", method=method)
            assert (status, headers["allow"]) == (405, "GET, HEAD")
        assert (await ask(served, "/v1"))[0] == 426

        assert (await ask(served, "/metrics"))[0] == 401
        assert (await ask(served, "/metrics", "Authorization: Bearer wrong"))[0] == 401
        status, _, metrics = await ask(served, "/metrics", bearer)
        assert status == 200
        assert "blackboard_boards 1" in metrics

        for headers in ((), UPGRADE):
            for path in ("/", "/v1"):
                assert (await ask(served, path, *headers, host="evil.example"))[0] == 403
                origin = "Origin: http://evil.example"
                assert (await ask(served, path, origin, *headers))[0] == 403
        own = f"Origin: http://localhost:{served.port}"
        assert (await ask(served, "/v1", own, *UPGRADE, host=f"localhost:{served.port}"))[0] == 101
        assert served.child.complained == ""


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_session_without_the_token_is_refused(tmp_path: Path, token: str) -> None:
    """A missing or a wrong token is `unauthorized`, also on the command line, with exit code 4."""
    async with server(tmp_path) as served:
        with pytest.raises(Refusal) as caught:
            async with talking(served.url, token=token or None):
                raise AssertionError("it was let in")
        assert caught.value.code == "unauthorized"
        code, _, complaint = await served.cli("boards", "--token", "wrong")
        assert code == 4
        assert "blackboard token" in complaint
