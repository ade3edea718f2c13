"""Docks with a quiet title: a name, and two marks to tear off and to close. The one with the keyboard is lit."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QDockWidget, QHBoxLayout, QSizePolicy, QWidget

from fleetgui.policy import formats
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.mark_button import MarkButton

_HEIGHT = 6 * theme.GRID
_NAME = 40
"""Characters of a title; the whole id stands in the page."""


class Dock(QDockWidget):
    """A dock called `name`, remembered between starts by `key`. `closed` is for docks that close for good."""

    closed = Signal(str)
    """The key."""
    resized = Signal()

    def __init__(self, name: str, key: str, parent: QWidget) -> None:
        # a tab takes & for a mnemonic
        super().__init__(formats.text(name, _NAME).replace("&", "&&"), parent)
        self.setObjectName(key)
        self.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable
            | QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        self.key = key
        self._title = _Title(formats.text(name, _NAME), self)
        self.setTitleBarWidget(self._title)

    def show_title(self, shown: bool) -> None:
        """Whether the title takes room: where a tab has the name, it does not."""
        self._title.take_room(shown)

    def put(self, page: QWidget) -> None:
        """Show `page`, and drop what was there before."""
        before = self.widget()
        self.setWidget(page)
        if before is not None:
            before.deleteLater()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.closed.emit(self.key)


class _Title(QWidget):
    """Painted, not laid out of labels: presses pass through it to the dock, which starts the drag."""

    def __init__(self, name: str, dock: Dock) -> None:
        super().__init__(dock)
        self._name = name
        self._dock = dock
        self._lit = False
        self._tall = _HEIGHT
        tear = MarkButton("float", f"Tear {name} off, or put it back", self)
        tear.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        close = MarkButton("close", f"Close {name}", self)
        close.clicked.connect(dock.close)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, theme.GRID, 0)
        layout.setSpacing(0)
        layout.addStretch(1)
        layout.addWidget(tear)
        layout.addWidget(close)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_moved)

    def take_room(self, takes: bool) -> None:
        self._tall = _HEIGHT if takes else 0
        self.setFixedHeight(self._tall)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(120, self._tall)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self._tall)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), look.color("bg"))
        if self._lit:
            painter.fillRect(0, 6, 2, self.height() - 12, look.color("accent"))
        font = look.font("label", strong=True)
        painter.setFont(font)
        painter.setPen(look.color("text" if self._lit else "muted"))
        room = QRectF(3 * theme.GRID, 0, self.width() - 18 * theme.GRID, self.height())
        shown = QFontMetricsF(font).elidedText(self._name, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)

    def _focus_moved(self, _old: QWidget | None, new: QWidget | None) -> None:
        lit = new is not None and self._dock.isAncestorOf(new)
        if lit is not self._lit:
            self._lit = lit
            self.update()
