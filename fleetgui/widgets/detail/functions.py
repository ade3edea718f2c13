"""A device's functions: the list, the form of the one that is chosen, and what came of the calls.

Where calls cannot be made (no link, an id that cannot be addressed, a read-only context) the button is off and the
reason stands beside it; the forms and the history stay.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.stores.calls import Call, Calls
from fleetgui.widgets.detail.form import ParameterForm
from fleetgui.widgets.detail.form_schema import shown_json
from fleetgui.widgets.detail.functions_history import LIST_STYLE, CallList, CallView
from fleetgui.widgets.detail.functions_protect import Confirmation, Protection, protection_of
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.elided import ElidedLabel, WrappedLabel
from fleetgui.widgets.parts.placeholder import Placeholder
from fleetgui.widgets.parts.plain import plain_label, tip

MOST_FUNCTIONS: Final = 500
DEFAULT_TIMEOUT_S: Final = 30.0
SHORTEST_TIMEOUT_S: Final = 0.1
LONGEST_TIMEOUT_S: Final = 3_600.0


def functions_of(record: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The functions in a device record that have a name, whatever else the record holds."""
    capabilities = record.get("capabilities") if record is not None else None
    listed = capabilities.get("functions") if isinstance(capabilities, dict) else None
    if not isinstance(listed, list):
        return []
    return [each for each in listed if isinstance(each, dict) and isinstance(each.get("name"), str) and each["name"]]


def _label_words(labels: object) -> str:
    if not isinstance(labels, dict):
        return ""
    shown = {key: value if isinstance(value, str) else shown_json(value, 80) for key, value in labels.items()}
    return "   ".join(f"{key}: {value}" for key, value in shown.items())


class FunctionsTab(QWidget):
    call_requested = QtSignal(str, str, object, float)
    """Device id, function, params (a dict), timeout in seconds."""
    call_cancel_requested = QtSignal(str)
    """A call's id."""

    def __init__(self, device_id: str, calls: Calls, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._device_id = device_id
        self._calls = calls
        self._functions: list[dict[str, Any]] = []
        self._current: dict[str, Any] | None = None
        self._pending: dict[str, Any] | None = None
        self._seen: set[str] = set()
        self._call_view = CallView(clock)
        self._lay_out()
        self._connect()
        self.set_off("Not fetched yet.")
        self.calls_changed()

    def _lay_out(self) -> None:
        self.list = QListWidget()
        self.list.setAccessibleName("Functions")
        self.list.setUniformItemSizes(True)
        self.list.setMinimumWidth(110)
        self.list.setStyleSheet(LIST_STYLE)
        self._title = ElidedLabel("", "text", strong=True)
        self._labels = ElidedLabel("", role="label")
        self._description = WrappedLabel()
        self.form = ParameterForm()
        self.timeout = QLineEdit(f"{DEFAULT_TIMEOUT_S:g}")
        self.timeout.setFixedWidth(52)
        self.timeout.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.timeout.textChanged.connect(self._check_timeout)
        self.timeout.setAccessibleName("Timeout in seconds")
        self.timeout.setToolTip("How long to wait for the device's answer: 0.1 to 3600 seconds")
        self.call = QPushButton("Call")
        self.call.setProperty("primary", True)
        self._why_off = WrappedLabel()
        self.confirmation = Confirmation(self._device_id)
        self.confirmation.hide()
        self._bar = QWidget()
        bar = QHBoxLayout(self._bar)
        bar.setContentsMargins(0, 0, 0, 0)
        bar.setSpacing(2 * theme.GRID)
        bar.addWidget(self.call)
        bar.addWidget(plain_label("within"))
        bar.addWidget(self.timeout)
        bar.addWidget(plain_label("s"))
        bar.addWidget(self._why_off, 1)
        bar.addStretch(0)
        scrolled = QWidget()
        column = QVBoxLayout(scrolled)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(theme.GRID)
        for widget in (self._title, self._labels, self._description, self.form):
            column.addWidget(widget)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(scrolled)
        right = QWidget()  # the button stays in its place, however long the form is
        beside = QVBoxLayout(right)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        beside.addWidget(scroll, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 8, 12, 8)
        foot.addWidget(self.confirmation)
        foot.addWidget(self._bar)
        beside.addLayout(foot)
        self._nothing = Placeholder("")
        upper = QSplitter(Qt.Orientation.Horizontal)
        upper.addWidget(self.list)
        upper.addWidget(right)
        upper.setStretchFactor(1, 1)
        upper.setSizes([150, 360])
        self._upper = upper
        self.history = CallList()
        lower = QSplitter(Qt.Orientation.Horizontal)
        lower.addWidget(self.history)
        holder = QWidget()
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(12, 8, 12, 8)
        inner.addWidget(self._call_view)
        lower.addWidget(holder)
        lower.setSizes([220, 340])
        lower.setStretchFactor(1, 1)
        self._lower = lower
        whole = QSplitter(Qt.Orientation.Vertical)
        whole.addWidget(self._nothing)
        whole.addWidget(upper)
        whole.addWidget(lower)
        whole.setSizes([0, 380, 200])
        whole.setStretchFactor(1, 3)
        whole.setStretchFactor(2, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(whole)

    def _connect(self) -> None:
        self.list.currentRowChanged.connect(self._choose)
        self.call.clicked.connect(self._call_pressed)
        self.form.changed.connect(self._dismiss)
        self.confirmation.confirmed.connect(self._confirmed)
        self.confirmation.dismissed.connect(self._dismiss)
        self.history.call_chosen.connect(self._show_call)
        self._call_view.repeat_requested.connect(self._repeat)
        self._call_view.cancel_requested.connect(self.call_cancel_requested)

    # What there is

    def show_record(self, record: dict[str, Any] | None) -> None:
        """Take in a record; the form stays as it is while its function is the same."""
        functions = functions_of(record)
        if functions == self._functions and record is not None:
            return
        chosen = self._current["name"] if self._current is not None else None
        self._functions = functions
        self.list.blockSignals(True)
        self.list.clear()
        for function in functions[:MOST_FUNCTIONS]:
            item = QListWidgetItem(formats.text(function["name"], 80))
            item.setToolTip(tip(str(function.get("description") or "")[:400]))
            self.list.addItem(item)
        self.list.blockSignals(False)
        self._nothing.setVisible(not functions)
        self._upper.setVisible(bool(functions))
        self._nothing.say(self._words_for_nothing(record))
        names = [function["name"] for function in functions[:MOST_FUNCTIONS]]
        if names:
            self.list.setCurrentRow(names.index(chosen) if chosen in names else 0)

    def _words_for_nothing(self, record: dict[str, Any] | None) -> str:
        return "Not fetched yet." if record is None else "This device offers no functions."

    def set_off(self, why: str | None) -> None:
        """Why no call can be made now; None when one can."""
        if self.call.isEnabled() is (why is None) and self._why_off.text() == (why or ""):
            return
        self.call.setEnabled(why is None)
        self._why_off.say(why or "")
        if why is not None:
            self._dismiss()

    def calls_changed(self) -> None:
        """The store of calls changed."""
        calls = self._calls.of_device(self._device_id)
        new = [call.call_id for call in calls if call.call_id not in self._seen]
        self._seen = {call.call_id for call in calls}
        self.history.show_calls(calls)
        if new:
            self.history.choose(new[-1])
        self._lower.setVisible(bool(calls))
        self._show_call(self.history.chosen)

    def tick(self) -> None:
        """As time passes."""
        self._call_view.tick()

    # What the user does

    def _choose(self, row: int) -> None:
        if not 0 <= row < len(self._functions):
            return
        function = self._functions[row]
        if function == self._current:
            return
        self._current = function
        self._title.say(formats.text(function["name"], 120))
        words = _label_words(function.get("labels"))
        self._labels.say(formats.text(words, 200))
        self._labels.setVisible(bool(words))
        description = function.get("description")
        self._description.say(formats.text(description, 400) if isinstance(description, str) else "")
        self.form.set_schema(function.get("parameters"))
        self._dismiss()

    def _call_pressed(self) -> None:
        if self._current is None or (params := self.form.params()) is None:
            return
        if self._timeout_s() is None:
            self.timeout.setFocus()
            return
        protection = protection_of(self._current)
        self._pending = params
        if protection is Protection.NONE:
            self._confirmed()
            return
        self._bar.hide()
        self.confirmation.show()
        self.confirmation.ask(protection, self._current["name"])

    def _confirmed(self) -> None:
        params, self._pending = self._pending, None
        timeout = self._timeout_s()
        if self._current is not None and params is not None and timeout is not None and self.call.isEnabled():
            self.call_requested.emit(self._device_id, self._current["name"], params, timeout)
        self._dismiss()

    def _timeout_s(self) -> float | None:
        """The timeout in seconds, None where what is typed is none."""
        try:
            seconds = float(self.timeout.text())
        except ValueError:
            return None
        return seconds if SHORTEST_TIMEOUT_S <= seconds <= LONGEST_TIMEOUT_S else None

    def _check_timeout(self) -> None:
        self.timeout.setProperty("invalid", self._timeout_s() is None)
        self.timeout.style().polish(self.timeout)

    def _dismiss(self) -> None:
        self._pending = None
        self.confirmation.hide()
        self._bar.show()

    def _show_call(self, call_id: str | None) -> None:
        self._call_view.show_call(self._calls.get(call_id) if call_id is not None else None)

    def _repeat(self, call_id: str) -> None:
        call: Call | None = self._calls.get(call_id)
        names = [function["name"] for function in self._functions[:MOST_FUNCTIONS]]
        if call is not None and call.function in names:
            self.list.setCurrentRow(names.index(call.function))
            self.form.set_params(call.params)
            self.timeout.setText(f"{call.timeout_s:g}")
            self.call.setFocus()
