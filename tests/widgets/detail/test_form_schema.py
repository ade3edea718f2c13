"""Reading schemas that devices send, the sensible and the absurd, and checking values against them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.widgets.detail.form_schema import (
    ABSENT,
    MOST_FIELDS,
    Field,
    Kind,
    form_of,
    problem,
    shown_json,
    text_of,
    value_of,
)


def field(schema: Any, *, required: bool = False) -> Field:
    whole = {"type": "object", "properties": {"x": schema}, "required": ["x"] if required else []}
    form = form_of(whole)
    assert form.remark is None
    return form.fields[0]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, Kind.TEXT),
        ({"type": "integer"}, Kind.INTEGER),
        ({"type": "number"}, Kind.NUMBER),
        ({"type": "boolean"}, Kind.BOOLEAN),
        ({"enum": ["a", 1, None]}, Kind.CHOICE),
        ({"const": 5}, Kind.CHOICE),
        ({"type": ["string", "null"]}, Kind.TEXT),
        ({"anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}]}, Kind.INTEGER),
        ({"type": "array", "items": {"type": "string"}}, Kind.JSON),
        ({"type": "object"}, Kind.JSON),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, Kind.JSON),
        ({"$ref": "http://169.254.169.254/"}, Kind.JSON),
        ({}, Kind.JSON),
        ({"type": 7}, Kind.JSON),
        ({"type": "quantum"}, Kind.JSON),
        (None, Kind.JSON),
        ("string", Kind.JSON),
        ({"enum": [{"a": 1}]}, Kind.JSON),
        ({"type": "string", "enum": []}, Kind.TEXT),
    ],
)
def test_a_parameter_is_edited_as_its_type_demands(schema: Any, kind: Kind) -> None:
    assert field(schema).kind is kind


@pytest.mark.parametrize(
    "schema",
    [None, {}, 5, [], "x", {"$ref": "#/definitions/x"}, {"allOf": [{}]}, {"properties": []}, {"type": "array"}],
)
def test_what_is_no_form_is_a_remark_and_json(schema: Any) -> None:
    form = form_of(schema)
    assert form.fields == ()
    assert form.remark is not None
    assert "JSON" in form.remark


def test_ten_thousand_parameters_are_no_form_and_cost_nothing() -> None:
    began = time.process_time()
    form = form_of({"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(10_000)}})
    assert form.remark == "10,000 parameters are too many for a form: write them as JSON."
    assert time.process_time() - began < 1
    assert len(form_of({"properties": {f"p{n}": {} for n in range(MOST_FIELDS)}}).fields) == MOST_FIELDS


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "items": schema, "required": ["a"]}
    return schema


def test_absurd_depth_neither_hangs_nor_overflows() -> None:
    deep = field(nested(900))
    value: Any = "x"
    for _ in range(900):
        value = {"a": value}
    assert deep.kind is Kind.JSON
    assert problem(deep, value) is None  # beyond what is looked at, the device decides


def test_a_pattern_is_never_run() -> None:
    evil = field({"type": "string", "pattern": "^(a+)+$"})
    began = time.process_time()
    assert problem(evil, "a" * 40 + "!") is None
    assert time.process_time() - began < 0.5


def test_a_huge_array_is_not_looked_through_for_ever() -> None:
    many = field({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}})
    began = time.process_time()
    assert problem(many, [[1] * 1_000] * 2_000) is None
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "integer"}, 1.5, "This must be an integer."),
        ({"type": "integer"}, True, "This must be an integer."),
        ({"type": "boolean"}, 1, "This must be a boolean."),
        ({"type": "integer", "minimum": 1}, 0, "This must be at least 1."),
        ({"type": "number", "maximum": 2.5}, 3, "This must be at most 2.5."),
        ({"type": "number", "exclusiveMinimum": 0}, 0, "This must be more than 0."),
        ({"type": "number", "exclusiveMaximum": 1}, 1, "This must be less than 1."),
        ({"type": "string", "minLength": 2}, "a", "At least 2 characters are needed."),
        ({"type": "string", "maxLength": 2}, "abc", "At most 2 characters may stand here."),
        ({"enum": ["a", "b"]}, "c", 'This must be one of "a", "b".'),
        ({"enum": [1]}, True, "This must be one of 1."),
        ({"type": "array", "maxItems": 1}, [1, 2], "At most 1 items may stand here."),
        ({"type": "array", "items": {"type": "string"}}, ["a", 2], "Item 2: This must be a string."),
        ({"type": "object", "required": ["n"]}, {}, "“n” is missing in it."),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": "x"}, "In “n”: This must be an integer."),
        ({"type": "string"}, None, "This must be a string."),
        ({"type": ["string", "null"]}, 5, "This must be null or a string."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(schema: Any, value: Any, said: str) -> None:
    assert problem(field(schema), value) == said


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 2.0),
        ({"type": "number"}, 2),
        ({"type": ["string", "null"]}, None),
        ({"type": "integer", "minimum": "soon", "maximum": None}, 3),
        ({"type": "string", "minLength": []}, ""),
        ({"type": "array", "default": None}, None),
        ({"type": "string", "default": None}, 2.5),
        ({"type": "quantum"}, {"any": 1}),
    ],
)
def test_what_may_be_sent_is_not_complained_about(schema: Any, value: Any) -> None:
    assert problem(field(schema), value) is None


def test_required_is_asked_for_and_optional_is_not() -> None:
    assert problem(field({"type": "string"}, required=True), ABSENT) == "This one is required."
    assert problem(field({"type": "string"}), ABSENT) is None


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("integer", " 7 ", 7), ("integer", "-3", -3), ("number", "0.5", 0.5), ("number", "3", 3), ("string", " a ", " a "),
     ("array", "[1]", [1]), ("object", "", ABSENT), ("string", "", ABSENT), ("number", " ", ABSENT)],
)  # fmt: skip
def test_text_becomes_a_value(kind: str, text: str, value: Any) -> None:
    assert value_of(field({"type": kind}), text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [("integer", "1.5"), ("integer", "x"), ("integer", "9" * 30), ("integer", "9" * 5_000), ("number", "nan"),
     ("number", "1e999"), ("number", "1_000"), ("array", "[1"), ("object", "{'a': 1}")],
)  # fmt: skip
def test_text_that_is_no_value_is_refused_with_a_sentence(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"needed|JSON"):
        value_of(field({"type": kind}), text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e300, 1e300) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
WORDS = st.sampled_from(
    ["type", "properties", "required", "items", "enum", "const", "minimum", "maximum", "default", "anyOf", "$ref", "x"]
)
SCHEMAS = st.recursive(
    JSON | st.sampled_from(["object", "string", "integer", "array", "null"]),
    lambda inner: st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=25,
)


@given(SCHEMAS, JSON)
def test_no_schema_and_no_value_raise(schema: Any, value: Any) -> None:
    for each in form_of(schema).fields:
        problem(each, value)
        assert each.hint
        text_of(each.default)
    form_of({"properties": {"x": schema}})


@given(JSON)
def test_anything_is_shown_as_json_on_one_line(value: Any) -> None:
    assert "\n" not in shown_json(value)
