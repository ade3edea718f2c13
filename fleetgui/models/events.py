"""The events of one open device, newest first: a model over the store's bounded list, which may be paused.

While it is paused the store goes on recording; what came meanwhile is shown when it goes on.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from fleetgui.policy import formats
from fleetgui.stores.details import EVENTS_KEPT, Detail, SeenEvent
from fleetgui.wire.codec import Malformed, encode

Index: TypeAlias = QModelIndex | QPersistentModelIndex

TITLES: Final = ("Time", "Event", "Payload")


class EventsModel(QAbstractTableModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._events: list[SeenEvent] = []
        """Newest last; shown the other way round."""
        self._texts: dict[int, str] = {}
        self._seen = 0
        self._paused = False
        self._detail: Detail | None = None

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def behind(self) -> int:
        """Events recorded since it was paused."""
        return 0 if self._detail is None else self._detail.events_seen - self._seen

    def pause(self, paused: bool) -> None:
        self._paused = paused
        if not paused and self._detail is not None:
            self.take(self._detail)

    def take(self, detail: Detail) -> None:
        """Take in what the store has now."""
        if self._detail is not None and detail.events_seen < self._detail.events_seen:
            self.beginResetModel()  # the detail was closed and opened again
            self._events, self._seen = [], 0
            self.endResetModel()
        self._detail = detail
        if self._paused or self.behind <= 0:
            return
        new = list(detail.events)[-min(self.behind, len(detail.events)) :]
        self._seen = detail.events_seen
        if not new:
            return
        too_many = len(self._events) + len(new) - EVENTS_KEPT
        if too_many > 0 and self._events:
            gone = min(too_many, len(self._events))
            self.beginRemoveRows(QModelIndex(), len(self._events) - gone, len(self._events) - 1)
            for old in self._events[:gone]:
                self._texts.pop(id(old), None)
            del self._events[:gone]
            self.endRemoveRows()
        self.beginInsertRows(QModelIndex(), 0, len(new) - 1)
        self._events.extend(new)
        self.endInsertRows()

    def event_at(self, row: int) -> SeenEvent | None:
        return self._events[-1 - row] if 0 <= row < len(self._events) else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._events)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(TITLES)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        event = self.event_at(index.row())
        if event is None or role != Qt.ItemDataRole.DisplayRole:
            return None
        if index.column() == 0:
            return formats.clock_utc(event.at, millis=True)
        return formats.text(event.name, 120) if index.column() == 1 else self._payload(event)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole and section < len(TITLES):
            return TITLES[section]
        return None

    def _payload(self, event: SeenEvent) -> str:
        """Made once an event, when it is first drawn."""
        text = self._texts.get(id(event))
        if text is None:
            text = self._texts[id(event)] = payload_text(event)
        return text


def payload_text(event: SeenEvent) -> str:
    """What an event carries, on one line."""
    if event.params is None:
        return formats.text(event.note or "malformed")
    try:
        return formats.text(encode(event.params).decode())
    except Malformed as error:
        return formats.text(str(error))
