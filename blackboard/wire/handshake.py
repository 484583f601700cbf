"""Who may open a connection: the checks of Host and Origin, as one pure function.

A page on any web site can make the browser of someone who runs a server send requests to it. Two things
give it away. Its Origin is not ours; and if its author points a name of theirs at our address (DNS
rebinding), the Host is not ours. So both are checked, on plain GET requests too: a Host that is not
listed is refused whatever the Origin, and an Origin is accepted if it is the very Host that was asked for,
or is listed. Programs other than browsers send no Origin; for them the token decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

__all__ = ["ANY", "LOCAL_HOSTS", "Headers", "check_handshake", "header_values"]

Headers = tuple[tuple[str, str], ...]
"""Header lines in order, as (name, value)."""

ANY: Final = "*"
"""Listed as a host, it accepts every Host; listed as an origin, every Origin."""

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The hosts of a server that listens on the loopback address only."""

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def header_values(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """Return all values of the header `name`, which is given in lower case."""
    return [value for key, value in headers if key.lower() == name]


def check_handshake(
    headers: Headers, *, allowed_hosts: Collection[str], allowed_origins: Collection[str] = ()
) -> str | None:
    """Judge the Host and Origin of a request.

    Args:
        headers: Header lines of the request.
        allowed_hosts: Accepted hosts in lower case, as `name` (any port) or `name:port`; IPv6 addresses in
            brackets; `*` for any.
        allowed_origins: Accepted origins beside the server's own, as `scheme://host[:port]`; `*` for any.

    Returns:
        `None` if it may pass, else the reason to answer with status 403.
    """
    hosts = header_values(headers, "host")
    if len(hosts) != 1:
        return f"the request has {len(hosts)} Host headers; expected exactly one"
    host = _split_authority(hosts[0])
    if host is None:
        return f"Host {hosts[0]!r} is not a host name or address with an optional port"
    if not _is_allowed_host(host, allowed_hosts):
        listed = ", ".join(sorted(allowed_hosts)) or "none"
        return f"Host {hosts[0]!r} is not one of this server's: {listed}. Add it to the allowed hosts."
    origins = header_values(headers, "origin")
    if not origins:
        return None
    if len(origins) > 1:
        return f"the request has {len(origins)} Origin headers; expected at most one"
    if _is_allowed_origin(origins[0], host, allowed_origins):
        return None
    return (
        f"Origin {origins[0]!r} is neither this server ({hosts[0]}) nor an allowed origin. "
        "Open the page from this server, or add the origin to the allowed ones."
    )


def _split_authority(text: str) -> tuple[str, str] | None:
    """Split `host[:port]` into the host in lower case, without a final dot, and the port, perhaps empty."""
    if text.startswith("["):
        address, bracket, rest = text.partition("]")
        host, colon, port = address + bracket, rest[:1], rest[1:]
        if not bracket or (rest and colon != ":"):
            return None
    else:
        host, colon, port = text.partition(":")
        host = host.removesuffix(".")
    if not host or (colon and not (port.isascii() and port.isdecimal())):
        return None
    if any(letter in "/@?#\\ ," for letter in host):
        return None
    return host.lower(), port


def _is_allowed_host(host: tuple[str, str], allowed: Collection[str]) -> bool:
    name, port = host
    return ANY in allowed or name in allowed or f"{name}:{port}" in allowed


def _is_allowed_origin(origin: str, host: tuple[str, str], allowed: Collection[str]) -> bool:
    if ANY in allowed or origin.lower() in allowed:
        return True
    scheme, separator, rest = origin.lower().partition("://")
    default = _DEFAULT_PORTS.get(scheme)
    if not separator or default is None:  # also `null`, which sandboxed pages and files send
        return False
    authority = _split_authority(rest)
    if authority is None:
        return False
    # A port that is left out means the scheme's own on both sides: the Host was written under this scheme.
    return (authority[0], authority[1] or default) == (host[0], host[1] or default)
