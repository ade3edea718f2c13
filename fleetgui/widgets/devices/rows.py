"""A table of rows that are all alike, however many: its geometry, columns that stay at the left, its selection.

What a million rows must not cost: selecting them (beyond `MOST_SELECTED` they are remembered as a range, or as "all
that match"), walking what is selected (ranges only), sizing to contents (all rows have one height).
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPoint,
    QRect,
)
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from fleetgui.models.cell_model import Index
from fleetgui.widgets.devices.header import TableHeader

MOST_SELECTED: Final = 10_000
"""Rows that Qt selects; more of them are remembered as a range, and all of them as all that match."""
_ALL: Final = range(2**62)


class RowsView(QTableView):
    """Over any model of rows; `put_in` gives it to Qt, after whoever has to hear of changes before Qt does."""

    selection_told = QtSignal()
    """The selection changed, what Qt does not know of included."""

    def __init__(self, model: QAbstractTableModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._wide: range | None = None
        """Rows that are selected without Qt's knowledge, too many for it; all that match: from 0 on without an end."""
        self.header = TableHeader(self)
        self.setHorizontalHeader(self.header)

    def put_in(self) -> None:
        """Show the model, from now on."""
        header = self.header
        self.setModel(self._model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        for signal in (header.sectionPressed, header.sectionEntered):
            signal.disconnect()  # Qt's view would select the column, which is every row
        header.pins_changed.connect(self.viewport().update)
        # A header asks whether its whole column is selected, row by row, whenever it is painted: not of ours.
        header.setSelectionModel(QItemSelectionModel(self._model, header))
        self._model.columnsRemoved.connect(lambda _parent, first, last: header.columns_removed(first, last))
        self.selectionModel().selectionChanged.connect(self._selection_changed)

    def set_row_height(self, pixels: int) -> None:
        """Make every row that high; the first one on the screen stays there."""
        header = self.verticalHeader()
        if header.defaultSectionSize() != pixels:
            top = self.first_visible
            header.setMinimumSectionSize(pixels)
            header.setDefaultSectionSize(pixels)
            self.verticalScrollBar().setValue(top * pixels)
        self.header.setFixedHeight(pixels + 4)
        self.verticalScrollBar().setSingleStep(pixels)

    # Where we are

    @property
    def row_height(self) -> int:
        return self.verticalHeader().defaultSectionSize()

    @property
    def first_visible(self) -> int:
        return self.verticalHeader().offset() // max(1, self.row_height)

    @property
    def last_visible(self) -> int:
        """May lie beyond the last row."""
        return (self.verticalHeader().offset() + max(0, self.viewport().height() - 1)) // max(1, self.row_height)

    def row_at(self, point: QPoint) -> int:
        """The row under a point of the viewport, −1 where there is none."""
        row = (self.verticalHeader().offset() + point.y()) // max(1, self.row_height)
        return row if 0 <= row < self._model.rowCount() else -1

    def shown_columns(self) -> list[int]:
        """Numbers of the columns that are shown, in their order on the screen."""
        header = self.horizontalHeader()
        numbers = [header.logicalIndex(visual) for visual in range(header.count())]
        return [number for number in numbers if not header.isSectionHidden(number)]

    def go_to_row(self, row: int) -> None:
        """Make a row the current one and bring it into view."""
        index = self._model.index(row, next(iter(self.shown_columns()), 0))
        if index.isValid():
            self.setCurrentIndex(index)
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    # Pinned columns: Qt believes that they scroll along, so it is told where they are

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        if dx:  # what does not scroll along would be moved with the pixels: pinned columns, heads of groups
            self.viewport().update()
            self.header.viewport().update()

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        bar = self.horizontalScrollBar()
        before = bar.value()
        super().scrollTo(index, hint)
        header, number = self.header, index.column()
        if number in header.fixed:
            bar.setValue(before)
        elif (under := header.fixed_width - header.sectionViewportPosition(number)) > 0:
            bar.setValue(bar.value() - under)

    def visualRect(self, index: Index) -> QRect:
        rect = super().visualRect(index)
        if rect.isValid() and index.column() in self.header.fixed:
            rect.moveLeft(self.header.x_of(index.column()))
        return rect

    def indexAt(self, point: QPoint) -> QModelIndex:
        row, number = self.row_at(point), self.header.column_at(point.x())
        return self._model.index(row, number) if row >= 0 and number >= 0 else QModelIndex()

    # Selecting

    @property
    def all_selected(self) -> bool:
        """All that match are selected, loaded or not."""
        return self._wide == _ALL

    @property
    def many_selected(self) -> bool:
        """More rows are selected than can be told one by one: by their numbers, not by their devices."""
        return self._wide is not None

    @property
    def selected_ranges(self) -> list[tuple[int, int]]:
        """First and last rows of what is selected, in order; costs by the range, not by the row."""
        if self._wide is not None:
            last = min(self._wide.stop, self._model.rowCount()) - 1
            return [(self._wide.start, last)] if last >= self._wide.start else []
        return sorted({(each.top(), each.bottom()) for each in _ranges(self.selectionModel().selection())})

    @property
    def selected_count(self) -> int:
        return sum(last - first + 1 for first, last in self.selected_ranges)

    def selectAll(self) -> None:
        rows = self._model.rowCount()
        if rows == 0:
            return
        if rows <= MOST_SELECTED:
            last = self._model.index(rows - 1, self._model.columnCount() - 1)
            whole = QItemSelection(self._model.index(0, 0), last)
            self.selectionModel().select(whole, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            return
        self._select_many(_ALL)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """What Shift with a key or a click asks for. `rect` is on the viewport."""
        height, offset = self.row_height, self.verticalHeader().offset()
        rows = range((offset + rect.top()) // height, (offset + rect.bottom()) // height + 1)
        if len(rows) > MOST_SELECTED and command & QItemSelectionModel.SelectionFlag.Select:
            self._select_many(rows)
        else:
            super().setSelection(rect, command)

    def _select_many(self, rows: range) -> None:
        self.selectionModel().clearSelection()
        self._wide = rows
        self.selection_told.emit()
        self.viewport().update()

    def clear_selection(self) -> None:
        self._wide = None
        self.selectionModel().clearSelection()
        self.selection_told.emit()
        self.viewport().update()

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        # Qt's own expands what changed into single cells as soon as a screen reader listens: 20 s for a million rows.
        if _rows_in(selected) + _rows_in(deselected) <= MOST_SELECTED:
            super().selectionChanged(selected, deselected)

    def _selection_changed(self) -> None:
        if self._wide is not None and self.selectionModel().hasSelection():
            self._wide = None
        self.viewport().update()
        self.selection_told.emit()


def _rows_in(selection: QItemSelection) -> int:
    return sum(each.height() for each in _ranges(selection))


def _ranges(selection: QItemSelection) -> list[QItemSelectionRange]:
    return [selection.at(number) for number in range(selection.size())]
