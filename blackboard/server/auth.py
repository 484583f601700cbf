"""Who may speak: the local token, further tokens by their hash, and what each allows.

The local token is made with `secrets` on the first start and kept in `<data dir>/token`, readable by its
owner alone; who can read it is the administrator. Further tokens are issued over the wire and shown once;
only their hash is kept, on the system board.

A scope `board:<name>` limits a token to that board; without any such scope it reaches every board. Of a
board out of scope nothing is learnt, not even that it exists.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from blackboard.core.commands import Principal
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.wire.handshake import Headers, header_values

__all__ = [
    "TOKEN_FILE",
    "Grant",
    "TokenBook",
    "bearer_of",
    "is_scope",
    "local_token",
    "new_token",
    "query_token",
    "token_hash",
]

TOKEN_FILE: Final = "token"  # noqa: S105 - the name of a file, not a secret

_TOKEN_BYTES: Final = 32
_BOARD_SCOPE: Final = "board:"


class Grant(msgspec.Struct, frozen=True):
    """What a token stands for.

    Args:
        principal: As whom its bearer speaks.
        scopes: What it is limited to; empty for everything that the kind of principal may do.
    """

    principal: Principal
    scopes: tuple[str, ...] = ()

    @property
    def is_administrator(self) -> bool:
        """Whether it may issue tokens for others."""
        return self.principal.kind == "person" and not self.scopes

    @property
    def boards(self) -> tuple[str, ...] | None:
        """The boards that the bearer may know of; `None` for all."""
        named = tuple(
            scope.removeprefix(_BOARD_SCOPE) for scope in self.scopes if scope.startswith(_BOARD_SCOPE)
        )
        return named or None

    def reaches(self, board: str) -> bool:
        """Whether the bearer may know of a board."""
        return not self.scopes or (boards := self.boards) is None or board in boards

    @classmethod
    def of(cls, name: str, kind: Literal["person", "agent"], scopes: tuple[str, ...]) -> Grant:
        """Return the grant of an issued token."""
        return cls(Principal(name=name, kind=kind), scopes)


ADMINISTRATOR: Final = Grant(Principal(name="admin", kind="person"))
"""Whom the local token stands for."""


def is_scope(text: str) -> bool:
    """Tell whether `text` limits anything; a scope that is unknown would be ignored, and so allow all."""
    return text.startswith(_BOARD_SCOPE) and text != _BOARD_SCOPE


def new_token() -> str:
    """Return a fresh secret."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    """Return what is kept of a token; tokens are long and random, so a plain hash does not give them away."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenBook:
    """All tokens of a server.

    Args:
        local: The local token, in clear.
    """

    def __init__(self, local: str) -> None:
        self._grants: dict[str, Grant] = {token_hash(local): ADMINISTRATOR}

    def __len__(self) -> int:
        return len(self._grants)

    def add(self, digest: str, grant: Grant) -> None:
        """Accept the token with this hash from now on."""
        self._grants[digest] = grant

    def remove(self, digest: str) -> None:
        """Accept it no longer."""
        self._grants.pop(digest, None)

    def check(self, token: str | None) -> Grant:
        """Return what `token` stands for; the time that it takes tells nothing about other tokens.

        Raises:
            Rejected: `unauthorized`.
        """
        if not token:
            raise Rejected("unauthorized", "no token was given")
        digest = token_hash(token)
        for known, grant in self._grants.items():
            if hmac.compare_digest(known, digest):
                return grant
        raise Rejected("unauthorized", "this server does not know the token")


def local_token(folder: Path) -> str:
    """Return the token in `folder`, made on the first call.

    Raises:
        BlackboardError: `invalid_settings` if the file cannot be read or written, or is empty.
    """
    path = folder / TOKEN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path, new_token())
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BlackboardError("invalid_settings", f"the token file {path} cannot be used: {error}") from error
    if not token:
        raise BlackboardError(
            "invalid_settings", f"the token file {path} is empty; delete it and start again"
        )
    return token


def _create(path: Path, token: str) -> None:
    """Write the whole file under another name, then link it into place unless another process was first."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def bearer_of(headers: Headers) -> str | None:
    """Return the token of an `Authorization: Bearer` header."""
    for value in header_values(headers, "authorization"):
        scheme, _, token = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            return token.strip() or None
    return None


def query_token(target: str) -> str | None:
    """Return the token in the query of a request's target, `?t=…`."""
    return next(iter(parse_qs(urlsplit(target).query).get("t", ())), None)
