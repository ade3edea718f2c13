"""Plain text in an ink of the theme: on one line that ends in an ellipsis, with the whole on hover, or wrapped."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from fleetgui.widgets.look import theme
from fleetgui.widgets.look.fonts import Role
from fleetgui.widgets.parts.plain import tip


class ElidedLabel(QWidget):
    """`say(text, ink)`; the font is a role of the theme. Paints only when something changed."""

    def __init__(
        self, text: str = "", ink: str = "muted", role: Role = "body", *, strong: bool = False,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._role = role
        self._strong = strong
        self._text, self._ink = text, ink
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        theme.changed.connect(self._restyle)

    @property
    def text(self) -> str:
        return self._text

    @property
    def ink(self) -> str:
        return self._ink

    def say(self, text: str, ink: str | None = None) -> None:
        """Show `text`, in the theme token `ink` where one is given."""
        ink = self._ink if ink is None else ink
        if (text, ink) != (self._text, self._ink):
            self._text, self._ink = text, ink
            self.setAccessibleName(text)
            self.setToolTip(tip(text))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(theme.current().font(self._role, strong=self._strong))
        return QSize(round(metrics.horizontalAdvance(self._text)) + 2, round(metrics.height()) + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        font = look.font(self._role, strong=self._strong)
        painter = QPainter(self)
        painter.setFont(font)
        painter.setPen(look.color(self._ink))
        room = self.contentsRect()
        shown = QFontMetricsF(font).elidedText(self._text, Qt.TextElideMode.ElideRight, room.width())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine
        painter.drawText(room, flags, shown)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()


class WrappedLabel(QLabel):
    """Plain text over as many lines as it needs; `say(text, ink)`. Without text it takes no room."""

    def __init__(self, text: str = "", ink: str = "muted", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ink = ink
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setText(text)
        self.setVisible(bool(text))
        self._restyle()
        theme.changed.connect(self._restyle)

    def say(self, text: str, ink: str | None = None) -> None:
        if text != self.text():
            self.setText(text)
            self.setVisible(bool(text))
        if ink is not None and ink != self._ink:
            self._ink = ink
            self._restyle()

    def _restyle(self) -> None:
        palette = self.palette()
        palette.setColor(self.foregroundRole(), theme.current().color(self._ink))
        self.setPalette(palette)
