"""The Diagnostics window: what the program knows of itself, its log, and what is left of a crash; kept up to date.

It stays open beside the console. What it shows is asked for once a second, and only while it can be seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fleetgui.policy import formats
from fleetgui.stores.diagnosis import Section
from fleetgui.stores.log_ring import LINES, Line, LogRing
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.guarded import Guarded
from fleetgui.widgets.parts.plain import plain_label

EVERY_MS: Final = 1_000
_LEVELS: Final = {"All": logging.NOTSET, "Warnings and errors": logging.WARNING, "Errors": logging.ERROR}
_WIDTH: Final = 340


class DiagnosticsWindow(QDialog):
    report_requested = Signal(str)
    """Write the report file to this path."""

    def __init__(
        self, facts: Callable[[], Sequence[Section]], ring: LogRing, crash: str | None, parent: QWidget
    ) -> None:
        """`crash` is what the last session left when it broke, None when it did not."""
        super().__init__(parent)
        self.setWindowTitle("Diagnostics")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(880, 640)
        self.facts = _Facts(facts)
        self.log = _Log(ring)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.facts, "Facts")
        self.tabs.addTab(self.log, "Log")
        if crash is not None:
            self.tabs.addTab(_Crash(crash), "Last crash")
        self._said = plain_label()
        self.save = QPushButton("Save a report …")
        self.save.setToolTip("Facts, journal and log in one file, without any secret, to send along with a complaint")
        self.save.clicked.connect(self._ask_where)
        self.save.setAutoDefault(False)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        close.setAutoDefault(False)
        buttons = QHBoxLayout()
        buttons.addWidget(self._said, 1)
        buttons.addWidget(self.save)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*[4 * theme.GRID] * 4)
        layout.setSpacing(3 * theme.GRID)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(buttons)
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(Guarded(self, self.refresh))
        self.tabs.currentChanged.connect(self.refresh)

    def refresh(self) -> None:
        """Bring what is in front up to now."""
        shown = self.tabs.currentWidget()
        if isinstance(shown, _Facts | _Log):
            shown.refresh()

    def show_crash(self) -> None:
        """Bring what is left of the last crash to the front; the facts where nothing is."""
        self.tabs.setCurrentIndex(2 if self.tabs.count() > 2 else 0)

    def say(self, sentence: str) -> None:
        """What became of the report."""
        self._said.setText(formats.text(sentence, 300))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def _ask_where(self) -> None:
        dialog = QFileDialog(self, "Save a report", "")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.setNameFilters(["JSON (*.json)"])
        dialog.selectFile("fleetgui-report.json")
        dialog.fileSelected.connect(self.report_requested)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


class _Facts(QTreeWidget):
    """Sections of names and values. Lines keep their places, so that a figure can be watched."""

    def __init__(self, facts: Callable[[], Sequence[Section]]) -> None:
        super().__init__()
        self._facts = facts
        self._sections: dict[str, QTreeWidgetItem] = {}
        self._lines: dict[tuple[str, str], QTreeWidgetItem] = {}
        self.setAccessibleName("Facts about this console")
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(True)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.header().resizeSection(0, _WIDTH)

    def refresh(self) -> None:
        sections = self._facts()
        titles = [_key(each.title) for each in sections]
        seen = {(_key(section.title), fact.name) for section in sections for fact in section.facts}
        if list(self._sections) != titles or any(key not in seen for key in self._lines):
            closed = {title for title, item in self._sections.items() if not item.isExpanded()}
            self.clear()
            self._sections, self._lines = {}, {}
            for title in titles:
                item = self._sections[title] = QTreeWidgetItem(self)
                item.setExpanded(title not in closed)
                item.setFirstColumnSpanned(True)
                item.setFont(0, theme.current().font("body", strong=True))
        for section, title in zip(sections, titles, strict=True):
            self._sections[title].setText(0, section.title)
            for name, value in section.facts:
                line = self._lines.get((title, name))
                if line is None:
                    line = self._lines[title, name] = QTreeWidgetItem(self._sections[title])
                    line.setText(0, formats.text(name, 200))
                    line.setForeground(0, theme.current().color("muted"))
                if (shown := formats.text(value, 400)) != line.text(1):
                    line.setText(1, shown)


def _key(title: str) -> str:
    """A title without the figure that it may end in."""
    return title.partition(",")[0]


class _Log(QWidget):
    """The log's last lines, filtered by words and by level. It follows while it stands at the end."""

    def __init__(self, ring: LogRing) -> None:
        super().__init__()
        self._ring = ring
        self._read = 0
        self.words = QLineEdit()
        self.words.setPlaceholderText("Filter by words")
        self.words.setAccessibleName("Filter the log by words")
        self.words.setClearButtonEnabled(True)
        self.level = QComboBox()
        self.level.setAccessibleName("Least level of the lines shown")
        self.level.addItems(list(_LEVELS))
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(2 * LINES)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(theme.current().font("mono"))
        self.text.setAccessibleName("Log")
        bar = QHBoxLayout()
        bar.addWidget(self.words, 1)
        bar.addWidget(self.level)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2 * theme.GRID, 0, 0)
        layout.addLayout(bar)
        layout.addWidget(self.text, 1)
        self.words.textChanged.connect(self._again)
        self.level.currentIndexChanged.connect(self._again)

    def refresh(self) -> None:
        lines = self._ring.since(self._read)
        self._read = self._ring.total
        shown = [_written(line) for line in lines if self._matches(line)]
        if shown:
            bar = self.text.verticalScrollBar()
            follows = bar.value() == bar.maximum()
            self.text.appendPlainText("\n".join(shown))
            if follows:
                bar.setValue(bar.maximum())

    def _again(self) -> None:
        with QSignalBlocker(self.text):
            self.text.clear()
        self._read = 0
        self.refresh()

    def _matches(self, line: Line) -> bool:
        text = f"{line.source} {line.text}".lower()
        least = _LEVELS[self.level.currentText()]
        return line.level >= least and all(word in text for word in self.words.text().lower().split())


def _written(line: Line) -> str:
    level = logging.getLevelName(line.level).lower()
    text = "\n    ".join(formats.text(each, 1_000) for each in line.text.splitlines()[:200])
    return f"{formats.clock_utc(line.at)}  {level:<8} {line.source}  {text}"


class _Crash(QPlainTextEdit):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setReadOnly(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFont(theme.current().font("mono"))
        self.setAccessibleName("What the last session left when it broke")
