"""A form for a function's parameters: label above, editor, error under; and the JSON that is sent, below it.

Form and JSON are two views of one thing: what is typed in one stands in the other. A parameter left empty is not sent,
and the device's own default holds, which is shown in grey where the value would stand.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QPointF, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from fleetgui.policy import formats
from fleetgui.widgets.detail.form_schema import (
    ABSENT,
    Field,
    Form,
    Kind,
    form_of,
    problem,
    shown_json,
    text_of,
    value_of,
)
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.elided import ElidedLabel, WrappedLabel
from fleetgui.widgets.parts.plain import tip
from fleetgui.wire.codec import Malformed, decode_object, pretty

JSON_LINES: Final = 5


class ChoiceBox(QComboBox):
    """A combo box with a drawn arrow: the style sheet takes Fusion's raised one away, and with it the mark."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.current().color("muted"), 1.4))
        x, y = self.width() - 13.0, self.height() / 2
        painter.drawPolyline([QPointF(x - 4, y - 2), QPointF(x, y + 2), QPointF(x + 4, y - 2)])

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # scrolling the form must not change what is sent


class FieldEditor(QWidget):
    """One parameter. `value()` raises `ValueError` with a sentence for what cannot be read."""

    edited = QtSignal()

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self._chosen: list[Any] = []
        self._below = ElidedLabel(formats.text(field.description, 200) if field.description else "", role="label")
        self._below.setVisible(bool(field.description))
        name = ElidedLabel(formats.text(field.name, 80) + (" *" if field.required else ""), "text")
        hint = ElidedLabel(field.hint, role="label")
        hint.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(name, 1)
        head.addWidget(hint)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, theme.GRID)
        layout.setSpacing(2)
        layout.addLayout(head)
        self._editor = self._make_editor()
        self._editor.setAccessibleName(formats.text(field.name, 80) + (", required" if field.required else ""))
        self._editor.setToolTip(tip(field.description))
        layout.addWidget(self._editor)
        layout.addWidget(self._below)
        self.setFocusProxy(self._editor)

    def _make_editor(self) -> QLineEdit | QComboBox:
        field = self.field
        if field.kind in (Kind.CHOICE, Kind.BOOLEAN):
            box = ChoiceBox()
            self._chosen = [ABSENT, *(field.choices or (True, False))]
            box.addItem("choose" if field.required else self._not_sent())
            for choice in self._chosen[1:]:
                box.addItem(formats.text(choice if isinstance(choice, str) else shown_json(choice), 80))
            box.currentIndexChanged.connect(self.edited)
            return box
        line = QLineEdit()
        line.setPlaceholderText("" if field.required else self._not_sent())
        if field.kind is Kind.JSON:
            line.setFont(theme.current().font("mono"))
        line.textEdited.connect(self.edited)
        return line

    def _not_sent(self) -> str:
        if self.field.default is ABSENT:
            return "not sent"
        default = self.field.default
        return f"default {formats.text(default if isinstance(default, str) else shown_json(default), 60)}"

    def value(self) -> Any:
        """What was entered, `ABSENT` for nothing."""
        if isinstance(self._editor, QComboBox):
            return self._chosen[max(0, self._editor.currentIndex())]
        return value_of(self.field, self._editor.text())

    def set_value(self, value: Any) -> None:
        """Show a value; tells nobody."""
        self._editor.blockSignals(True)
        if isinstance(self._editor, QComboBox):
            same = [n for n, each in enumerate(self._chosen) if each is value or (each is not ABSENT and each == value)]
            self._editor.setCurrentIndex(same[0] if same else 0)
        elif text_of(value) != self._editor.text():
            self._editor.setText(text_of(value))
        self._editor.blockSignals(False)

    def say(self, error: str | None) -> None:
        """Show an error under the field, or its description again."""
        if bool(self._editor.property("invalid")) is not bool(error):
            self._editor.setProperty("invalid", bool(error))
            self._editor.style().polish(self._editor)
        description = formats.text(self.field.description, 200) if self.field.description else ""
        self._below.say(error or description, "band_critical" if error else "muted")
        self._below.setVisible(bool(error or description))


class ParameterForm(QWidget):
    """The parameters of one function, as fields and as JSON."""

    changed = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editors: list[FieldEditor] = []
        self._form = Form()
        self._extra: dict[str, Any] = {}
        """What the JSON holds beside the fields: sent too."""
        self._unreadable: str | None = None
        self._fields = QVBoxLayout()
        self._fields.setSpacing(theme.GRID)
        self._remark = WrappedLabel()
        self.json = QPlainTextEdit()
        self.json.setAccessibleName("Parameters as JSON")
        self.json.setTabChangesFocus(True)
        self.json.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.json.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.json.textChanged.connect(self._json_edited)
        self._error = ElidedLabel("", "band_critical", "label")
        self._error.hide()
        heading = ElidedLabel("What is sent", role="label")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GRID)
        layout.addWidget(self._remark)
        layout.addLayout(self._fields)
        layout.addWidget(heading)
        layout.addWidget(self.json)
        layout.addWidget(self._error)
        self._retheme()
        theme.changed.connect(self._retheme)

    def _retheme(self) -> None:
        font = theme.current().font("mono")
        self.json.setFont(font)
        self.json.setFixedHeight(JSON_LINES * self.json.fontMetrics().lineSpacing() + 14)

    def set_schema(self, schema: object) -> None:
        """Begin anew, with the fields of a function's `parameters`."""
        for editor in self.editors:
            self._fields.removeWidget(editor)
            editor.hide()  # deleted when the loop comes to it: not to be seen until then
            editor.deleteLater()
        self._form = form_of(schema)
        self.editors = [FieldEditor(field) for field in self._form.fields]
        for editor in self.editors:
            editor.edited.connect(self._field_edited)
            self._fields.addWidget(editor)
        self._remark.say(self._form.remark or ("" if self.editors else "This function takes no parameters."))
        self.set_params({})

    def set_params(self, params: dict[str, Any]) -> None:
        """Fill the form, as for repeating a call."""
        self._take(params)
        self._write_json(params)
        self._unreadable = None
        self._say_errors(only_given=True)

    def params(self) -> dict[str, Any] | None:
        """What would be sent; None, with the errors shown and the first one given the keyboard, if it must not be."""
        wrong = self._say_errors(only_given=False)
        if self._unreadable is not None:
            self.json.setFocus()
            return None
        if wrong:
            wrong[0].setFocus()
            return None
        return self._collect()

    # Within

    def _collect(self) -> dict[str, Any]:
        """Fields that can be read, then what else the JSON holds."""
        params = {}
        for editor in self.editors:
            try:
                value = editor.value()
            except ValueError:
                continue
            if value is not ABSENT:
                params[editor.field.name] = value
        return {**params, **self._extra}

    def _take(self, params: dict[str, Any]) -> None:
        names = {editor.field.name for editor in self.editors}
        self._extra = {name: value for name, value in params.items() if name not in names}
        for editor in self.editors:
            value = params.get(editor.field.name, ABSENT)
            if not _shows(editor.field, value):
                # the field could only show it as something else: it stays in the JSON alone
                self._extra[editor.field.name] = value
                value = ABSENT
            editor.set_value(value)

    def _field_edited(self) -> None:
        sender = self.sender()
        if isinstance(sender, FieldEditor):
            self._extra.pop(sender.field.name, None)
        self._unreadable = None
        self._write_json(self._collect())
        self._say_errors(only_given=True)
        self.changed.emit()

    def _json_edited(self) -> None:
        try:
            params = decode_object(self.json.toPlainText().strip() or "{}")
        except Malformed as error:
            self._unreadable = f"This is no JSON object: {error}"
        else:
            self._unreadable = None
            self._take(params)
        self._say_errors(only_given=True)
        self.changed.emit()

    def _write_json(self, params: dict[str, Any]) -> None:
        try:
            text = pretty(params)
        except Malformed:
            return
        self.json.blockSignals(True)
        self.json.setPlainText(text)
        self.json.blockSignals(False)

    def _say_errors(self, *, only_given: bool) -> list[FieldEditor]:
        """Show what is wrong; what was not given yet only when asked. Returns the fields that are wrong."""
        wrong = []
        for editor in self.editors:
            error = self._error_of(editor)
            if error is not None:
                wrong.append(editor)
            missing = error is not None and only_given and self._is_missing(editor)
            editor.say(None if missing else error)
        self._error.say(self._unreadable or "")
        self._error.setVisible(self._unreadable is not None)
        return wrong

    def _error_of(self, editor: FieldEditor) -> str | None:
        if editor.field.name in self._extra:
            return problem(editor.field, self._extra[editor.field.name])
        try:
            return problem(editor.field, editor.value())
        except ValueError as error:
            return str(error)

    def _is_missing(self, editor: FieldEditor) -> bool:
        try:
            return editor.field.name not in self._extra and editor.value() is ABSENT
        except ValueError:
            return False


def _shows(field: Field, value: Any) -> bool:
    """Whether the field's editor can show a value so that reading it back gives the same."""
    if value is ABSENT:
        return True
    if field.kind is Kind.CHOICE:
        return any(value == choice and type(value) is type(choice) for choice in field.choices)
    if field.kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    if isinstance(value, str) and "\n" in value:
        return False
    try:
        return bool(value_of(field, text_of(value)) == value)
    except (ValueError, RecursionError):  # comparing what is nested as deeply as the decoder allows
        return False
