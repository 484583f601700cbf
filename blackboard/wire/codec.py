"""The codec: one text frame to one message, and back.

JSON is parsed by orjson alone, which refuses NaN, infinity, lone surrogates and bytes that are not UTF-8;
types are checked on the parsed object. The limits on depth and integers are proven from the bytes where
possible: a frame with no more than 32 opening brackets is not nested deeper, and one without 16 digits in
a row has no integer beyond 2^53-1. Only what cannot be proven so is walked (a walk costs five times the
parsing). Digits that orjson would turn into a float, because they exceed 64 bits, are found by comparing
with the text.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from blackboard.core.errors import BlackboardError, Rejected, error_row
from blackboard.core.limits import DEFAULT_LIMITS, INTEGER_MAX, Limits
from blackboard.core.ready import Receipt
from blackboard.core.values import check_json, is_array, is_object
from blackboard.wire.envelope import (
    Failure,
    Incoming,
    MalformedMessage,
    Notice,
    Request,
    RequestId,
    Success,
    shown,
)

__all__ = [
    "ID_CHARS_MAX",
    "decode_message",
    "encode_error",
    "encode_notice",
    "encode_receipt",
    "encode_request",
    "encode_result",
    "encode_result_raw",
]

ID_CHARS_MAX: Final = 200
"""Longest id of a request that is a text."""

_MEMBERS: Final = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_ZEROED: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_DIGITS: Final = b"0" * 16
_LONG_INTEGER: Final = re.compile(rb"(?<![\w.])-?\d{16,}(?![\w.])")
"""Sixteen or more digits that are neither part of a longer word nor of a number with a fraction."""


def decode_message(frame: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Incoming:
    """Read one text frame.

    Raises:
        MalformedMessage: With the code to answer and, where it could be read, the id.
    """
    if len(frame) > limits.message_bytes_max:
        raise MalformedMessage(
            "limit_exceeded", f"a message of {len(frame)} bytes; at most {limits.message_bytes_max} are taken"
        )
    try:
        message: object = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise MalformedMessage("parse_error", f"the frame is not one JSON value in UTF-8: {error}") from error
    if not is_object(message):
        what = "a batch array" if is_array(message) else "a plain value"
        raise MalformedMessage("invalid_request", f"the frame holds {what}; expected one request object")
    id_ = _read_id(message)
    _check_limits(frame, message, id_, limits)
    if message.get("jsonrpc") != "2.0":
        got = message.get("jsonrpc")
        raise MalformedMessage("invalid_request", f"jsonrpc is {shown(got)}; expected '2.0'", id=id_)
    if not message.keys() <= _MEMBERS:
        extra = ", ".join(sorted(message.keys() - _MEMBERS))[:ID_CHARS_MAX]
        raise MalformedMessage(
            "invalid_request", f"unknown member: {extra}; expected jsonrpc, id, method, params", id=id_
        )
    if "method" in message:
        return _read_call(message, id_)
    return _read_answer(message, id_)


def _read_id(message: dict[str, Any]) -> RequestId | None:
    id_ = message.get("id")
    if id_ is None or type(id_) is int or (type(id_) is str and len(id_) <= ID_CHARS_MAX):
        return id_
    raise MalformedMessage(
        "invalid_request", f"id is {shown(id_)}; expected an integer or up to {ID_CHARS_MAX} characters"
    )


def _read_call(message: dict[str, Any], id_: RequestId | None) -> Request | Notice:
    method = message["method"]
    params: object = message.get("params", {})
    if type(method) is not str:
        raise MalformedMessage(
            "invalid_request", f"method is {shown(method)}; expected a name such as 'entry.post'", id=id_
        )
    if "result" in message or "error" in message:
        raise MalformedMessage(
            "invalid_request", "a message has either a method or a result or an error", id=id_
        )
    if not is_object(params):
        raise MalformedMessage(
            "invalid_params", f"params is {shown(params)}; expected an object with named parameters", id=id_
        )
    if "id" not in message:
        return Notice(method, params)
    if id_ is None:
        raise MalformedMessage("invalid_request", "id is null; expected an integer or text, or no id at all")
    return Request(id_, method, params)


def _read_answer(message: dict[str, Any], id_: RequestId | None) -> Success | Failure:
    has_result, error = "result" in message, message.get("error")
    if has_result is ("error" in message) or "params" in message:
        raise MalformedMessage(
            "invalid_request",
            "no method; expected one of method, result and error",
            id=id_,
        )
    if has_result:
        if id_ is None:
            raise MalformedMessage("invalid_request", "a result without an id answers no request")
        return Success(id_, message["result"])
    return _read_failure(error, id_)


def _read_failure(error: object, id_: RequestId | None) -> Failure:
    data = error.get("data") if is_object(error) else None
    if is_object(error) and is_object(data):
        match (error.get("message"), data.get("code"), data.get("retryable"), data.get("advice")):
            case (str(text), str(code), bool(retryable), str(advice)):
                return Failure(id_, code, text, retryable, advice)
            case _:
                pass
    raise MalformedMessage(
        "invalid_request", f"error is {shown(error)}; expected message and data (code, retryable, advice)"
    )


def _check_limits(frame: bytes, message: object, id_: RequestId | None, limits: Limits) -> None:
    brackets = frame.count(b"{") + frame.count(b"[")
    has_long_digits = _LONG_DIGITS in frame.translate(_ZEROED)
    if brackets <= limits.json_depth_max and not has_long_digits:
        return
    try:
        check_json(message, depth_max=limits.json_depth_max, name="the message")
    except Rejected as error:
        known = None if isinstance(id_, int) and abs(id_) > INTEGER_MAX else id_
        raise MalformedMessage(error.code, error.message, id=known) from error
    if has_long_digits:
        _check_long_integers(frame, message, id_)


def _check_long_integers(frame: bytes, message: object, id_: RequestId | None) -> None:
    """Find integers of more than 64 bits, which orjson reads as floats."""
    written = {float(digits) for digits in _LONG_INTEGER.findall(frame)}
    large = {value for value in written if abs(value) > INTEGER_MAX}
    stack = [message] if large else []
    while stack:
        here = stack.pop()
        if is_object(here):
            stack.extend(here.values())
        elif is_array(here):
            stack.extend(here)
        elif type(here) is float and here in large:
            raise MalformedMessage(
                "limit_exceeded", f"the message holds {here:.0f}; integers must lie within ±(2^53-1)", id=id_
            )


def encode_request(id_: RequestId, method: str, params: object) -> bytes:
    """Encode a request."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})


def encode_notice(method: str, params: object) -> bytes:
    """Encode a notification."""
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params})


def encode_result(id_: RequestId, result: object) -> bytes:
    """Encode the answer to a request from plain JSON data."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id_, "result": result})


def encode_result_raw(id_: RequestId, result: bytes) -> bytes:
    """Encode the answer to a request around a result that is JSON already."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (orjson.dumps(id_), result)


def encode_receipt(id_: RequestId, receipt: Receipt) -> bytes:
    """Encode the answer to a change; the most frequent answer, so it is put together by hand."""
    return b'{"jsonrpc":"2.0","id":%b,"result":{"revision":%d,"entries":%b,"repeated":%b}}' % (
        b"%d" % id_ if type(id_) is int else orjson.dumps(id_),
        receipt.revision,
        orjson.dumps(receipt.entries),
        b"true" if receipt.repeated else b"false",
    )


def encode_error(id_: RequestId | None, error: BlackboardError) -> bytes:
    """Encode a refusal, with the catalogue's number, whether a retry helps, and advice."""
    row = error_row(error.code)
    return orjson.dumps(
        {
            "jsonrpc": "2.0",
            "id": id_,
            "error": {
                "code": row.number,
                "message": error.message[: DEFAULT_LIMITS.text_chars_max],
                "data": {"code": error.code, "retryable": row.retryable, "advice": row.advice},
            },
        }
    )
