"""What the port answers to plain GET requests: the page, health, metrics and the schema.

Nothing here changes anything. The page's files come from the package `blackboard.dashboard`; they are read
once, and sent with a strict content security policy: no file from another host, no inline code. A token
never stands in the address of a page; the page finds it in the fragment, which browsers do not send.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import orjson

from blackboard.core.errors import Rejected
from blackboard.server.auth import TokenBook, bearer_of, query_token
from blackboard.server.metrics import CONTENT_TYPE, Metrics
from blackboard.wire.asyncapi import asyncapi
from blackboard.wire.connection import HttpRequest
from blackboard.wire.handshake import Headers
from blackboard.wire.schema import wire_schema

__all__ = ["PATH", "Page", "Site"]

PATH: Final = "/v1"
"""Where websockets are opened."""

_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final[Headers] = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", _POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer.

    Args:
        status: HTTP status.
        kind: Its media type.
        body: Content.
        headers: Further header lines.
    """

    status: int
    kind: str
    body: bytes
    headers: Headers = ()

    @property
    def all_headers(self) -> Headers:
        """All header lines but for the length."""
        return (("Content-Type", self.kind), *_ALWAYS, *self.headers)


_Route: TypeAlias = Callable[[HttpRequest], Page]


class Site:
    """The pages of a server.

    Args:
        tokens: Who may read the metrics.
        metrics: What they show.
        is_ready: Whether the server takes requests.
    """

    def __init__(self, *, tokens: TokenBook, metrics: Metrics, is_ready: Callable[[], bool]) -> None:
        self._tokens = tokens
        self._metrics = metrics
        self._is_ready = is_ready
        self._files = _load_files()
        self._routes: dict[str, _Route] = {
            "/healthz": lambda _: Page(200, _TEXT, b"ok\n"),
            "/readyz": self._ready,
            "/metrics": self._metrics_page,
            "/schema.json": lambda _: Page(200, _JSON, self._schema),
            "/asyncapi.json": lambda _: Page(200, _JSON, self._asyncapi),
            PATH: lambda _: Page(
                426, _TEXT, b"Open a websocket here; see /schema.json.\n", (("Upgrade", "websocket"),)
            ),
        }

    def answer(self, request: HttpRequest) -> Page:
        """Return the answer to a request that asks for no websocket."""
        if request.method not in {"GET", "HEAD"}:
            body = f"{request.method[:20]} is not answered here; only GET is.\n".encode()
            return Page(405, _TEXT, body, (("Allow", "GET, HEAD"),))
        path = urlsplit(request.target).path
        route = self._routes.get(path)
        if route is not None:
            return route(request)
        page = self._files.get("index.html" if path == "/" else path.removeprefix("/"))
        if page is not None:
            return page
        return Page(404, _TEXT, b"There is no such page. Try / or /schema.json.\n")

    def _ready(self, request: HttpRequest) -> Page:
        del request
        return Page(200, _TEXT, b"ready\n") if self._is_ready() else Page(503, _TEXT, b"not ready\n")

    def _metrics_page(self, request: HttpRequest) -> Page:
        try:
            self._tokens.check(bearer_of(request.headers) or query_token(request.target))
        except Rejected as refusal:
            challenge = (("WWW-Authenticate", "Bearer"),)
            return Page(401, _TEXT, f"{refusal.message}. {refusal.advice}\n".encode(), challenge)
        return Page(200, CONTENT_TYPE, self._metrics.render())

    @cached_property
    def _schema(self) -> bytes:
        return orjson.dumps(wire_schema(), option=orjson.OPT_INDENT_2)

    @cached_property
    def _asyncapi(self) -> bytes:
        return orjson.dumps(asyncapi(), option=orjson.OPT_INDENT_2)


def _load_files() -> dict[str, Page]:
    """Read the page's files: those whose names end in a type that a browser is to be told."""
    found: dict[str, Page] = {}
    for file in resources.files("blackboard.dashboard").iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            found[file.name] = Page(200, kind, file.read_bytes())
    return found
