"""File → Export snapshot: what to write and where, then how far it is, then what the file may claim.

Not modal: the fleet stays in view and the export goes on when the dialog is closed; opened again, it shows where the
export stands. Nothing is written here: the dialog asks (`export_requested`) and shows the export's store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QDir, QStandardPaths, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.stores.export import ExportPhase, ExportState, ExportStore
from fleetgui.widgets import theme
from fleetgui.widgets.plain import plain_label

FORMATS: Final = (("csv", "CSV, one row a device"), ("jsonl", "JSON lines, whole records"))
"""(format, words); the format is the file's suffix too."""
_SCALE: Final = 1_000


def progress_sentence(state: ExportState) -> str:
    """Where an export stands."""
    coverage = state.coverage
    name = formats.text(Path(state.path).name, 120)
    match state.phase:
        case ExportPhase.IDLE:
            return ""
        case ExportPhase.RUNNING:
            total = "?" if coverage.expected is None else f"{coverage.expected:,}"
            left = f", {formats.age(state.eta_s)} left" if state.eta_s is not None else ""
            return f"{coverage.seen:,} of {total} devices read{left}."
        case ExportPhase.DONE:
            return f"Written to {name}: {coverage.sentence}."
        case ExportPhase.CANCELLED:
            return "Cancelled; no file was written."
        case ExportPhase.FAILED:
            why = formats.text(state.error or "the reason is not known", 300)
            return f"Failed; no file was written: {why}"


class ExportDialog(QDialog):
    export_requested = QtSignal(str, str)
    """Path and format, "csv" or "jsonl"."""
    export_cancel_requested = QtSignal()

    def __init__(self, store: ExportStore, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._clock = clock
        self._asked = False
        self.setWindowTitle("Export snapshot")
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(520)
        self._lay_out()
        Subscriptions(self).listen(store.changed, self._changed)
        self._suggest()
        self._changed(store.state)

    def _lay_out(self) -> None:
        words = plain_label("Every device that the registry lists now, read page by page into one file.")
        words.setWordWrap(True)
        self.formats = QButtonGroup(self)
        choices = QHBoxLayout()
        for number, (_suffix, title) in enumerate(FORMATS):
            button = QRadioButton(title)
            button.setChecked(number == 0)
            self.formats.addButton(button, number)
            choices.addWidget(button)
        choices.addStretch(1)
        self.formats.idToggled.connect(self._format_chosen)
        self.path = QLineEdit()
        self.path.setAccessibleName("File to write")
        self.path.textChanged.connect(self._check)
        self.browse = QPushButton("Choose")
        self.browse.setAutoDefault(False)
        self.browse.clicked.connect(self._browse)
        file_line = QHBoxLayout()
        file_line.addWidget(self.path, 1)
        file_line.addWidget(self.browse)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the export")
        self._sentence = plain_label()
        self._sentence.setWordWrap(True)
        self.start = QPushButton("Export")
        self.start.setDefault(True)
        self.start.clicked.connect(self._start)
        self.cancel = QPushButton("Cancel export")
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.export_cancel_requested)
        self.dismiss = QPushButton("Close")
        self.dismiss.setAutoDefault(False)
        self.dismiss.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for each in (self.cancel, self.start, self.dismiss):
            buttons.addWidget(each)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(3 * theme.GRID)
        layout.addWidget(words)
        layout.addLayout(choices)
        layout.addLayout(file_line)
        layout.addWidget(self.progress)
        layout.addWidget(self._sentence)
        layout.addStretch(1)
        layout.addLayout(buttons)

    def open(self) -> None:
        """Show it without blocking the window behind it, which `QDialog.open` would."""
        self.show()
        self.raise_()
        self.activateWindow()

    @property
    def sentence(self) -> str:
        return self._sentence.text()

    @property
    def format(self) -> str:
        """ "csv" or "jsonl"."""
        return FORMATS[max(0, self.formats.checkedId())][0]

    # What the user does

    def _suggest(self) -> None:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation) or QDir.homePath()
        stamp = formats.export_time(self._clock.wall())[:19].replace(":", "")
        self.path.setText(str(Path(folder) / f"fleet-{stamp}Z.{self.format}"))

    def _format_chosen(self, _number: int, on: bool) -> None:
        text = self.path.text().strip()
        if on and text:
            known = {f".{suffix}" for suffix, _words in FORMATS}
            path = Path(text)
            self.path.setText(str(path.with_suffix(f".{self.format}") if path.suffix in known else path))

    def _browse(self) -> None:
        dialog = QFileDialog(self, "Export snapshot to", str(Path(self.path.text()).parent))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(self.format)
        dialog.setNameFilters(["CSV (*.csv)", "JSON lines (*.jsonl)"])
        dialog.selectNameFilter("CSV (*.csv)" if self.format == "csv" else "JSON lines (*.jsonl)")
        dialog.selectFile(Path(self.path.text()).name)
        dialog.fileSelected.connect(self.path.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _start(self) -> None:
        self._asked = True
        self.export_requested.emit(self.path.text().strip(), self.format)

    def _check(self) -> None:
        running = self._store.state.phase is ExportPhase.RUNNING
        text = self.path.text().strip()
        self.start.setEnabled(not running and bool(text) and "\0" not in text)

    # What comes of it

    def _changed(self, state: ExportState) -> None:
        running = state.phase is ExportPhase.RUNNING
        for widget in (self.path, self.browse, *self.formats.buttons()):
            widget.setEnabled(not running)
        self.cancel.setVisible(running)
        self.start.setVisible(not running)
        self._check()
        expected = state.coverage.expected
        self.progress.setVisible(running)
        if expected:
            self.progress.setRange(0, _SCALE)
            self.progress.setValue(min(_SCALE, _SCALE * state.coverage.seen // expected))
        else:
            self.progress.setRange(0, 0)
        self._sentence.setText(progress_sentence(state))
        self._sentence.setVisible(bool(self._sentence.text()))
        palette = self._sentence.palette()
        ink = "band_critical" if state.phase is ExportPhase.FAILED else "text"
        palette.setColor(self._sentence.foregroundRole(), theme.current().color(ink))
        self._sentence.setPalette(palette)
        if state.phase in (ExportPhase.DONE, ExportPhase.CANCELLED) and self._asked:
            self.dismiss.setFocus()
