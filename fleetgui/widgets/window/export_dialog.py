"""File → Export snapshot: what to write and where, then how far it is, then what the file may claim.

Not modal: the fleet stays in view and the export goes on when the dialog is closed; opened again, it shows where the
export stands. Nothing is written here: the dialog asks (`export_requested`) and shows the export's store. A file that
is there already is replaced only after a yes: the file dialog's, or a second press.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QDir, QFileInfo, QStandardPaths, Qt
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
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import plain_label

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
            beside = "" if state.companion is None else f" Gaps: {formats.text(Path(state.companion).name, 140)}."
            return f"Written to {name}: {coverage.sentence}.{beside}"
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
        self._replaces: Path | None = None
        """The file that may be replaced, since the user was asked."""
        self._question = ""
        self.setWindowTitle("Export snapshot")
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(520)
        self._lay_out()
        Subscriptions(self).listen(store.changed, self._changed)
        theme.changed.connect(self._say)
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
        self.path.textChanged.connect(self._path_changed)
        self.path.textEdited.connect(self._follow_suffix)
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
        stamp = formats.export_time(self._clock.wall())[:19].replace(":", "")
        self.path.setText(str(_folder() / f"fleet-{stamp}Z.{self.format}"))

    def _wanted(self) -> Path:
        """The file that was named; a bare name lies in the suggested folder, not wherever the program was started."""
        return _folder() / self.path.text().strip()

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
        dialog.filterSelected.connect(lambda words: dialog.setDefaultSuffix("csv" if "csv" in words else "jsonl"))
        dialog.selectNameFilter("CSV (*.csv)" if self.format == "csv" else "JSON lines (*.jsonl)")
        dialog.selectFile(Path(self.path.text()).name)
        dialog.fileSelected.connect(self._chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _chosen(self, path: str) -> None:
        """The file dialog has asked already whether a file may be replaced."""
        self.path.setText(path)
        self._follow_suffix(path)
        self._replaces = Path(path)

    def _follow_suffix(self, path: str) -> None:
        """A name that says its format chooses it: what is called .jsonl never holds CSV."""
        for number, (suffix, _words) in enumerate(FORMATS):
            if Path(path.strip()).suffix == f".{suffix}":
                self.formats.button(number).setChecked(True)

    def _start(self) -> None:
        path = self._wanted()
        if path != self._replaces and QFileInfo(str(path)).isFile():
            self._replaces = path
            self._question = f"{formats.text(path.name, 120)} is there already. Replace it?"
            self.start.setText("Replace")
            self._say()
            return
        self._asked = True
        self._forget_question()
        self.export_requested.emit(str(path), self.format)

    def _path_changed(self) -> None:
        self._forget_question()
        self._say()
        self._check()

    def _forget_question(self) -> None:
        self._replaces, self._question = None, ""
        self.start.setText("Export")

    def _check(self) -> None:
        running = self._store.state.phase is ExportPhase.RUNNING
        text = self.path.text().strip()
        self.start.setEnabled(not running and bool(text) and "\0" not in text)

    # What comes of it

    def _changed(self, state: ExportState) -> None:
        running = state.phase is ExportPhase.RUNNING
        if running and self.path.text() != state.path:  # opened again, or started elsewhere
            self.path.setText(state.path)
            self._follow_suffix(state.path)
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
        self._say()
        if state.phase in (ExportPhase.DONE, ExportPhase.CANCELLED) and self._asked:
            self.dismiss.setFocus()

    def _say(self) -> None:
        """The question that waits for an answer, else where the export stands."""
        state = self._store.state
        self._sentence.setText(self._question or progress_sentence(state))
        self._sentence.setVisible(bool(self._sentence.text()))
        failed = state.phase is ExportPhase.FAILED and not self._question
        palette = self._sentence.palette()
        palette.setColor(self._sentence.foregroundRole(), theme.current().color("band_critical" if failed else "text"))
        self._sentence.setPalette(palette)


def _folder() -> Path:
    """Where a file is suggested: the user's documents, where there is such a folder, else the home folder."""
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents if documents and QFileInfo(documents).isDir() else QDir.homePath())
