"""What is above the table of devices: the filter, what is wanted beside it, the walk's buttons, an id; one sentence.

It holds the controls and nothing else: the page listens to them, and says what stands in the sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from fleetgui.stores.hold import HoldPhase, HoldState
from fleetgui.widgets.devices.filter_line import FilterLine, Values
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.elided import ElidedLabel


class DevicesBar(QWidget):
    def __init__(
        self,
        wall: Callable[[], float],
        values: Values,
        menus: Sequence[QToolButton],
        marks: QToolButton,
        parent: QWidget,
    ) -> None:
        """`wall` and `values` are the filter line's; `menus` are buttons that stand beside it, `marks` counts marks."""
        super().__init__(parent)
        self.filter = FilterLine(wall, values)
        self.offline = button(
            "Offline too", "Also show devices that went offline lately, where the registry knows them"
        )
        self.offline.setCheckable(True)
        self.clear = button("Clear", "Show every device again")
        self.sentence = ElidedLabel()
        self.pause = button("Pause", "Let the reading of the fleet rest, or go on")
        self.stop = button("Stop", "Stop reading the fleet; what was read stays")
        self.refresh = button("Read again", "Read the rows on the screen again (F5)")
        self.go_to = _field("Go to id   Ctrl+G", "Open the device with this exact id")
        line = QHBoxLayout()
        line.setSpacing(2 * theme.GRID)
        line.addWidget(self.filter, 1)
        for each in (*menus, self.offline, self.clear):
            line.addWidget(each)
        for each in (marks, self.pause, self.stop, self.refresh):
            line.addWidget(each)
        line.addWidget(self.go_to)
        lines = QVBoxLayout(self)  # the sentence has a line of its own: it is what the figures are worth
        lines.setContentsMargins(8, 6, 8, 6)
        lines.setSpacing(theme.GRID)
        lines.addLayout(line)
        lines.addWidget(self.sentence)

    def say(self, words: str, ink: str) -> None:
        self.sentence.say(words, ink)

    def show_state(self, hold: HoldState | None, *, filtered: bool) -> None:
        """Offer what can be done now: `hold` is the walk that fills the table, None where pages do."""
        self.clear.setVisible(filtered or bool(self.filter.text()))
        under_way = hold is not None and hold.phase.is_under_way
        self.pause.setVisible(under_way)
        self.stop.setVisible(under_way)
        self.pause.setText("Go on" if hold is not None and hold.phase is HoldPhase.PAUSED else "Pause")


def button(text: str, tip: str) -> QToolButton:
    """A quiet button of the bar."""
    made = QToolButton()
    made.setText(text)
    made.setToolTip(tip)
    return made


def focus(edit: QLineEdit) -> None:
    """Put the keyboard into a field, over whatever stands in it."""
    edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
    edit.selectAll()


def _field(placeholder: str, name: str) -> QLineEdit:
    edit = QLineEdit()
    edit.setPlaceholderText(placeholder)
    edit.setAccessibleName(name)
    edit.setToolTip(name)
    edit.setClearButtonEnabled(True)
    edit.setMinimumWidth(80)
    edit.setMaximumWidth(150)
    edit.setMaxLength(512)
    return edit
