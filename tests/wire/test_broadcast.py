"""Notifications to many: encoded once, right for each."""

from blackboard.core.entry import Premise
from blackboard.core.events import EntryPosted, QuiescenceSignalled
from blackboard.core.record import Origin, Record
from blackboard.wire.broadcast import Broadcast, changed
from blackboard.wire.codec import decode_message, encode_notice
from blackboard.wire.envelope import Notice
from blackboard.wire.frames import frame_text
from blackboard.wire.messages import BoardChangedParams

POSTED = EntryPosted(
    entry=1, type="T", data={"é": [1.5, None]}, confidence=0.5, author="a", premises=(Premise(2, 1),)
)
RECORDS = (
    Record(revision=7, time_ms=5, event=POSTED),
    Record(revision=8, time_ms=5, event=QuiescenceSignalled(), origin=Origin(principal="p")),
)


def test_message_differs_by_the_subscription_alone():
    broadcast = Broadcast("board.lost", b'{"code":"gone","advice":"x"}')
    for number in (1, 2, 77):
        params = {"subscription": number, "code": "gone", "advice": "x"}
        assert broadcast.payload(number) == encode_notice("board.lost", params)
        assert broadcast.frame(number) == frame_text(broadcast.payload(number))


def test_equal_subscriptions_share_one_frame():
    broadcast = Broadcast("board.lost", b'{"code":"gone"}')
    assert broadcast.frame(1) is broadcast.frame(1)
    assert broadcast.frame(1) is not broadcast.frame(2)


def test_commit_is_shown_whole():
    broadcast = changed("main", first=7, last=8, time_ms=5, records=RECORDS, beliefs={1: 333_333})
    message = decode_message(broadcast.payload(3))
    assert isinstance(message, Notice)
    assert message.method == "board.changed"
    assert message.params["beliefs"] == {"1": 0.333333}
    read = BoardChangedParams.model_validate(message.params)
    assert (read.subscription, read.board, read.first, read.last, read.time_ms) == (3, "main", 7, 8, 5)
    assert [(each.revision, each.event, each.origin) for each in read.records] == [
        (each.revision, each.event, each.origin) for each in RECORDS
    ]


def test_catching_up_tells_no_beliefs():
    message = decode_message(changed("main", first=7, last=8, time_ms=5, records=()).payload(1))
    assert isinstance(message, Notice)
    assert message.params == {
        "subscription": 1,
        "board": "main",
        "first": 7,
        "last": 8,
        "time_ms": 5,
        "records": [],
    }
