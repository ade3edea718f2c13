"""The events of one device as they come, newest first, with the whole payload of the one that is chosen."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QSplitter,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fleetgui.models.events import EventsModel
from fleetgui.stores.details import EVENTS_KEPT, Detail
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.elided import ElidedLabel
from fleetgui.widgets.parts.raw import JsonView

_WIDTHS: Final = (124, 150)


class EventsTab(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = EventsModel(self)
        self._detail: Detail | None = None
        self.pause = QToolButton()
        self.pause.setText("Pause")
        self.pause.setCheckable(True)
        self.pause.setToolTip("Hold the list still; events go on being recorded")
        self.pause.toggled.connect(self._pause)
        self._sentence = ElidedLabel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Events, newest first")
        self.table.setShowGrid(False)
        self.table.setStyleSheet("QTableView::item { padding: 0 5px; }")
        self.table.setWordWrap(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in enumerate(_WIDTHS):
            self.table.setColumnWidth(column, width)
        self.table.selectionModel().currentRowChanged.connect(self._show_chosen)
        self.payload = JsonView("Payload of the chosen event")
        self.payload.hide()
        line = QHBoxLayout()
        line.setContentsMargins(12, 4, 8, 4)
        line.addWidget(self._sentence, 1)
        line.addWidget(self.pause)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.table)
        splitter.addWidget(self.payload)
        splitter.setSizes([300, 160])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        layout.addWidget(splitter, 1)
        self._retheme()
        theme.changed.connect(self._retheme)
        self._say()

    @property
    def sentence(self) -> str:
        return self._sentence.text

    def show_detail(self, detail: Detail) -> None:
        self._detail = detail
        self.model.take(detail)
        self._say()

    def _retheme(self) -> None:
        self.table.verticalHeader().setMinimumSectionSize(theme.current().row_height)
        self.table.verticalHeader().setDefaultSectionSize(theme.current().row_height)

    def _pause(self, paused: bool) -> None:
        self.model.pause(paused)
        self._say()

    def _say(self) -> None:
        seen = 0 if self._detail is None else self._detail.events_seen
        if self.model.paused:
            self._sentence.say(f"‖ paused  ·  {self.model.behind:,} newer recorded", "offline")
        elif seen == 0:
            self._sentence.say("No event since this detail was opened.", "muted")
        else:
            kept = f", the last {EVENTS_KEPT} kept" if seen > EVENTS_KEPT else ""
            self._sentence.say(f"{seen:,} since this detail was opened{kept}", "muted")

    def _show_chosen(self) -> None:
        event = self.model.event_at(self.table.currentIndex().row())
        self.payload.setVisible(event is not None)
        if event is not None:
            self.payload.show_value(event.params if event.params is not None else event.note)
