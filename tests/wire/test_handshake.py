"""Host and Origin: who may open a connection."""

import pytest

from blackboard.wire.handshake import LOCAL_HOSTS, check_handshake, header_values


def check(host, origin=None, *, hosts=LOCAL_HOSTS, origins=()):
    headers = (("Host", host),) + ((("Origin", origin),) if origin is not None else ())
    return check_handshake(headers, allowed_hosts=hosts, allowed_origins=origins)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost", None),
        ("localhost:8787", None),
        ("LOCALHOST:8787", None),
        ("localhost.:8787", None),
        ("127.0.0.1:8787", None),
        ("[::1]", None),
        ("[::1]:8787", None),
        ("localhost:8787", "http://localhost:8787"),
        ("localhost:8787", "HTTP://LocalHost:8787"),
        ("localhost", "http://localhost"),
        ("localhost", "https://localhost"),
        ("localhost", "http://localhost:80"),
        ("localhost:443", "https://localhost"),
        ("[::1]:8787", "http://[::1]:8787"),
    ],
)
def test_own_pages_and_programs_pass(host, origin):
    assert check(host, origin) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8787",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8787",
        "127.0.0.2",
        "",
        ":8787",
        "localhost:",
        "[::1",
        "[::1]x",
        "[::2]",
        "::1",
        "localhost:port",
        "localhost:٣",
        "user@localhost",
        "localhost/x",
        "localhost, evil",
    ],
)
def test_foreign_host_is_refused_whatever_the_origin(host):
    """A name that its owner points at our address (DNS rebinding) is not ours."""
    for origin in (None, f"http://{host}", "http://localhost"):
        reason = check(host, origin)
        assert reason is not None
        assert reason.startswith(f"Host {host!r} is not")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:3000",
        "http://127.0.0.1:8787",
        "https://localhost:8788",
        "null",
        "",
        "file://",
        "http://",
        "localhost:8787",
        "chrome-extension://localhost:8787",
        "http://user@localhost:8787",
        "http://localhost:8787/path",
    ],
)
def test_foreign_origin_is_refused(origin):
    reason = check("localhost:8787", origin)
    assert reason is not None
    assert repr(origin) in reason


def test_listed_origin_passes():
    assert check("localhost:8787", "https://App.example", origins={"https://app.example"}) is None
    assert check("localhost:8787", "http://app.example", origins={"https://app.example"}) is not None


def test_any_host_and_any_origin_can_be_allowed():
    assert check("board.example:9", hosts={"*"}) is None
    assert check("board.example:9", "http://other.example", hosts={"*"}) is not None
    assert check("board.example:9", "http://other.example", hosts={"*"}, origins={"*"}) is None


def test_host_may_be_listed_with_its_port():
    assert check("board.example:9", hosts={"board.example:9"}) is None
    reason = check("board.example:10", hosts={"board.example:9"})
    assert reason == (
        "Host 'board.example:10' is not one of this server's: board.example:9. Add it to the allowed hosts."
    )


@pytest.mark.parametrize("headers", [(), (("Host", "localhost"), ("host", "localhost"))])
def test_exactly_one_host_is_wanted(headers):
    assert "Host headers; expected exactly one" in (check_handshake(headers, allowed_hosts={"*"}) or "")


def test_two_origins_are_refused():
    headers = (("Host", "localhost"), ("Origin", "http://localhost"), ("Origin", "http://evil"))
    assert "2 Origin headers" in (check_handshake(headers, allowed_hosts=LOCAL_HOSTS) or "")


def test_header_values_ignore_case():
    assert header_values((("X-A", "1"), ("x-a", "2"), ("y", "3")), "x-a") == ["1", "2"]
