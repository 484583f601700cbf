"""Plain values: canonical bytes, pointers, fractions, and the limits on JSON."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.core.errors import Rejected
from blackboard.core.limits import INTEGER_MAX
from blackboard.core.values import (
    MISSING,
    ONE,
    canonical,
    check_fraction,
    check_json,
    digest,
    is_array,
    is_object,
    pointer_get,
    pointer_parts,
    to_fraction,
    to_millionths,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_canonical_bytes_sort_keys_and_spare_spaces() -> None:
    """Equal objects have equal bytes, in whatever order their keys came."""
    assert canonical({"b": 1, "a": [1, "ä", None]}) == '{"a":[1,"ä",null],"b":1}'.encode()
    assert digest(canonical({})) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(st.dictionaries(st.text(), JSON))
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    """Reversing the keys changes nothing."""
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@pytest.mark.parametrize("value", [-0.000001, 1.000001, math.nan, math.inf, -1])
def test_fraction_outside_its_range_is_refused(value: float) -> None:
    """A fraction lies between 0 and 1, and the message names it."""
    with pytest.raises(Rejected, match=r"confidence is .*; expected a number from 0 to 1"):
        check_fraction(value, name="confidence")


@given(st.integers(0, ONE))
def test_fractions_of_six_decimals_survive_the_round_trip(millionths: int) -> None:
    """Millionths to a fraction and back is the identity, also after checking."""
    fraction = check_fraction(to_fraction(millionths), name="x")
    assert to_millionths(fraction) == millionths


@pytest.mark.parametrize(
    ("path", "parts"),
    [("", ()), ("/a", ("a",)), ("/a/0/", ("a", "0", "")), ("/a~1b~0c", ("a/b~c",)), ("/~01", ("~1",))],
)
def test_pointer_is_split_as_the_standard_says(path: str, parts: tuple[str, ...]) -> None:
    """RFC 6901, escapes included."""
    assert pointer_parts(path) == parts


def test_pointer_without_a_slash_is_refused() -> None:
    """The message says what to write."""
    with pytest.raises(Rejected, match="write '/a'") as caught:
        pointer_parts("a")
    assert caught.value.code == "invalid_trigger"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", {"a": [{"b": 1}, None]}),
        ("/a/0/b", 1),
        ("/a/1", None),
        ("/a/2", MISSING),
        ("/a/-1", MISSING),
        ("/a/x", MISSING),
        ("/b", MISSING),
        ("/b/c", MISSING),
        ("/a/0/b/c", MISSING),
        ("/a/1/c", MISSING),
    ],
)
def test_pointer_leads_to_a_value_or_to_nothing(path: str, found: object) -> None:
    """What is missing is not what is null."""
    assert pointer_get({"a": [{"b": 1}, None]}, pointer_parts(path)) == found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[[1]]], "nested deeper than 2"),
        ({"a": {"b": {}}}, "nested deeper than 2"),
        ([2**53], "integers must lie"),
        ({"a": -(2**53)}, "integers must lie"),
    ],
)
def test_json_beyond_its_limits_is_refused(value: object, message: str) -> None:
    """Depth and integers are bounded."""
    with pytest.raises(Rejected, match=message) as caught:
        check_json(value, depth_max=2)
    assert caught.value.code == "limit_exceeded"


def test_json_within_its_limits_passes() -> None:
    """At the limit is within it; booleans are not integers beyond any."""
    check_json({"a": [True, INTEGER_MAX, -INTEGER_MAX, 0.5, None, "x"]}, depth_max=2)


def test_kinds_of_json() -> None:
    """Objects and arrays are told apart from all else."""
    assert is_object({})
    assert not is_object([])
    assert is_array([])
    assert not is_array(())
