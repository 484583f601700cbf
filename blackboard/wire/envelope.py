"""The JSON-RPC 2.0 envelope, decoded: what one text frame can say."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from blackboard.core.errors import CATALOGUE, BlackboardError

__all__ = ["Failure", "Incoming", "MalformedMessage", "Notice", "Request", "RequestId", "Success", "shown"]

_SHOWN_CHARS_MAX: Final = 60

RequestId: TypeAlias = int | str
"""Chosen by who asks, unique among its unanswered requests; it says nothing about repeats."""


class Request(msgspec.Struct, frozen=True):
    """A request; it is answered by a `Success` or a `Failure` under the same id."""

    id: RequestId
    method: str
    params: dict[str, Any]


class Notice(msgspec.Struct, frozen=True):
    """A notification: a message that wants no answer."""

    method: str
    params: dict[str, Any]


class Success(msgspec.Struct, frozen=True):
    """The result of a request."""

    id: RequestId
    result: Any


class Failure(msgspec.Struct, frozen=True):
    """The refusal of a request; `id` is `None` if the request could not be read.

    Args:
        id: Which request.
        code: Code word of the error table, or a newer server's.
        message: What came, what was expected, what to try.
        retryable: Whether repeating the same request later can succeed.
        advice: What to do about it, in one sentence.
    """

    id: RequestId | None
    code: str
    message: str
    retryable: bool
    advice: str

    def to_error(self) -> BlackboardError:
        """Return the refusal as an error to raise; a code that this release lacks reads `internal_error`."""
        if self.code in CATALOGUE:
            return BlackboardError(self.code, self.message)
        return BlackboardError("internal_error", f"{self.code}: {self.message} ({self.advice})")


Incoming: TypeAlias = Request | Notice | Success | Failure


class MalformedMessage(BlackboardError):
    """A text frame that is no message of this protocol.

    Args:
        code: `parse_error`, `invalid_request`, `invalid_params` or `limit_exceeded`.
        message: What came and what was expected.
        id: The id under which to answer, if one could be read.
    """

    def __init__(self, code: str, message: str, *, id: RequestId | None = None) -> None:  # noqa: A002 - its name
        super().__init__(code, message)
        self.id = id


def shown(value: object) -> str:
    """Show a JSON value in an error message, in few characters whatever came."""
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str() if len(value) > _SHOWN_CHARS_MAX:
            return f"{value[:_SHOWN_CHARS_MAX]!r}..."
        case _:
            return repr(value)
