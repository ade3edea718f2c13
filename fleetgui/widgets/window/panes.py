"""Moving between the panes of the window with the keyboard: F6 to the next, Shift+F6 back."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget


def focus_into(pane: QWidget) -> bool:
    """Give the keyboard to a pane: to itself, or to the first in it that takes it. False when nothing does."""
    if pane.focusPolicy() != Qt.FocusPolicy.NoFocus or pane.focusProxy() is not None:
        pane.setFocus(Qt.FocusReason.ShortcutFocusReason)
        return True
    for child in pane.findChildren(QWidget):
        wants = child.focusPolicy() & Qt.FocusPolicy.TabFocus
        if wants and child.isEnabled() and child.isVisibleTo(pane):
            child.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return True
    return False


def cycle(panes: Sequence[QWidget], step: int) -> QWidget | None:
    """Give the keyboard to the pane `step` after the one that has it; returns it, None when none takes it."""
    shown = [pane for pane in panes if pane.isVisible() and not pane.visibleRegion().isEmpty()]
    if not shown:
        return None
    focus = QApplication.focusWidget()
    here = next((index for index, pane in enumerate(shown) if focus is not None and _within(focus, pane)), -1)
    start = here if here >= 0 else (-1 if step > 0 else 0)
    for offset in range(1, len(shown) + 1):
        pane = shown[(start + step * offset) % len(shown)]
        if focus_into(pane):
            return pane
    return None


def _within(widget: QWidget, pane: QWidget) -> bool:
    return widget is pane or pane.isAncestorOf(widget)
