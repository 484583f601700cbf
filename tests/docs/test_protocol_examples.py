"""docs/protocol.md: every frame shown is one that the models take, and its reference part is up to date."""

import re
from pathlib import Path

import pytest

from blackboard.core.errors import CATALOGUE
from blackboard.wire.codec import decode_message
from blackboard.wire.envelope import Failure, Notice, Request, Success
from blackboard.wire.messages import METHODS, NOTIFICATIONS
from blackboard.wire.reference import MARK, renewed

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
TEXT = PAGE.read_text(encoding="utf-8")
PROSE, _, REFERENCE = TEXT.partition(MARK)
FRAMES = [
    line for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL) for line in block.strip().splitlines()
]
REQUESTS = {
    message.id: message for frame in FRAMES if isinstance(message := decode_message(frame.encode()), Request)
}


@pytest.mark.parametrize("frame", FRAMES)
def test_every_frame_is_right(frame):
    match decode_message(frame.encode()):
        case Request(method=method, params=params):
            METHODS[method].params.model_validate(params)
        case Notice(method=method, params=params):
            NOTIFICATIONS[method].params.model_validate(params)
        case Success(id=id_, result=result):
            METHODS[REQUESTS[id_].method].result.model_validate(result)
        case Failure(id=id_, code=code, retryable=retryable, advice=advice):
            assert id_ in REQUESTS
            assert (retryable, advice) == (CATALOGUE[code].retryable, CATALOGUE[code].advice)
            assert f'"code":{CATALOGUE[code].number},' in frame


def test_every_request_has_its_own_id_and_one_answer():
    ids = re.findall(r'^\{"jsonrpc":"2.0","id":(\d+),', "\n".join(FRAMES), re.MULTILINE)
    assert len(ids) == 2 * len(REQUESTS)
    assert sorted(ids) == sorted([str(each) for each in REQUESTS] * 2)


def test_every_method_and_notification_is_shown():
    assert {message.method for message in REQUESTS.values()} == set(METHODS)
    shown = {m.method for frame in FRAMES if isinstance(m := decode_message(frame.encode()), Notice)}
    assert shown == set(NOTIFICATIONS)


def test_reference_is_up_to_date():
    """If this fails, run `python -m blackboard.wire.reference docs/protocol.md`."""
    assert renewed(TEXT) == TEXT


def test_error_table_is_the_catalogue():
    rows = re.findall(r"^\| `(\w+)` \| (-\d+) \| (yes|no) \| (.+) \|$", REFERENCE, re.MULTILINE)
    assert {code: (int(number), retry == "yes", advice) for code, number, retry, advice in rows} == {
        code: (row.number, row.retryable, row.advice) for code, row in CATALOGUE.items()
    }


def test_method_table_is_the_registry():
    rows = re.findall(r"^\| \[`([\w.]+)`\]\(#\w+\) \| (.+) \| (yes)? ?\|$", REFERENCE, re.MULTILINE)
    assert [(name, doc, changes == "yes") for name, doc, changes in rows] == [
        (name, row.doc, row.changes) for name, row in METHODS.items()
    ]


def test_every_link_has_its_heading():
    headings = {
        re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= headings


def test_close_codes_are_explained():
    explained = set(re.findall(r"^\| (\d{4}) \|", PROSE, re.MULTILINE))
    assert explained == {"1000", "1001", "1002", "1003", "1007", "1008", "1009", "1011"}
