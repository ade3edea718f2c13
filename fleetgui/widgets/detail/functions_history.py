"""What came of calls: the one that is looked at, with its outcome, times and result, and the list of those before."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.stores.calls import Call, Outcome, Timing
from fleetgui.widgets.detail.form_schema import shown_json
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.chip import Chip
from fleetgui.widgets.parts.elided import ElidedLabel, WrappedLabel
from fleetgui.widgets.parts.raw import JsonView

MOST_LISTED: Final = 50
LIST_STYLE: Final = "QListWidget::item { padding: 3px 10px; }"
_WORDS: Final = {
    Outcome.RUNNING: "running",
    Outcome.SUCCEEDED: "succeeded",
    Outcome.FAILED: "failed",
    Outcome.NO_DEVICE: "no device",
    Outcome.NO_ANSWER: "unknown",
    Outcome.UNKNOWN: "unknown",
    Outcome.NOT_SENT: "not sent",
    Outcome.CANCELLED: "cancelled",
}


def time_split(timing: Timing | None) -> str:
    """Where a call's time went."""
    if timing is None:
        return ""
    parts = (("queue", timing.queue_ms), ("wire and device", timing.wire_ms), ("decoding", timing.decode_ms))
    return f"{formats.millis(timing.total_ms)}:  " + "  ·  ".join(f"{word} {formats.millis(ms)}" for word, ms in parts)


def outcome_sentence(call: Call, wall: float) -> str:
    """What came of a call beyond its word, or how long it has been waited for; the device's error with its code."""
    if call.outcome is Outcome.RUNNING:
        waited = formats.age(max(0.0, wall - call.started))
        return f"Waiting for the device, {waited} of {call.timeout_s:g} s."
    if call.outcome is Outcome.SUCCEEDED:
        return ""
    said = formats.text(call.error, 400) if call.error else ""
    code = f" (code {call.code})" if call.code is not None else ""
    sentence = call.outcome.sentence[0].upper() + call.outcome.sentence[1:]
    return f"{sentence}: {said}{code}" if said else f"{sentence}{code}."


class CallView(QWidget):
    """One call. `repeat_requested` with its id."""

    repeat_requested = QtSignal(str)
    cancel_requested = QtSignal(str)

    def __init__(self, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._call: Call | None = None
        self._chip = Chip()
        self._what = ElidedLabel("", "text", "mono")
        self._sentence = WrappedLabel(ink="text")
        self._sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._split = ElidedLabel("", role="label")
        self.cancel = QPushButton("Stop waiting")
        self.cancel.clicked.connect(lambda: self._tell(self.cancel_requested))
        self.repeat = QPushButton("Fill in again")
        self.repeat.setToolTip("Put this call's parameters into the form")
        self.repeat.clicked.connect(lambda: self._tell(self.repeat_requested))
        self.result = JsonView("Result")
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("Copy the whole result")
        self.copy.clicked.connect(self.result.copy_all)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self._chip)
        head.addWidget(self._what, 1)
        head.addWidget(self.cancel)
        head.addWidget(self.copy)
        head.addWidget(self.repeat)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GRID)
        layout.addLayout(head)
        layout.addWidget(self._sentence)
        layout.addWidget(self._split)
        layout.addWidget(self.result, 1)
        layout.addStretch(0)

    def _tell(self, signal: SignalInstance) -> None:
        if self._call is not None:
            signal.emit(self._call.call_id)

    @property
    def sentence(self) -> str:
        return self._sentence.text()

    def show_call(self, call: Call | None) -> None:
        self._call = call
        self.setVisible(call is not None)
        if call is None:
            return
        running = call.outcome is Outcome.RUNNING
        self._chip.show_state(call.outcome.state, word=_WORDS[call.outcome])
        self._what.say(f"{formats.text(call.function, 80)} {formats.text(shown_json(call.params), 200)}")
        self._split.say(time_split(call.timing))
        self._split.setVisible(call.timing is not None)
        self.cancel.setVisible(running)
        self.repeat.setVisible(not running)
        self.result.setVisible(call.outcome is Outcome.SUCCEEDED)
        self.copy.setVisible(call.outcome is Outcome.SUCCEEDED)
        if call.outcome is Outcome.SUCCEEDED:
            self.result.show_value(call.result)
        self.tick()

    def tick(self) -> None:
        """As time passes."""
        if self._call is not None:
            self._sentence.say(outcome_sentence(self._call, self._clock.wall()))


class CallList(QListWidget):
    """The calls of one device, newest first. `call_chosen` with a call's id."""

    call_chosen = QtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Calls made before")
        self.setUniformItemSizes(True)
        self.setStyleSheet(LIST_STYLE)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentItemChanged.connect(self._chosen)

    def show_calls(self, calls: list[Call]) -> None:
        """`calls` oldest first; which one is chosen stays."""
        newest = calls[-MOST_LISTED:][::-1]
        chosen = self.chosen
        self.blockSignals(True)
        while self.count() > len(newest):
            self.takeItem(self.count() - 1)
        while self.count() < len(newest):
            self.addItem(QListWidgetItem())
        look = theme.current()
        for position, call in enumerate(newest):
            item = self.item(position)
            state = call.outcome.state
            at = formats.clock_utc(call.started)
            item.setText(f"{state.glyph} {_WORDS[call.outcome]}  {formats.text(call.function, 60)}  {at}")
            item.setForeground(look.color(state.token))
            item.setData(Qt.ItemDataRole.UserRole, call.call_id)
        self.choose(chosen)
        self.blockSignals(False)

    @property
    def chosen(self) -> str | None:
        item = self.currentItem()
        return None if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def choose(self, call_id: str | None) -> None:
        for position in range(self.count()):
            if self.item(position).data(Qt.ItemDataRole.UserRole) == call_id:
                self.setCurrentRow(position)

    def _chosen(self) -> None:
        if (chosen := self.chosen) is not None:
            self.call_chosen.emit(chosen)
