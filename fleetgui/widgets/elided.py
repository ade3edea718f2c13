"""A line of plain text that ends in an ellipsis where it does not fit, with the whole of it on hover."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fleetgui.widgets import theme
from fleetgui.widgets.fonts import Role
from fleetgui.widgets.plain import tip


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
        shown = QFontMetricsF(font).elidedText(self._text, Qt.TextElideMode.ElideRight, self.width())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine
        painter.drawText(QRect(0, 0, self.width(), self.height()), flags, shown)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()
