"""The button by which devices are grouped: by type, location, availability, or a label; and how a group is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog, QMenu, QToolButton, QWidget

from fleetgui.models.groups import title_of
from fleetgui.policy import formats
from fleetgui.policy.filters.payload import field_of
from fleetgui.policy.wanted import LABEL
from fleetgui.wire.query import FIELDS

OFFERED: Final = {"device_type": "Type", "location": "Location", "availability": "Availability", "firmware": "Firmware"}
MOST_LABELS: Final = 20
LONGEST_KEY: Final = 60


def is_field(name: str) -> bool:
    """Whether devices can be sorted and grouped by it: a field of their summaries, a label, a path of their records."""
    return name in FIELDS or field_of(name) is not None


def label_keys(texts: Iterable[str | None]) -> list[str]:
    """The keys in summaries' labels (`key=value key=value,value`), the most common first."""
    seen: dict[str, int] = {}
    for text in texts:
        for part in (text or "").split(" "):
            key, sign, _ = part.partition("=")
            if sign and key:
                seen[key] = seen.get(key, 0) + 1
    return sorted(seen, key=lambda key: (-seen[key], key))[:MOST_LABELS]


class GroupButton(QObject):
    """`labels()` gives the keys of labels to offer: those of the devices on the screen."""

    chosen = QtSignal(object)
    """Group by this field; None: no more."""

    def __init__(self, labels: Callable[[], list[str]], parent: QWidget) -> None:
        super().__init__(parent)
        self._labels = labels
        self._group: str | None = None
        self.button = QToolButton(parent)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.button)
        self._menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self._menu)
        self.show_group(None)

    def show_group(self, group: str | None) -> None:
        """Say what devices are grouped by."""
        self._group = group
        self.button.setText("Group" if group is None else f"By {title_of(group)}".replace("&", "&&"))
        self.button.setToolTip("Put devices that have something in common under one head, with their number")
        self.button.setAccessibleName("Group the devices" if group is None else f"Grouped by {title_of(group)}")

    def _fill(self) -> None:
        menu = self._menu
        menu.clear()
        self._entry(menu, "No groups", None)
        menu.addSeparator()
        for field, title in OFFERED.items():
            self._entry(menu, title, field)
        if self._group is not None and self._group not in OFFERED:
            self._entry(menu, title_of(self._group).capitalize(), self._group)
        menu.addSeparator()
        labels = menu.addMenu("Label")
        for key in self._labels():
            self._entry(labels, formats.text(key, LONGEST_KEY), LABEL + key)
        labels.addSeparator()
        labels.addAction("Another label …").triggered.connect(self._ask_label)

    def _entry(self, menu: QMenu, title: str, group: str | None) -> QAction:
        action = menu.addAction(title.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(group == self._group)
        action.triggered.connect(lambda: self.chosen.emit(group))
        return action

    def _ask_label(self) -> None:
        dialog = QInputDialog(self.button.window())
        dialog.setWindowTitle("Group by a label")
        dialog.setLabelText("Key of the label")
        dialog.textValueSelected.connect(self._label_given)
        dialog.open()

    def _label_given(self, key: str) -> None:
        if (key := key.strip()[:LONGEST_KEY]) and is_field(LABEL + key):
            self.chosen.emit(LABEL + key)
