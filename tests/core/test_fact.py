"""Facts: strict decoding, equality by value, and a JSON form that comes back."""

from __future__ import annotations

from typing import get_args

import pytest

from blackboard.core import commands as cm
from blackboard.core import events as ev
from blackboard.core.errors import Rejected
from blackboard.core.fact import from_data, to_data


def test_round_trip() -> None:
    """Defaults are left out of the JSON form and come back."""
    command = cm.PostEntry(type="T", data={"a": 1}, because=(1, 2))
    data = to_data(command)
    assert data == {"do": "post", "type": "T", "data": {"a": 1}, "because": (1, 2)}
    assert from_data(data, cm.PostEntry) == command


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"do": "post", "type": 1, "data": {}}, r"PostEntry: .*\$.type"),
        ({"do": "post", "type": "T"}, "PostEntry: .*missing required field `data`"),
        ({"do": "post", "type": "T", "data": {}, "author": "me"}, "unknown field `author`"),
        ({"do": "post", "type": "T", "data": {}, "because": ["1"]}, "because"),
    ],
)
def test_what_does_not_fit_is_refused(data: dict[str, object], message: str) -> None:
    """With the path, and under the code asked for."""
    with pytest.raises(Rejected, match=message) as caught:
        from_data(data, cm.PostEntry, code="invalid_request")
    assert caught.value.code == "invalid_request"


def test_commands_and_events_are_told_apart_by_their_tags() -> None:
    """Tags are unique, so that a union decodes into one type."""
    for union in (cm.Command, ev.Event):
        tags = [each.__struct_config__.tag for each in get_args(union)]
        assert len(set(tags)) == len(tags)


def test_event_names_are_complete() -> None:
    """Every event of the union is exported."""
    assert {each.__name__ for each in get_args(ev.Event)} <= set(ev.__all__)
