"""The codec: what it reads, what it refuses and why, and that nothing is lost on the way."""

import contextlib
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.core.errors import CATALOGUE, BlackboardError, Rejected
from blackboard.core.limits import INTEGER_MAX, Limits
from blackboard.core.ready import Receipt
from blackboard.wire.codec import (
    decode_message,
    encode_error,
    encode_notice,
    encode_receipt,
    encode_request,
    encode_result,
    encode_result_raw,
)
from blackboard.wire.envelope import Failure, MalformedMessage, Notice, Request, Success, shown
from blackboard.wire.messages import ChangeResult

INTEGERS = st.integers(-INTEGER_MAX, INTEGER_MAX)
IDS = INTEGERS | st.text(max_size=200)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PARAMS = st.dictionaries(st.text(), JSON, max_size=5)


@given(IDS, st.text(), PARAMS)
def test_request_comes_back_as_sent(id_, method, params):
    assert decode_message(encode_request(id_, method, params)) == Request(id_, method, params)


@given(st.text(), PARAMS)
def test_notice_comes_back_as_sent(method, params):
    assert decode_message(encode_notice(method, params)) == Notice(method, params)


@given(IDS, JSON)
def test_result_comes_back_as_sent(id_, result):
    assert decode_message(encode_result(id_, result)) == Success(id_, result)
    assert encode_result_raw(id_, orjson.dumps(result)) == encode_result(id_, result)


@given(IDS, st.integers(0, INTEGER_MAX), st.lists(st.integers(1, INTEGER_MAX)), st.booleans())
def test_receipt_is_a_change_result(id_, revision, entries, repeated):
    receipt = Receipt(revision=revision, entries=tuple(entries), repeated=repeated)
    answer = decode_message(encode_receipt(id_, receipt))
    assert isinstance(answer, Success)
    assert answer.id == id_
    assert ChangeResult.model_validate(answer.result).model_dump() == {
        "revision": revision,
        "entries": tuple(entries),
        "repeated": repeated,
    }


@pytest.mark.parametrize("code", CATALOGUE)
def test_error_comes_back_with_its_row_of_the_catalogue(code):
    row = CATALOGUE[code]
    frame = encode_error(7, Rejected(code, "what came"))
    assert orjson.loads(frame)["error"]["code"] == row.number
    failure = decode_message(frame)
    assert failure == Failure(7, code, "what came", row.retryable, row.advice)
    error = failure.to_error()
    assert (error.code, error.message) == (code, "what came")


def test_error_number_is_unique_per_code():
    assert len({row.number for row in CATALOGUE.values()}) == len(CATALOGUE)


def test_unknown_code_of_a_newer_server_is_kept_in_the_message():
    error = Failure(1, "too_new", "text", retryable=False, advice="Update.").to_error()
    assert error.code == "internal_error"
    assert error.message == "too_new: text (Update.)"


def test_long_message_of_an_error_is_cut():
    frame = encode_error(None, BlackboardError("invalid_params", "x" * 100_000))
    assert len(frame) < 5_000
    assert decode_message(frame).id is None


BIG = INTEGER_MAX + 1
REFUSED = [
    # Not JSON in UTF-8.
    (b"", "parse_error", None),
    (b"{", "parse_error", None),
    (b"\xff\xfe", "parse_error", None),
    (b'{"a": NaN}', "parse_error", None),
    (b'{"a": Infinity}', "parse_error", None),
    (b'{"a": "\\ud800"}', "parse_error", None),
    (b'{"a": "\xc3"}', "parse_error", None),
    (b"{} {}", "parse_error", None),
    (b"[" * 100_000, "parse_error", None),
    (b"[" * 5_000 + b"]" * 5_000, "parse_error", None),
    # Not one request object.
    (b"[]", "invalid_request", None),
    (b'[{"jsonrpc":"2.0","id":1,"method":"session.ping"}]', "invalid_request", None),
    (b"null", "invalid_request", None),
    (b'"text"', "invalid_request", None),
    (b"1", "invalid_request", None),
    (b"{}", "invalid_request", None),
    (b'{"id":1,"method":"m"}', "invalid_request", 1),
    (b'{"jsonrpc":"1.0","id":1,"method":"m"}', "invalid_request", 1),
    (b'{"jsonrpc":2.0,"id":1,"method":"m"}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","id":1}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","id":1,"params":{}}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","id":1,"method":5}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","id":1,"method":null}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"m","extra":0}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"m","result":0}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"m","error":{}}', "invalid_request", 1),
    # Ids.
    (b'{"jsonrpc":"2.0","id":null,"method":"m"}', "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":true,"method":"m"}', "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"m"}', "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":[1],"method":"m"}', "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":' + b"[" * 900 + b"]" * 900 + b"}", "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":"%b","method":"m"}' % (b"x" * 201), "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":%d,"method":"m"}' % BIG, "limit_exceeded", None),
    # Params.
    (b'{"jsonrpc":"2.0","id":1,"method":"m","params":[]}', "invalid_params", 1),
    (b'{"jsonrpc":"2.0","id":"a","method":"m","params":null}', "invalid_params", "a"),
    (b'{"jsonrpc":"2.0","id":1,"method":"m","params":"x"}', "invalid_params", 1),
    # Answers.
    (b'{"jsonrpc":"2.0","id":1,"result":1,"error":{}}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","id":1,"result":1,"params":{}}', "invalid_request", 1),
    (b'{"jsonrpc":"2.0","result":1}', "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":1,"error":null}', "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}', "invalid_request", None),
    (b'{"jsonrpc":"2.0","id":1,"error":{"message":1,"data":{}}}', "invalid_request", None),
    # Limits.
    (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":%d}}' % BIG, "limit_exceeded", 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[-%d]}}' % BIG, "limit_exceeded", 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":%d}}' % 2**64, "limit_exceeded", 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[{"b":-%d}]}}' % 10**40, "limit_exceeded", 1),
    (
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":' + b"[" * 31 + b"]" * 31 + b"}}",
        "limit_exceeded",
        1,
    ),
    (b'{"a":' * 200 + b"1" + b"}" * 200, "limit_exceeded", None),
    (b" " * 1_048_577, "limit_exceeded", None),
]


@pytest.mark.parametrize(("frame", "code", "id_"), REFUSED)
def test_malformed_frame_is_refused_with_code_and_id(frame, code, id_):
    with pytest.raises(MalformedMessage) as caught:
        decode_message(frame)
    assert (caught.value.code, caught.value.id) == (code, id_)
    answer = decode_message(encode_error(caught.value.id, caught.value))
    assert isinstance(answer, Failure)
    assert answer.code == code


@pytest.mark.parametrize(
    "params",
    [
        b'{"a":%d,"b":-%d}' % (INTEGER_MAX, INTEGER_MAX),
        b'{"a":0.1234567890123456789}',
        b'{"a":"12345678901234567890"}',
        b'{"a":1e300}',
        b'{"a":12345678901234567.5}',
        b'{"a":"id 12345678901234567890","b":1e300}',
        b'{"a":' + b"[" * 30 + b"]" * 30 + b"}",
        b'{"a":"' + b"[{" * 100 + b'"}',
        b'{"a":"' + "é€😀".encode() * 50 + b'"}',
    ],
)
def test_frame_within_the_limits_is_taken(params):
    frame = b'{"jsonrpc":"2.0","id":1,"method":"m","params":%b}' % params
    assert decode_message(frame) == Request(1, "m", orjson.loads(params))


def test_limits_are_those_given():
    frame = encode_request(1, "m", {"a": [[]]})
    assert decode_message(frame, limits=Limits(json_depth_max=4))
    with pytest.raises(MalformedMessage, match="deeper than 3"):
        decode_message(frame, limits=Limits(json_depth_max=3))
    with pytest.raises(MalformedMessage, match="at most 10 are taken"):
        decode_message(frame, limits=Limits(message_bytes_max=10))


def test_params_may_be_left_out():
    assert decode_message(b'{"jsonrpc":"2.0","id":1,"method":"m"}') == Request(1, "m", {})
    first = decode_message(b'{"jsonrpc":"2.0","method":"m"}')
    assert first == Notice("m", {})
    first.params["x"] = 1
    assert decode_message(b'{"jsonrpc":"2.0","method":"m"}') == Notice("m", {})


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused_by_name(garbage):
    """Nothing but `MalformedMessage` ever comes out."""
    with contextlib.suppress(MalformedMessage):
        assert decode_message(garbage)


@given(JSON, JSON, JSON, JSON)
def test_any_envelope_is_read_or_refused_by_name(id_, method, params, version):
    frame = orjson.dumps({"jsonrpc": version, "id": id_, "method": method, "params": params})
    with contextlib.suppress(MalformedMessage):
        assert decode_message(frame)


def test_worst_frame_is_judged_in_bounded_time():
    """The largest message that needs every check takes well under a second."""
    frame = encode_request(1, "m", {"a": [1234567890123456] * 60_000})
    assert len(frame) < 1_048_576
    started = time.perf_counter()
    decode_message(frame)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "an object"),
        ([[]], "an array"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("a", "'a'"),
        ("a" * 99, "'" + "a" * 60 + "'..."),
    ],
)
def test_shown_is_short(value, text):
    assert shown(value) == text
