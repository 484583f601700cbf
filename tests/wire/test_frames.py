"""Text frames, against websockets' own."""

import pytest
from websockets.frames import Frame, Opcode

from blackboard.wire.frames import apply_mask, frame_extent, frame_text, frame_text_masked

SIZES = [0, 1, 125, 126, 65_535, 65_536]


@pytest.mark.parametrize("size", SIZES)
def test_frame_is_what_websockets_makes(size):
    payload = b"x" * size
    assert frame_text(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


@pytest.mark.parametrize("size", SIZES)
def test_masked_frame_has_the_masked_payload_behind_its_mask(size):
    payload, mask = b"x" * size, b"\x01\x02\x03\x04"
    frame = frame_text_masked(payload, mask)
    body, end = frame_extent(frame, 0) or (0, 0)
    assert end == len(frame)
    assert frame[body - 4 : body] == mask
    assert apply_mask(frame[body:end], mask) == payload


@pytest.mark.parametrize("size", SIZES)
def test_extent_is_known_once_the_length_is_there(size):
    for frame in (frame_text(b"x" * size), frame_text_masked(b"x" * size, bytes(4))):
        known = [at for at in range(min(len(frame), 16)) if frame_extent(frame[:at], 0) is not None]
        header = 2 if size <= 125 else 4 if size <= 65_535 else 10
        assert known == list(range(header, min(len(frame), 16)))
        body, end = frame_extent(b"before" + frame, 6) or (0, 0)
        assert (end - body, end) == (size, len(frame) + 6)
