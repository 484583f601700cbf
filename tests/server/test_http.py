"""What plain GET requests get."""

import json

import pytest

from blackboard.server.auth import TokenBook
from blackboard.server.http import Site
from blackboard.server.metrics import Metrics
from blackboard.wire.connection import HttpRequest


def get(target: str, *, method: str = "GET", ready: bool = True, **headers: str):
    site = Site(tokens=TokenBook("secret"), metrics=Metrics(), is_ready=lambda: ready)
    lines = tuple((name, value) for name, value in headers.items())
    return site.answer(HttpRequest(method=method, target=target, headers=lines, upgrade=False))


@pytest.mark.parametrize(
    ("target", "status", "kind"),
    [
        ("/", 200, "text/html"),
        ("/page.js", 200, "text/javascript"),
        ("/page.css", 200, "text/css"),
        ("/icon.svg", 200, "image/svg+xml"),
        ("/healthz", 200, "text/plain"),
        ("/readyz", 200, "text/plain"),
        ("/client.js", 200, "text/javascript"),
        ("/schema.json", 200, "application/json"),
        ("/asyncapi.json", 200, "application/json"),
        ("/v1", 426, "text/plain"),
        ("/metrics", 401, "text/plain"),
        ("/metrics?t=wrong", 401, "text/plain"),
        ("/metrics?t=secret", 200, "text/plain"),
        ("/missing", 404, "text/plain"),
        ("/../auth.py", 404, "text/plain"),
        ("/__init__.py", 404, "text/plain"),
    ],
)
def test_each_path_has_its_answer(target: str, status: int, kind: str):
    """Files are served by name from a fixed set; nothing else of the machine is reachable."""
    page = get(target)
    assert (page.status, page.kind.partition(";")[0]) == (status, kind)


def test_metrics_take_the_token_as_a_bearer_too():
    """So that a scraper needs no token in its address."""
    assert get("/metrics", Authorization="Bearer secret").status == 200


def test_other_methods_are_refused():
    """No state changes over HTTP."""
    page = get("/", method="POST")
    assert page.status == 405
    assert ("Allow", "GET, HEAD") in page.all_headers


def test_not_ready_is_said_so():
    """A load balancer waits; the process is healthy all the same."""
    assert get("/readyz", ready=False).status == 503
    assert get("/healthz", ready=False).status == 200


def test_the_page_is_served_with_a_strict_policy():
    """No script or style from elsewhere, none inline, no referrer, no frames."""
    headers = dict(get("/").all_headers)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_page_refers_to_files_that_are_served_and_to_no_other_host():
    """It works offline, under that policy."""
    html = get("/").body.decode()
    assert "://" not in html
    for name in ("page.js", "page.css", "icon.svg"):
        assert f'"{name}"' in html
    assert "style=" not in html
    assert "<script>" not in html


def test_the_schema_names_every_method():
    """It is the document that docs/protocol.md points to."""
    assert "entry.post" in json.loads(get("/schema.json").body)["methods"]
    assert "entry.post" in json.loads(get("/asyncapi.json").body)["operations"]
