"""Draws the cells of the device table: text that was laid out once, a glyph before the words, a bar, a glow.

Qt's own delegate lays every text out again in every frame, and calling any delegate costs as much as drawing a word.
So the table's view hands all cells of a frame to `CellPainter` at once, which goes column by column, asks the model
for its `Cell` directly, and keeps what it laid out by text and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QStaticText, QTransform

from fleetgui.models.columns import Align, Cell, Column, Look
from fleetgui.models.devices import DeviceTableModel
from fleetgui.widgets.look import glyphs, theme

PADDING: Final = 8
GLYPH_BOX: Final = 16
"""From a state's glyph to its words."""
BAR_WIDTH: Final = 36
BAR_HEIGHT: Final = 4
CHIP_MARGIN: Final = 3
_TEXTS_KEPT: Final = 8_000


class Span(NamedTuple):
    """A column on the screen: its number in the model, where it begins and how wide it is, in pixels."""

    number: int
    x: int
    width: int


class Line(NamedTuple):
    """A row on the screen: its number in the model, and its upper edge in pixels."""

    row: int
    y: int


class LaidOut(NamedTuple):
    """A text as it is drawn, with its size in logical pixels."""

    text: QStaticText
    width: float
    height: float


class TextCache:
    """Texts of one font as they were laid out, by the width they had to fit in."""

    def __init__(self, font: QFont) -> None:
        self.font = font
        self.metrics = QFontMetricsF(font)
        self._texts: dict[tuple[str, int], LaidOut] = {}

    def get(self, text: str, room: int) -> LaidOut:
        """`text`, elided where it is wider than `room` pixels."""
        found = self._texts.get((text, room))
        if found is None:
            if len(self._texts) >= _TEXTS_KEPT:
                self._texts.clear()
            found = self._lay_out(text)
            if found.width > room:
                found = self._lay_out(self.metrics.elidedText(text, Qt.TextElideMode.ElideRight, room))
            self._texts[text, room] = found
        return found

    def _lay_out(self, text: str) -> LaidOut:
        static = QStaticText(text)
        static.setTextFormat(Qt.TextFormat.PlainText)  # left to guess, Qt would take device text for markup
        static.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
        static.prepare(QTransform(), self.font)
        size = static.size()
        return LaidOut(static, size.width(), size.height())


class CellPainter:
    """Draws cells of one model in the look in force; `retheme` when that changed."""

    def __init__(self, model: DeviceTableModel) -> None:
        self._model = model
        self._faint: set[int] = set()
        """Rows of this frame whose devices are not heard of: their text is quieter than that of the others."""
        self.retheme()

    def retheme(self) -> None:
        """Take colours and fonts from the theme again."""
        look = theme.current()
        body = TextCache(look.font("body"))
        self._look = look
        self._texts = dict.fromkeys(Look, body) | {Look.MONO: TextCache(look.font("mono"))}
        self._pens: dict[str, QPen] = {}
        self._track = look.color("raised")

    def width_of(self, number: int, row: int) -> int:
        """Pixels that a cell needs to show all of its text."""
        column = self._model.columns[number]
        cell = self._model.cell(row, number)
        width = self._texts[column.look].metrics.horizontalAdvance(cell.text) + 2 * PADDING + 2
        return int(width + _before_text(column.look, cell))

    def paint(self, painter: QPainter, lines: Sequence[Line], spans: Sequence[Span], height: int) -> None:
        """Draw the cells of `lines` × `spans`, rows being `height` pixels high."""
        self._faint = {row for row, _y in lines if self._model.is_faint(row)}
        edge = max((span.x + span.width for span in spans), default=0)
        for span in spans:
            column = self._model.columns[span.number]
            painter.setFont(self._texts[column.look].font)
            self._paint_column(painter, lines, span, column, height, edge)

    def _paint_column(
        self, painter: QPainter, lines: Sequence[Line], span: Span, column: Column, height: int, edge: int
    ) -> None:
        number, left, look = span.number, span.x + PADDING, column.look
        room = span.width - 2 * PADDING
        right = column.align is Align.RIGHT
        texts = self._texts[look]
        cell_of, glow_of = self._model.cell, self._model.glow
        ink = ""
        faint = self._faint
        for row, y in lines:
            if (strength := glow_of(row, number)) > 0.0:
                painter.fillRect(span.x, y, span.width, height - 1, self._look.color("glow", strength))
            cell = cell_of(row, number)
            if not cell.text:
                continue
            before = _before_text(look, cell)
            text = texts.get(cell.text, edge - left - PADDING if cell.wide else room - before)
            wanted = "muted" if cell.ink == "text" and row in faint else cell.ink
            if wanted != ink:
                ink = wanted
                painter.setPen(self._pen(ink))
            if before:
                if cell.chip:
                    self._paint_chip(painter, QRectF(left - 4, y, before + text.width + 8, height - 1), ink)
                    ink = ""
                if cell.fraction is not None:
                    self._paint_bar(painter, left, y + (height - BAR_HEIGHT) // 2, cell.fraction, cell.ink)
                else:
                    color = self._pen("on_state" if cell.chip else cell.ink).color()
                    glyphs.draw(painter, cell.glyph, QRectF(left, y, glyphs.SIZE, height - 1), color)
            x = left + room - text.width if right else left + before
            painter.drawStaticText(QPointF(x, y + (height - 1 - text.height) / 2), text.text)

    def _paint_chip(self, painter: QPainter, rect: QRectF, ink: str) -> None:
        painter.fillRect(rect.adjusted(0, CHIP_MARGIN, 0, -CHIP_MARGIN), self._pen(ink).color())
        painter.setPen(self._pen("on_state"))

    def _paint_bar(self, painter: QPainter, x: float, y: float, fraction: float, ink: str) -> None:
        painter.fillRect(QRectF(x, y, BAR_WIDTH, BAR_HEIGHT), self._track)
        length = max(1.0, BAR_WIDTH * fraction)
        painter.fillRect(QRectF(x, y, length, BAR_HEIGHT), self._bar(ink))

    def _bar(self, ink: str) -> QColor:
        """A bar in the ink of plain text would be the brightest thing in the row."""
        return self._pen("muted" if ink == "text" else ink).color()

    def _pen(self, token: str) -> QPen:
        pen = self._pens.get(token)
        if pen is None:
            pen = self._pens[token] = QPen(self._look.color(token))
        return pen


def _before_text(look: Look, cell: Cell) -> int:
    """Pixels that a glyph or a bar takes before the text."""
    if cell.fraction is not None:
        return BAR_WIDTH + PADDING
    return GLYPH_BOX if look is Look.STATE and cell.glyph else 0
