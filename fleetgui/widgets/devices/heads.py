"""Draws the heads of groups in the device table: across the whole row, however its columns scroll."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter

from fleetgui.models import groups
from fleetgui.stores.roster import GroupHead
from fleetgui.widgets.look import glyphs, theme
from fleetgui.widgets.parts.cells import PADDING, Line, TextCache

GLYPH_END: Final = PADDING + 20
"""A click left of this, in pixels, opens or closes the group."""
_GAP: Final = 12


class HeadPainter:
    """`retheme` when the look changed."""

    def __init__(self) -> None:
        self.retheme()

    def retheme(self) -> None:
        look = theme.current()
        self._look = look
        self._value = TextCache(look.font("body", strong=True))
        self._count = TextCache(look.font("body"))

    def paint(self, painter: QPainter, heads: Sequence[tuple[Line, GroupHead]], width: int, height: int) -> None:
        """Draw the heads over rows `height` pixels high; `width` is the table's."""
        text, muted = self._look.color("text"), self._look.color("muted")
        for line, head in heads:
            glyph = groups.OPEN if head.is_open else groups.CLOSED
            glyphs.draw(painter, glyph, QRectF(PADDING, line.y, glyphs.SIZE, height - 1), muted)
            value = self._value.get(groups.value_of(head), max(20, width // 2))
            count = self._count.get(groups.count_of(head), max(20, width // 2))
            painter.setFont(self._value.font)
            painter.setPen(muted if head.value is None else text)
            painter.drawStaticText(QPointF(GLYPH_END, line.y + (height - 1 - value.height) / 2), value.text)
            painter.setFont(self._count.font)
            painter.setPen(muted)
            left = GLYPH_END + value.width + _GAP
            painter.drawStaticText(QPointF(left, line.y + (height - 1 - count.height) / 2), count.text)
