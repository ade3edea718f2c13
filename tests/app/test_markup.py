"""Markup in everything that anybody may write is shown as it stands, in every text sink of every page (S1).

A sink that took it for markup would load the local image, and lay the nested tables out for twenty seconds. Which
sinks there are is found by going through all widgets, so that a new page or label is looked at without being listed.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QGraphicsTextItem,
    QGraphicsView,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QTextEdit,
    QTreeWidget,
    QTreeWidgetItemIterator,
    QWidget,
)

import fleetgui
from fleetgui.policy.states import State
from fleetgui.stores.diagnosis import section
from fleetgui.stores.log_ring import LogRing
from fleetgui.widgets.detail.page import DeviceDetail
from fleetgui.widgets.devices.columns_dialog import ColumnsDialog
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.window.diagnostics import DiagnosticsWindow
from fleetgui.widgets.window.export_dialog import ExportDialog
from fleetgui.widgets.window.main_window import MainWindow
from tests.app.besieged import KEPT, PUBLISHED, RECORD, RESULTS, VICTIM, Besieged, Published, besieged
from tests.backend import hostile
from tests.link.conftest import until

pytestmark = pytest.mark.timeout(60)

MARK: Final = "MARK"
EVIL: Final = f"{MARK}<img src='file:///etc/hostname'>" + "<table><tr><td>" * 20
DRAWN: Final = {"OverviewPage", "ColumnsDialog", "ExportDialog"}
"""Pages that show it by a painter alone, or only once something is typed."""
ROWS: Final = 60
"""Rows of a table that are looked at: more than a screen shows."""


def texts(message: Any) -> Iterator[bytes]:
    """`message` with `EVIL` in the place of each text, one at a time, and in a key of each object."""
    for path in hostile.paths(message):
        value = message
        for step in path:
            value = value[step]
        if isinstance(value, str):
            yield json.dumps(hostile.replaced(message, path, EVIL)).encode()
        elif isinstance(value, dict):
            yield json.dumps(hostile.replaced(message, path, {**value, EVIL: EVIL})).encode()


class Sinks:
    """What widgets show: `seen` counts the sinks with `EVIL` in them by kind, `faults` names those that would parse it.

    A rich text is no fault where what anybody wrote is escaped in it.
    """

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.faults: list[str] = []

    def may_be_rich(self, kind: str, where: object, text: str | None) -> None:
        """A sink that guesses."""
        if text and MARK in text:
            self.seen[kind] += 1
            if "<img" in text:
                self.faults.append(f"{kind} of {type(where).__name__}: {text[:80]}")

    def plain(self, kind: str, text: str) -> None:
        """A sink that never takes a text for markup."""
        self.seen[kind] += MARK in text

    def look_at(self, root: QWidget) -> None:
        for widget in (root, *root.findChildren(QWidget)):
            self.may_be_rich("tool tip", widget, widget.toolTip())
            self.may_be_rich("what's this", widget, widget.whatsThis())
            self.plain("window title", widget.windowTitle())
            self.plain("accessible name", widget.accessibleName())
            match widget:
                case QLabel():
                    self.plain("label", widget.text())
                    if widget.textFormat() is not Qt.TextFormat.PlainText:
                        self.faults.append(f"a label that guesses, now with: {widget.text()[:80]}")
                case QTextEdit():
                    self._document("text", widget.toPlainText())
                case QPlainTextEdit():
                    self.plain("plain text", widget.toPlainText())
                case QTreeWidget():
                    self._tree(widget)
                case QAbstractItemView() if widget.model() is not None:
                    self._table(widget.model())
                case QGraphicsView() if widget.scene() is not None:
                    for item in widget.scene().items():
                        if isinstance(item, QGraphicsTextItem):
                            self._document("plot", item.toPlainText())
                        self.may_be_rich("tool tip", item, item.toolTip())
                case QMenu():
                    widget.aboutToShow.emit()
                    for action in widget.actions():
                        self.plain("action", action.text())
                        if widget.toolTipsVisible():
                            self.may_be_rich("tool tip", action, action.toolTip())

    def _document(self, kind: str, shown: str) -> None:
        """A document shows tags only where it did not parse them."""
        if MARK in shown:
            self.seen[kind] += 1
            if "<img" not in shown:
                self.faults.append(f"{kind}: {shown[:80]}")

    def _table(self, model: QAbstractItemModel) -> None:
        role = Qt.ItemDataRole
        columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount(QModelIndex())
        for column in range(columns):
            self.may_be_rich("header", model, model.headerData(column, Qt.Orientation.Horizontal, role.ToolTipRole))
            for row in range(min(ROWS, model.rowCount(QModelIndex()))):
                index = model.index(row, column, QModelIndex())
                self.plain("cell", str(model.data(index, role.DisplayRole)))
                self.may_be_rich("tool tip", model, model.data(index, role.ToolTipRole))

    def _tree(self, tree: QTreeWidget) -> None:
        walk = QTreeWidgetItemIterator(tree)
        while (item := walk.value()) is not None:
            for column in range(tree.columnCount()):
                self.plain("cell", item.text(column))
                self.may_be_rich("tool tip", tree, item.toolTip(column))
            walk += 1


async def flooded(here: Besieged) -> None:
    """Put it into every text that the console reads."""
    for each in PUBLISHED:
        await here.publish((each, data) for data in texts(each.message))
    records: list[tuple[Published, str, bytes]] = []
    for number, each in enumerate(KEPT):
        for index, data in enumerate(texts(each.message)):
            key = f"d{number}-{index}"
            records.append((each, key, data.replace(f'"{VICTIM}"'.encode(), json.dumps(key).encode(), 1)))
    await here.keep(records)
    rows = here.state.deployments.rollups.rows
    await until(lambda: rows.keys() >= {key for _, key, _ in records})
    devices = [
        json.loads(data.replace(f'"{VICTIM}"'.encode(), f'"v{number}"'.encode()))
        for number, data in enumerate(texts(RECORD))
    ]
    here.answers["discovery/listDevices"] = json.dumps(
        {"id": "x", "result": {"devices": devices, "next_offset": None, "total_matched": len(devices)}}
    ).encode()
    here.fabric.pager.refresh()
    await until(lambda: here.state.roster.loaded + here.state.roster.malformed >= len(devices))
    evil = {
        **RECORD,
        "device_id": EVIL,
        "identity": dict.fromkeys(RECORD["identity"], EVIL),
        "status": {EVIL: EVIL, "location": EVIL, "availability": EVIL, "error_state": EVIL},
        "capabilities": {
            "description": EVIL,
            "functions": [
                {
                    "name": EVIL,
                    "description": EVIL,
                    "parameters": {
                        "type": "object",
                        "properties": {EVIL: {"type": "string", "title": EVIL, "description": EVIL, "enum": [EVIL]}},
                    },
                }
            ],
            "labels": {EVIL: EVIL},
        },
    }
    here.answers["discovery/getDevice"] = json.dumps({"id": "x", "result": {"device": evil}}).encode()
    here.answers["f"] = json.dumps({"id": "x", "error": {"code": -1, "message": EVIL, "data": EVIL}}).encode()
    here.answers["topology/list"] = json.dumps({"id": "x", "error": {"code": -1, "message": EVIL}}).encode()
    here.answers["gateway/describe"] = json.dumps(
        {"id": "x", "result": next(json.loads(data) for data in texts(RESULTS["gateway/describe"]))}
    ).encode()
    here.fabric.details.open(EVIL)
    here.fabric.details.refresh(VICTIM)
    here.fabric.calls.invoke(VICTIM, "f", {EVIL: EVIL}, 20.0)
    here.fabric.topologies.refresh()
    await until(lambda: not here.fabric.details._fetching and here.state.calls.running == 0)
    listing = here.state.topologies.listing
    await until(lambda: MARK in (listing.why or ""))


async def test_s1_markup_is_shown_as_it_stands_in_every_sink(qapp: QApplication) -> None:
    log = logging.getLogger("fleetgui.test")
    ring = LogRing()
    log.addHandler(ring)
    async with besieged(qapp) as here:
        await flooded(here)
        state, wall = here.state, here.clock.wall()
        state.journal.write(wall, State.FAILED, EVIL, EVIL, EVIL)
        state.link.set_backend_notice(EVIL, failed=True)
        state.ledger.lose(EVIL, EVIL, 3, wall)
        log.error(EVIL)
        window, devices = here.pages[0], here.pages[1]
        assert isinstance(window, MainWindow)
        assert isinstance(devices, DevicesPage)
        window.open_detail_dock(EVIL, DeviceDetail(EVIL, state, here.clock))
        here.pages += [
            DeviceDetail(EVIL, state, here.clock),
            ColumnsDialog(devices.columns, lambda: [json.dumps(RECORD | {EVIL: {EVIL: EVIL}}).encode()], devices),
            ExportDialog(state.export, here.clock),
            DiagnosticsWindow(lambda: [section(EVIL, {EVIL: EVIL})], ring, EVIL, window),
        ]
        by_page: dict[str, Counter[str]] = {}
        faults: list[str] = []
        for wrong in (f"{EVIL[:90]}:1", f'battery<"{EVIL[:90]}"', f"/{EVIL[:90]}(/", f'"{EVIL[:90]}'):
            devices.filter.setText(wrong)
            sinks = Sinks()
            sinks.look_at(devices.filter)
            faults += sinks.faults
        for _ in range(2):  # as it is, and then without a broker, which says why
            for page in here.pages:
                page.show()
            here.draw()
            for page in here.pages:
                sinks = Sinks()
                sinks.look_at(page)
                by_page[type(page).__name__] = by_page.get(type(page).__name__, Counter()) + sinks.seen
                faults += sinks.faults
            link = here.fabric.link.state
            state.link.set_state(replace(link, error=EVIL, server=EVIL, server_name=EVIL, lost_at=here.clock.now()))
        assert sorted(set(faults)) == []
        assert {name for name, seen in by_page.items() if not seen} <= DRAWN
        assert sum(by_page.values(), Counter()).keys() >= {"label", "cell", "tool tip", "plain text", "accessible name"}
        assert here.reports == []
    log.removeHandler(ring)


def test_s1_nothing_that_lays_out_markup_is_used_at_all() -> None:
    """What is seldom on the screen is covered by what the program does not contain."""
    sources = Path(fleetgui.__file__).parent.rglob("*.py")
    parsing = re.compile(r"setHtml|insertHtml|RichText|MarkdownText|QTextBrowser|QMessageBox|QErrorMessage|LabelItem")
    found = [f"{path.name}: {line.strip()}" for path in sources for line in _lines(path) if parsing.search(line)]
    assert found == []


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
