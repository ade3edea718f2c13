"""The form and the JSON beside it: two views of one thing, checked before anything is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from fleetgui.widgets.detail.form import ParameterForm
from fleetgui.widgets.look import theme

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "description": "Written to the log"},
        "delay": {"type": "integer", "minimum": 0, "maximum": 30, "default": 5},
        "mode": {"enum": ["soft", "hard"]},
        "hdr": {"type": "boolean", "default": False},
        "zones": {"type": "array", "items": {"type": "string"}, "default": []},
        "gain": {"type": "string", "default": None},
    },
    "required": ["reason"],
}
NAMES = list(SCHEMA["properties"])


@pytest.fixture
def form(qtbot: QtBot, qapp: QApplication) -> ParameterForm:
    theme.apply(qapp, "dark")
    made = ParameterForm()
    qtbot.addWidget(made)
    made.set_schema(SCHEMA)
    made.show()
    return made


def enter(form: ParameterForm, name: str, text: str) -> None:
    editor = form.editors[NAMES.index(name)].findChild(QLineEdit)
    assert editor is not None
    editor.setText(text)
    editor.textEdited.emit(text)


def choose(form: ParameterForm, name: str, position: int) -> None:
    box = form.editors[NAMES.index(name)].findChild(QComboBox)
    assert box is not None
    box.setCurrentIndex(position)


def error(form: ParameterForm, name: str) -> str:
    label = form.editors[NAMES.index(name)]._below
    return label.text if label.ink == "band_critical" else ""


def sent(form: ParameterForm) -> Any:
    return json.loads(form.json.toPlainText())


def test_what_is_left_empty_is_not_sent_and_the_default_is_shown(form: ParameterForm) -> None:
    enter(form, "reason", "smoke")
    assert form.params() == {"reason": "smoke"}
    editor = form.editors[1].findChild(QLineEdit)
    assert editor is not None
    assert editor.placeholderText() == "default 5"
    assert form.editors[1].field.hint == "whole number, 0 to 30"


def test_values_have_their_types(form: ParameterForm) -> None:
    enter(form, "reason", "7")
    enter(form, "delay", "7")
    choose(form, "mode", 2)
    choose(form, "hdr", 1)
    enter(form, "zones", '["a", "b"]')
    expected = {"reason": "7", "delay": 7, "mode": "hard", "hdr": True, "zones": ["a", "b"]}
    assert form.params() == expected
    assert sent(form) == expected


def test_an_error_stands_under_its_field_and_nothing_is_sent(form: ParameterForm) -> None:
    enter(form, "delay", "31")
    assert error(form, "delay") == "This must be at most 30."
    assert error(form, "reason") == ""  # not before it is asked for
    assert form.params() is None
    assert error(form, "reason") == "This one is required."
    enter(form, "reason", "smoke")
    enter(form, "delay", "soon")
    assert error(form, "delay") == "A whole number is needed."
    assert form.params() is None
    enter(form, "delay", "3")
    assert form.params() == {"reason": "smoke", "delay": 3}


def test_json_fills_the_form_and_keeps_what_has_no_field(form: ParameterForm) -> None:
    form.json.setPlainText('{"reason": "x", "delay": 4, "extra": {"deep": [1]}}')
    assert form.editors[1].value() == 4
    enter(form, "delay", "6")
    assert form.params() == {"reason": "x", "delay": 6, "extra": {"deep": [1]}}


@pytest.mark.parametrize("text", ["{", "[]", "5", '{"a": NaN}', "[" * 100_000, '{"a": 1e999}'])
def test_json_that_cannot_be_read_is_said_and_not_sent(form: ParameterForm, text: str) -> None:
    form.json.setPlainText(text)
    assert form.params() is None
    assert form._error.text.startswith("This is no JSON object")
    form.json.setPlainText('{"reason": "x"}')
    assert form.params() == {"reason": "x"}
    assert not form._error.isVisible()


def test_json_of_the_wrong_type_is_marked_at_its_field_and_not_lost(form: ParameterForm) -> None:
    form.json.setPlainText('{"reason": "x", "delay": "soon"}')
    assert error(form, "delay") == "This must be an integer."
    assert form.params() is None
    assert sent(form) == {"reason": "x", "delay": "soon"}


def test_an_optional_number_that_is_described_as_text_may_be_sent_as_a_number(form: ParameterForm) -> None:
    form.json.setPlainText('{"reason": "x", "gain": 2.5}')
    assert form.params() == {"reason": "x", "gain": 2.5}
    form.json.setPlainText('{"reason": "x", "gain": null}')
    assert form.params() == {"reason": "x", "gain": None}


def test_another_function_begins_with_an_empty_form(form: ParameterForm) -> None:
    enter(form, "reason", "x")
    form.set_schema({"type": "object", "properties": {"n": {"type": "integer"}}})
    assert [editor.field.name for editor in form.editors] == ["n"]
    assert form.params() == {}


@pytest.mark.parametrize("schema", [None, {"$ref": "http://x"}, {"properties": {f"p{n}": {} for n in range(10_000)}}])
def test_what_makes_no_form_is_edited_as_json(form: ParameterForm, schema: Any) -> None:
    form.set_schema(schema)
    assert form.editors == []
    assert form._remark.isVisible()
    form.json.setPlainText('{"anything": [1, 2]}')
    assert form.params() == {"anything": [1, 2]}


def test_hostile_names_and_texts_are_shown_as_plain_text(form: ParameterForm) -> None:
    evil = "<img src=x>\u202e\n" + "y" * 100_000
    form.set_schema({"properties": {evil: {"type": "string", "description": evil, "default": evil, "enum": [evil]}}})
    form.json.setPlainText(json.dumps({evil: evil}))
    assert form.params() == {evil: evil}
