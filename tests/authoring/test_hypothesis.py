"""Hypotheses declare entry types."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import BaseModel, Field, ValidationError

from blackboard.authoring.hypothesis import Hypothesis
from blackboard.core.errors import BlackboardError


class Part(BaseModel):
    """A part."""

    title: str


class Cause(Hypothesis, level="cause", identity=("service",), merge={"note": "newest"}, ttl=1.5):
    """Prose that is not part of the type."""

    service: str
    score: float = Field(default=0.5, ge=0, le=1, description="prose")
    note: str = ""
    parts: list[Part] = []


def test_class_keywords_become_the_entry_type() -> None:
    declared = Cause.entry_type()
    assert (declared.name, declared.level, declared.identity) == ("Cause", "cause", ("service",))
    assert (declared.merge, declared.ttl_ms, declared.belief) == ({"note": "newest"}, 1500, "noisy_or")
    assert Cause.entry_type() is declared


def test_schema_keeps_what_decides_validity_only() -> None:
    """Titles and descriptions go, a property named `title` stays."""
    assert Cause.entry_type().schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["service"],
        "properties": {
            "service": {"type": "string"},
            "score": {"type": "number", "default": 0.5, "minimum": 0, "maximum": 1},
            "note": {"type": "string", "default": ""},
            "parts": {"type": "array", "default": [], "items": {"$ref": "#/$defs/Part"}},
        },
        "$defs": {
            "Part": {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}
        },
    }


def test_subclass_declares_its_own_type() -> None:
    class Deeper(Cause, level="deeper"):
        depth: int

    assert (Deeper.entry_type().level, Deeper.entry_type().identity) == ("deeper", ())
    assert Cause.entry_type().level == "cause"


def test_data_is_the_json_form_and_unknown_fields_are_refused() -> None:
    assert Cause(service="pay").to_data() == {"service": "pay", "score": 0.5, "note": "", "parts": []}
    with pytest.raises(ValidationError, match="servise"):
        Cause.model_validate({"service": "pay", "servise": "x"})
    with pytest.raises(ValidationError, match="finite"):
        Cause(service="pay", score=float("nan"))


def no_level() -> None:
    class Wrong(Hypothesis):
        x: int


def wrong_keyword() -> None:
    class Wrong(Hypothesis, level="a", identify=("x",)):
        x: int


def wrong_policy() -> None:
    class Wrong(Hypothesis, level="a", belief="noisy"):  # type: ignore[arg-type, unused-ignore]
        x: int


def wrong_merge() -> None:
    class Wrong(Hypothesis, level="a", merge={"x": "latest"}):  # type: ignore[dict-item, unused-ignore]
        x: int


def wrong_identity() -> None:
    class Wrong(Hypothesis, level="a", identity=("servise",)):
        service: str


def text_identity() -> None:
    class Wrong(Hypothesis, level="a", identity="service"):  # type: ignore[arg-type, unused-ignore]
        service: str


def alias() -> None:
    class Wrong(Hypothesis, level="a"):
        service: str = Field(alias="Service")


def identity_merged() -> None:
    class Wrong(Hypothesis, level="a", identity=("x",), merge={"x": "keep"}):
        x: int

    Wrong.entry_type()


@pytest.mark.parametrize(
    ("declare", "advice"),
    [
        (no_level, "class Wrong(Hypothesis, level=...)"),
        (wrong_keyword, "did you mean 'identity'?"),
        (wrong_policy, "noisy"),
        (wrong_merge, "latest"),
        (wrong_identity, "did you mean 'service'?"),
        (text_identity, "write identity=('service',)"),
        (alias, "name the field as on the board"),
        (identity_merged, "cannot be merged"),
        (Hypothesis.entry_type, "subclass it"),
    ],
)
def test_wrong_declaration_is_refused_with_the_fix_named(declare: Callable[[], object], advice: str) -> None:
    with pytest.raises(BlackboardError) as caught:
        declare()
    assert caught.value.code == "invalid_source"
    assert advice in caught.value.message
