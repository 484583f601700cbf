"""WebSocket text frames as bytes: building them, and finding where one ends (RFC 6455, section 5.2).

The server's text frames are not masked, so one frame serves every subscriber. A client's are masked with
four unpredictable bytes that its shell supplies.
"""

from __future__ import annotations

from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:  # no C compiler where websockets was installed
    from websockets.utils import apply_mask

__all__ = ["MASKED", "TEXT_WHOLE", "apply_mask", "frame_extent", "frame_text", "frame_text_masked"]

TEXT_WHOLE: Final = 0x81
"""First byte of an unfragmented text frame without extensions."""

MASKED: Final = 0x80
"""Bit of the second byte that says a masking key follows the length."""

_SMALL: Final = 126
_MEDIUM: Final = 127
_SMALL_BYTES_MAX: Final = 125
_MEDIUM_BYTES_MAX: Final = 0xFFFF


def frame_text(payload: bytes) -> bytes:
    """Return `payload` (UTF-8) as one unmasked text frame, as a server sends it."""
    return _header(len(payload), 0) + payload


def frame_text_masked(payload: bytes, mask: bytes) -> bytes:
    """Return `payload` (UTF-8) as one text frame masked with the four bytes `mask`, as a client sends it."""
    return b"%b%b%b" % (_header(len(payload), MASKED), mask, apply_mask(payload, mask))


def _header(length: int, masked: int) -> bytes:
    if length <= _SMALL_BYTES_MAX:
        return bytes((TEXT_WHOLE, masked | length))
    if length <= _MEDIUM_BYTES_MAX:
        return bytes((TEXT_WHOLE, masked | _SMALL, length >> 8, length & 0xFF))
    return bytes((TEXT_WHOLE, masked | _MEDIUM)) + length.to_bytes(8, "big")


def frame_extent(data: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Find the payload of the frame that starts at `start`.

    Returns:
        Where the payload begins and where it ends, perhaps beyond the data that is there; `None` while
        the length is not there yet.
    """
    available = len(data) - start
    if available < 2:  # noqa: PLR2004 - the two bytes that every frame has
        return None
    second = data[start + 1]
    length = second & 0x7F
    body = start + 2
    if length == _SMALL:
        body = start + 4
        if available < 4:  # noqa: PLR2004 - two more bytes of length
            return None
        length = (data[start + 2] << 8) | data[start + 3]
    elif length == _MEDIUM:
        body = start + 10
        if available < 10:  # noqa: PLR2004 - eight more bytes of length
            return None
        length = int.from_bytes(data[start + 2 : body], "big")
    if second & MASKED:
        body += 4
    return body, body + length
