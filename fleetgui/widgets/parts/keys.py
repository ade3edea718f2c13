"""Keys that mean something of their own within one page, even where the window's menu has the same ones.

Two shortcuts on one key are ambiguous to Qt, and then neither is taken. A page that claims a key here gets it while
the keyboard is in it; elsewhere it is the menu's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget


class OwnKeys(QObject):
    """`OwnKeys(page, {"F5": page.refresh})`; lives as long as the page."""

    def __init__(self, page: QWidget, keys: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(page)
        self._slots = {QKeySequence(key).toString(): slot for key, slot in keys.items()}
        page.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress) and isinstance(event, QKeyEvent):
            slot = self._slots.get(QKeySequence(event.keyCombination()).toString())
            if slot is not None:
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    slot()
                return True
        return super().eventFilter(watched, event)
