"""What happens at an open topology, newest first; it may be paused, and goes on recording meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from itertools import islice

from PySide6.QtCore import QObject, QTimer

from fleetgui.models.cell_model import GATHER_MS, ROOT, CellModel, Heading
from fleetgui.models.columns import Align, Cell
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.stores.topologies.following import EVENTS_KEPT, Following
from fleetgui.stores.topologies.told import Told


class Column(IntEnum):
    TIME = 0
    NUMBER = 1
    FAMILY = 2
    WORDS = 3


class TopologyEventsModel(CellModel):
    """Row r is the r-th event from the newest. At most `EVENTS_KEPT`."""

    headings = (
        Heading("Time", 112),
        Heading("No.", 62, Align.RIGHT, minor=2),
        Heading("Event", 110, minor=1),
        Heading("What", 0),
    )

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.paused = False
        self._following: Following | None = None
        self._shown: list[Told] = []
        """Newest last."""
        self._seen = 0
        self._soon = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._soon.timeout.connect(self.take_in)
        self._heard = Subscriptions(self)

    @property
    def behind(self) -> int:
        """Events recorded and not shown yet."""
        return 0 if self._following is None else self._following.events_seen - self._seen

    def show_topology(self, following: Following | None) -> None:
        """The events of another topology, from the first that is kept; a pause is over."""
        self._heard.end()
        self.beginResetModel()
        self._following, self._shown, self._seen, self.paused = following, [], 0, False
        if following is not None:
            self._heard.listen(following.changed, self._changed)
            self._shown, self._seen = list(following.events), following.events_seen
        self.endResetModel()

    def pause(self, paused: bool) -> None:
        self.paused = paused
        self.take_in()

    def take_in(self) -> None:
        """Show what was recorded since, unless it is paused; called by itself shortly after."""
        if self._following is None or self.paused or not self.behind:
            return
        events = self._following.events
        fresh = list(islice(reversed(events), min(self.behind, len(events))))
        fresh.reverse()
        self._seen = self._following.events_seen
        over = len(self._shown) + len(fresh) - EVENTS_KEPT
        if over > 0 and self._shown:
            gone = min(over, len(self._shown))
            self.beginRemoveRows(ROOT, len(self._shown) - gone, len(self._shown) - 1)
            del self._shown[:gone]
            self.endRemoveRows()
        self.beginInsertRows(ROOT, 0, len(fresh) - 1)
        self._shown.extend(fresh)
        self.endInsertRows()

    def event_at(self, row: int) -> Told:
        return self._shown[-1 - row]

    def cell(self, row: int, column: int) -> Cell:
        event = self.event_at(row)
        match column:
            case Column.TIME:
                return Cell(formats.clock_utc(event.at, millis=True), "muted")
            case Column.NUMBER:
                return Cell("" if event.seq is None else formats.count(event.seq), "muted")
            case Column.FAMILY:
                return Cell(event.family, "muted")
            case _ if event.state is None:
                return Cell(event.words)
            case _:
                return Cell(event.words, event.state.token, event.state.glyph)

    def hover(self, row: int, column: int) -> str:
        event = self.event_at(row)
        return f"{formats.moment_utc(event.at)}\n{event.words}"

    def copied_row(self, row: int) -> Iterable[str]:
        """With the whole date."""
        event = self.event_at(row)
        return formats.moment_utc(event.at), "" if event.seq is None else str(event.seq), event.family, event.words

    def row_count(self) -> int:
        return len(self._shown)

    def _changed(self) -> None:
        if not self._soon.isActive():
            self._soon.start()
