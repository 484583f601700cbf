"""Where a client finds its token: in the environment, or in the nearest `.blackboard/token`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from blackboard.core.errors import BlackboardError

__all__ = ["TOKEN_FILE", "TOKEN_VARIABLE", "find_token", "read_token"]

TOKEN_VARIABLE: Final = "BLACKBOARD_TOKEN"  # noqa: S105 - a name, not a secret
TOKEN_FILE_VARIABLE: Final = "BLACKBOARD_TOKEN_FILE"  # noqa: S105 - likewise
TOKEN_FILE: Final = Path(".blackboard") / "token"
_LOCAL_HOSTS: Final = frozenset({"localhost", "::1"})


def find_token(*, environment: Mapping[str, str], directory: Path, url: str = "ws://localhost") -> str | None:
    """Return the token of the environment, or of the nearest `.blackboard/token` from `directory` upward.

    The environment has it in `BLACKBOARD_TOKEN`, or names its file in `BLACKBOARD_TOKEN_FILE`.

    Args:
        environment: Variables of the process.
        directory: Where to begin to look.
        url: For which server. A file holds the secret of one on this machine; no other is told it.

    Returns:
        The token, or `None` if there is neither; a server without tokens needs none.
    """
    given = environment.get(TOKEN_VARIABLE, "").strip()
    if given:
        return given
    file = environment.get(TOKEN_FILE_VARIABLE, "").strip()
    if file:
        return read_token(Path(file))
    host = urlsplit(url).hostname or ""
    if host not in _LOCAL_HOSTS and not host.startswith("127."):
        return None
    for folder in (directory, *directory.parents):
        path = folder / TOKEN_FILE
        if path.is_file():
            return read_token(path)
    return None


def read_token(path: Path) -> str:
    """Return the token that `path` holds.

    Raises:
        BlackboardError: `unauthorized` if it cannot be read or is empty.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BlackboardError("unauthorized", f"token file {path}: {error.strerror}") from error
    if not token:
        raise BlackboardError("unauthorized", f"token file {path} is empty; restart the server to renew it")
    return token
