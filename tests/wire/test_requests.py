"""Reading params: straight into commands, or into models, and that both agree."""

import copy
import typing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from blackboard.core.commands import PauseBoard, PostEntry
from blackboard.core.errors import Rejected
from blackboard.wire.messages import METHODS
from blackboard.wire.requests import COMMANDS, Change, read_change, read_params
from tests.wire.samples import SAMPLES


def test_change_is_board_command_and_key():
    params = {"board": "b", "command_id": "c", "type": "T", "data": {"x": 1}}
    assert read_change("entry.post", params) == Change("b", PostEntry(type="T", data={"x": 1}), "c")
    assert read_change("board.pause", {"board": "b"}) == Change("b", PauseBoard(), None)


def test_all_changes_but_opening_are_one_command():
    assert set(COMMANDS) | {"board.open"} == {name for name, row in METHODS.items() if row.changes}


@pytest.mark.parametrize("method", COMMANDS)
def test_params_are_board_key_and_the_fields_of_the_command(method):
    fields = {field.name for field in msgspec.structs.fields(COMMANDS[method])}
    model = METHODS[method].params
    assert set(model.model_fields) == fields | {"board", "command_id"}
    command = read_change(method, copy.deepcopy(SAMPLES[method][0])).command
    read = model.model_validate(SAMPLES[method][0])
    for field in msgspec.structs.fields(COMMANDS[method]):
        assert getattr(command, field.name) == getattr(read, field.name), field.name


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("entry.post", {}, "board is null; expected the name"),
        ("entry.post", {"board": 5}, "board is 5; expected the name"),
        ("entry.post", {"board": "b" * 201}, "expected the name"),
        ("entry.post", {"board": "b", "command_id": 1}, "command_id is 1; expected 1 to 200"),
        ("entry.post", {"board": "b", "command_id": ""}, "command_id is ''"),
        ("entry.post", {"board": "b", "do": "post", "type": "T", "data": {}}, "unknown parameter 'do'"),
        ("entry.post", {"board": "b", "type": "T"}, "missing required field `data`"),
        ("entry.post", {"board": "b", "type": "T", "data": {}, "x": 1}, "unknown field `x`"),
        ("entry.post", {"board": "b", "type": "T", "data": {}, "because": [1, "2"]}, r"\$.because\[1\]"),
    ],
)
def test_refusal_names_the_parameter(method, params, message):
    with pytest.raises(Rejected, match=message) as caught:
        read_change(method, params)
    assert caught.value.code == "invalid_params"
    assert str(caught.value).startswith("entry.post: ")


@pytest.mark.parametrize(
    ("method", "params", "code", "message"),
    [
        ("entry.pots", {}, "unknown_method", "no method 'entry.pots'; of entry there are entry.post, "),
        ("frobnicate", {}, "unknown_method", "methods start with session, board, "),
        ("entry.get", {"board": "b"}, "invalid_params", "entry.get: parameter 'entry' is missing"),
        ("entry.get", {"board": "b", "entry": 1, "x": 1}, "invalid_params", "unknown parameter 'x'"),
        ("entry.get", {"board": "b", "entry": "1"}, "invalid_params", "entry: Input should be .*got '1'"),
        (
            "board.open",
            {"board": "b", "settings": {"x": 1}},
            "invalid_params",
            "settings: .* unknown field `x`",
        ),
    ],
)
def test_model_refusal_names_the_parameter(method, params, code, message):
    with pytest.raises(Rejected, match=message) as caught:
        read_params(method, params)
    assert caught.value.code == code


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_read_by_its_model(method):
    assert isinstance(read_params(method, SAMPLES[method][0]), METHODS[method].params)


# The fast reading against the documented model.

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([0.0, 0.25, 1.0, 2.0]),
    st.sampled_from(["", "post", "supports", "accept", "T"]),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-2, 3) | st.text(max_size=1), max_size=2),
    st.fixed_dictionaries({"kind": st.sampled_from(["supports", "nope"]), "target": st.integers(1, 2)}),
)
KEYS = st.sampled_from(
    sorted(
        {name for row in METHODS.values() for name in row.params.model_fields}
        | {"do", "unknown", "is", "name", "level", "schema"}
    )
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every member and element inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in [(*path, key), *places(inner, (*path, key))]]


@st.composite
def mutated(draw: st.DrawFn, method: str) -> dict[str, typing.Any]:
    """Return valid params with up to three members replaced, removed or added."""
    params = copy.deepcopy(draw(st.sampled_from(SAMPLES[method])))
    for _ in range(draw(st.integers(0, 3))):
        where = draw(st.sampled_from([(), *places(params)]))
        target: typing.Any = params
        for key in where[:-1]:
            target = target[key]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace" if where:
                target[where[-1]] = draw(VALUES)
            case "remove" if where:
                del target[where[-1]]
            case _ if isinstance(target, dict):
                target[draw(KEYS)] = draw(VALUES)
            case _:
                target.append(draw(VALUES))
    return params


def read_by_model(method: str, params: dict[str, typing.Any]) -> object:
    """Return what the documented model makes of `params`; ranges of numbers are the board's to judge."""
    try:
        return METHODS[method].params.model_validate(params)
    except ValidationError as error:
        faults = {fault["type"] for fault in error.errors()}
        if faults <= {"greater_than_equal", "less_than_equal"}:
            return "out of range"
        return None


@settings(max_examples=400)
@given(st.sampled_from(sorted(COMMANDS)).flatmap(lambda method: st.tuples(st.just(method), mutated(method))))
def test_fast_reading_and_documented_model_agree(case):
    """Both take the same params and see the same values in them, or both refuse."""
    method, params = case
    read = read_by_model(method, copy.deepcopy(params))
    try:
        change = read_change(method, copy.deepcopy(params))
    except Rejected:
        assert read is None
        return
    assert read is not None
    if read != "out of range":
        assert (change.board, change.command_id) == (read.board, read.command_id)
        for field in msgspec.structs.fields(type(change.command)):
            mine, theirs = getattr(change.command, field.name), getattr(read, field.name)
            if field.name == "links":
                mine, theirs = msgspec.to_builtins(mine), [each.model_dump() for each in theirs]
                theirs = [{**each, **link} for each, link in zip(theirs, mine, strict=True)]
                assert len(mine) == len(theirs)
                assert all(link.items() <= full.items() for link, full in zip(mine, theirs, strict=True))
            else:
                assert mine == theirs
