"""Time to paint a frame of 45 × 10 cells while scrolling: the device table beside a plain QTableView over dicts."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QTableView

from fleetgui.policy.clock import SystemClock
from fleetgui.stores.console import ConsoleState
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.look import theme
from tests.bench.timing import milliseconds, percentile
from tests.interop.services import records

ROWS, COLUMNS = 45, 10
FLEET = 10_000
KEYS = ("id", "type", "location", "availability", "battery", "busy", "firmware", "model", "serial", "arch")


class PlainModel(QAbstractTableModel):
    """What one would write first: a list of dicts, text by role."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        super().__init__()
        self._rows = rows

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return len(self._rows)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - likewise
        return COLUMNS

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return str(self._rows[index.row()][KEYS[index.column()]])
        return None


def plain_table(fleet: list[dict[str, Any]]) -> QTableView:
    rows = []
    for record in fleet:
        identity, status = record["identity"], record["status"]
        rows.append(
            {
                "id": record["device_id"],
                "type": identity["device_type"],
                "location": status["location"],
                "availability": status["availability"],
                "battery": status["battery"],
                "busy": status["busy_score"],
                "firmware": identity["firmware_version"],
                "model": identity["model"],
                "serial": identity["serial_number"],
                "arch": identity["arch"],
            }
        )
    view = QTableView()
    view.setModel(PlainModel(rows))
    view.verticalHeader().setDefaultSectionSize(24)
    return view


def our_page(fleet: list[dict[str, Any]]) -> DevicesPage:
    state, clock = ConsoleState(), SystemClock()
    page = DevicesPage(state, clock)
    for first in range(0, len(fleet), 200):
        part = fleet[first : first + 200]
        summaries = state.roster.page_read(
            first,
            [json.dumps(record).encode() for record in part],
            next_offset=first + len(part) if first + len(part) < len(fleet) else None,
            total=len(fleet),
            read_at=clock.now(),
        )
        state.presence.listed(((summary.device_id, summary.ttl) for summary in summaries), clock.now())
    return page


def frames(app: QApplication, view: QTableView, count: int) -> list[float]:
    """Milliseconds to paint the viewport, scrolled by 37 rows each time."""
    image = QImage(view.viewport().size(), QImage.Format.Format_ARGB32_Premultiplied)

    def paint() -> None:
        view.viewport().render(image)

    times = []
    bar = view.verticalScrollBar()
    for number in range(count):
        bar.setValue((number * 37 * max(1, bar.pageStep() // 45)) % max(1, bar.maximum()))
        app.processEvents()
        times.append(milliseconds(paint))
    return times


def run(quick: bool) -> dict[str, Any]:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme.apply(app, "dark")
    fleet = list(records(FLEET))
    plain, page = plain_table(fleet), our_page(fleet)
    page.resize(1280, ROWS * 24 + 100)
    page.show()
    plain.resize(1280, ROWS * 24 + 40)
    plain.show()
    app.processEvents()
    count = 60 if quick else 600
    ours, peer = frames(app, page.table, count), frames(app, plain, count)
    page.close()
    plain.close()
    p95, peer_p95 = percentile(ours, 0.95), percentile(peer, 0.95)
    return {
        "what": "paint of a frame of 45 x 10 cells while scrolling, ms; wanted: p95 <= 16.7 and <= 0.6 x the peer",
        "peer": "a plain QTableView over dicts",
        "ours": {"p50": round(percentile(ours, 0.5), 2), "p95": round(p95, 2), "max": round(max(ours), 2)},
        "plain": {"p50": round(percentile(peer, 0.5), 2), "p95": round(peer_p95, 2), "max": round(max(peer), 2)},
        "visible_rows": {"ours": page.table.viewport().height() // 24, "plain": plain.viewport().height() // 24},
        "ratio_p95": round(p95 / peer_p95, 3),
        "frames": count,
    }
