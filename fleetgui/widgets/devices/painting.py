"""Draws what is on the screen of the device table: grounds, cells, heads of groups, marks, and where one stands.

All of a frame at once, column by column: see `cells` for why no delegate is asked.
"""

from __future__ import annotations

from PySide6.QtCore import QLine, QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from fleetgui.models.devices import DeviceTableModel
from fleetgui.widgets.devices.heads import HeadPainter
from fleetgui.widgets.devices.rows import RowsView
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.cells import CellPainter, Line, Span


class TablePainter:
    """`retheme` when the look changed."""

    def __init__(self, table: RowsView, model: DeviceTableModel) -> None:
        self._table = table
        self._model = model
        self.cells = CellPainter(model)
        self._heads = HeadPainter()

    def retheme(self) -> None:
        self.cells.retheme()
        self._heads.retheme()

    def paint(self, painter: QPainter, rect: QRect, *, hovered: int) -> None:
        """Draw what `rect` of the viewport touches; the pointer is over the row `hovered`, -1 over none."""
        table, model = self._table, self._model
        height, offset = table.row_height, table.verticalHeader().offset()
        first = (offset + rect.top()) // height
        last = min((offset + rect.bottom()) // height, model.rowCount() - 1)
        lines = [Line(row, row * height - offset) for row in range(first, last + 1)]
        if not lines:
            return
        heads = [(line, head) for line in lines if (head := model.group(line.row)) is not None]
        self._grounds(painter, rect, lines, {line.row for line, _head in heads}, hovered)
        self._cells(painter, rect, [line for line in lines if model.group(line.row) is None] if heads else lines)
        self._heads.paint(painter, heads, table.viewport().width(), height)
        self._marks(painter, lines)
        self._current(painter, lines)

    def _grounds(self, painter: QPainter, rect: QRect, lines: list[Line], heads: set[int], hovered: int) -> None:
        """What is under the cells; `heads` are rows of groups' heads."""
        look, height = theme.current(), self._table.row_height
        selected = self._table.selected_ranges
        selection, hover, ground = look.color("selection"), look.color("hover"), look.color("bg")
        for row, y in lines:
            if any(first <= row <= last for first, last in selected):
                painter.fillRect(rect.left(), y, rect.width(), height, selection)
            elif row == hovered:
                painter.fillRect(rect.left(), y, rect.width(), height, hover)
            elif row in heads:
                painter.fillRect(rect.left(), y, rect.width(), height, ground)
        painter.setPen(QPen(look.color("grid")))
        painter.drawLines([QLine(rect.left(), y + height - 1, rect.right(), y + height - 1) for _row, y in lines])

    def _cells(self, painter: QPainter, rect: QRect, lines: list[Line]) -> None:
        """The columns that `rect` touches, and those left of it, whose text may run into it; the fixed ones apart."""
        header, height = self._table.header, self._table.row_height
        fixed, edge = header.fixed, header.fixed_width
        spans = [Span(n, header.x_of(n), header.sectionSize(n)) for n in self._table.shown_columns()]
        scrolling = [s for s in spans if s.number not in fixed and s.x <= rect.right() and s.x + s.width > edge]
        if not fixed:
            self.cells.paint(painter, lines, scrolling, height)
            return
        painter.setClipRect(edge, rect.top(), max(0, rect.right() + 1 - edge), rect.height())
        self.cells.paint(painter, lines, scrolling, height)
        painter.setClipRect(0, rect.top(), edge, rect.height())
        self.cells.paint(painter, lines, [span for span in spans if span.number in fixed], height)
        painter.setClipping(False)
        if header.offset():
            hairline = theme.current().color("hairline")
            for _row, y in lines:
                painter.fillRect(edge - 1, y, 1, height, hairline)

    def _marks(self, painter: QPainter, lines: list[Line]) -> None:
        """A tab at the left edge of what is marked: it ends before the cells' own glyphs; a bar would say current."""
        if not self._model.marks:
            return
        marked = [y for row, y in lines if self._model.is_marked(row)]
        if not marked:
            return
        bottom = self._table.row_height - 4
        tab = QPolygonF([QPointF(*at) for at in ((0, 3), (1, 3), (5, (3 + bottom) / 2), (1, bottom), (0, bottom))])
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.current().color("accent"))
        for y in marked:
            painter.drawPolygon(tab.translated(0, y))
        painter.restore()

    def _current(self, painter: QPainter, lines: list[Line]) -> None:
        """A bar at the current row's left edge, and a frame while the keyboard is here."""
        table = self._table
        current, height = table.currentIndex().row(), table.row_height
        for row, y in lines:
            if row == current:
                accent = theme.current().color("accent" if table.hasFocus() else "muted")
                painter.fillRect(0, y, 2, height - 1, accent)
                if table.hasFocus():
                    painter.setPen(QPen(accent))
                    painter.drawRect(0, y - 1, table.viewport().width() - 1, height)
