"""Where a client finds its token: in the environment, or in the nearest `.blackboard/token`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from blackboard.core.errors import BlackboardError

__all__ = ["TOKEN_FILE", "TOKEN_VARIABLE", "find_token", "read_token"]

TOKEN_VARIABLE: Final = "BLACKBOARD_TOKEN"  # noqa: S105 - a name, not a secret
TOKEN_FILE: Final = Path(".blackboard") / "token"


def find_token(*, environment: Mapping[str, str], directory: Path) -> str | None:
    """Return the token of the environment, or of the nearest `.blackboard/token` from `directory` upward.

    Returns:
        The token, or `None` if there is neither; a server without tokens needs none.
    """
    given = environment.get(TOKEN_VARIABLE, "").strip()
    if given:
        return given
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
