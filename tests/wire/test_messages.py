"""The documented models: every method has them, every field is described, and they are strict."""

import pytest
from pydantic import ValidationError

from blackboard.core.commands import PostEntry
from blackboard.core.completion import Settings
from blackboard.core.source import SourceDeclaration
from blackboard.wire import messages
from blackboard.wire.messages import METHODS, NOTIFICATIONS, ChangeParams, ChangeResult, Message
from tests.wire.samples import SAMPLES, SETTINGS, SOURCE

MODELS = sorted(
    (
        each
        for each in vars(messages).values()
        if isinstance(each, type) and issubclass(each, Message) and each is not Message
    ),
    key=lambda model: model.__name__,
)


def test_every_method_has_samples():
    assert set(SAMPLES) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_samples_are_taken_and_the_full_one_names_every_field(method):
    model = METHODS[method].params
    for sample in SAMPLES[method]:
        model.model_validate(sample)
    assert set(SAMPLES[method][1]) == set(model.model_fields)


@pytest.mark.parametrize("method", METHODS)
def test_model_writes_what_it_reads(method):
    model = METHODS[method].params
    read = model.model_validate(SAMPLES[method][1])
    assert model.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize("method", METHODS)
def test_unknown_and_missing_parameters_are_refused(method):
    model = METHODS[method].params
    least, _ = SAMPLES[method]
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model.model_validate({**least, "unknown": 1})
    for name, field in model.model_fields.items():
        if field.is_required():
            with pytest.raises(ValidationError, match=name):
                model.model_validate({key: value for key, value in least.items() if key != name})


@pytest.mark.parametrize("method", [name for name, row in METHODS.items() if row.changes])
def test_what_changes_a_board_takes_a_command_id_and_answers_a_change(method):
    assert issubclass(METHODS[method].params, ChangeParams)
    assert METHODS[method].result is ChangeResult


@pytest.mark.parametrize("method", [name for name, row in METHODS.items() if not row.changes])
def test_what_changes_no_board_takes_no_command_id(method):
    assert "command_id" not in METHODS[method].params.model_fields


@pytest.mark.parametrize("model", MODELS)
def test_every_model_and_field_is_described(model):
    assert model.__doc__
    assert model.__doc__ != Message.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("entry.post", {"confidence": "0.5"}),
        ("entry.post", {"confidence": True}),
        ("entry.post", {"confidence": 1.5}),
        ("entry.post", {"confidence": -0.1}),
        ("entry.post", {"because": ["1"]}),
        ("entry.post", {"because": 1}),
        ("entry.post", {"data": []}),
        ("entry.post", {"ttl_ms": 1.0}),
        ("entry.post", {"type": None}),
        ("entry.post", {"board": ""}),
        ("entry.post", {"board": "x" * 201}),
        ("entry.post", {"command_id": ""}),
        ("entry.post", {"links": [{"kind": "likes", "target": 1}]}),
        ("entry.batch", {"contributions": [{"do": "explode"}]}),
        ("entry.batch", {"contributions": [{"do": "post", "type": "T"}]}),
        ("entry.list", {"limit": 0}),
        ("entry.list", {"limit": 10_001}),
        ("board.watch", {"after": -1}),
        ("agent.credits", {"credits": -1}),
        ("source.register", {"source": {"name": "x"}}),
        ("source.register", {"source": {"name": "x", "trigger": {}, "code": "os.system('x')"}}),
        ("board.open", {"settings": {"completion": [{"is": "someday"}]}}),
    ],
)
def test_wrong_value_is_refused(method, change):
    with pytest.raises(ValidationError):
        METHODS[method].params.model_validate({**SAMPLES[method][0], **change})


def test_core_facts_arrive_as_facts():
    opened = METHODS["board.open"].params.model_validate({"board": "b", "settings": SETTINGS})
    assert isinstance(opened.settings, Settings)
    assert opened.settings.parallelism == 2
    registered = METHODS["source.register"].params.model_validate({"source": SOURCE})
    assert isinstance(registered.source, SourceDeclaration)
    assert registered.source.trigger.patterns[0].variable == "spike"
    assert registered.model_dump()["source"]["name"] == "blame"
    batch = METHODS["entry.batch"].params.model_validate(SAMPLES["entry.batch"][1])
    assert isinstance(batch.contributions[0], PostEntry)


def test_messages_are_immutable():
    message = METHODS["board.get"].params.model_validate({"board": "b"})
    with pytest.raises(ValidationError, match="frozen"):
        message.board = "c"


def test_notifications_name_their_models():
    assert {name: row.params.__name__ for name, row in NOTIFICATIONS.items()} == {
        "board.changed": "BoardChangedParams",
        "board.lost": "BoardLostParams",
        "activation.offered": "ActivationOfferedParams",
        "activation.withdrawn": "ActivationWithdrawnParams",
    }


def test_package_exports_every_model_of_the_registry():
    names = {model.__name__ for row in METHODS.values() for model in (row.params, row.result)}
    names |= {row.params.__name__ for row in NOTIFICATIONS.values()}
    assert names <= set(messages.__all__)
