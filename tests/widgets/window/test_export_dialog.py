"""The export dialog asks for a file and a format, shows where the export stands, and overwrites nothing unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from fleetgui.policy.clock import ManualClock
from fleetgui.stores.export import Coverage, ExportPhase, ExportState, ExportStore
from fleetgui.widgets.look import theme
from fleetgui.widgets.window.export_dialog import ExportDialog, progress_sentence


class Opened:
    def __init__(self, qtbot: QtBot) -> None:
        self.store = ExportStore()
        self.dialog = ExportDialog(self.store, ManualClock())
        self.asked: list[tuple[Any, ...]] = []
        self.dialog.export_requested.connect(lambda *args: self.asked.append(("export", *args)))
        self.dialog.export_cancel_requested.connect(lambda: self.asked.append(("cancel",)))
        self.dialog.open()


@pytest.fixture
def opened(qtbot: QtBot, qapp: QApplication) -> Opened:
    theme.apply(qapp, "dark")
    return Opened(qtbot)


def test_a_file_is_suggested_and_asked_for_with_its_format(opened: Opened) -> None:
    suggested = Path(opened.dialog.path.text())
    assert suggested.name == "fleet-2026-11-21T000000Z.csv"
    opened.dialog.formats.button(1).click()
    assert opened.dialog.path.text().endswith(".jsonl")
    opened.dialog.path.setText("/tmp/mine.txt")
    opened.dialog.formats.button(0).click()
    assert opened.dialog.path.text() == "/tmp/mine.txt"
    opened.dialog.start.click()
    assert opened.asked == [("export", "/tmp/mine.txt", "csv")]


def test_it_does_not_block_the_window_behind_it(opened: Opened) -> None:
    assert opened.dialog.isVisible()
    assert not opened.dialog.isModal()


def test_progress_can_be_read_and_cancelled(opened: Opened) -> None:
    opened.store.update(phase=ExportPhase.RUNNING, path="/tmp/f.csv", coverage=Coverage(412_000, 1_000_000), eta_s=34.0)
    assert opened.dialog.sentence == "412,000 of 1,000,000 devices read, 34 s left."
    assert opened.dialog.progress.value() == 412
    assert not opened.dialog.start.isVisible()
    assert not opened.dialog.path.isEnabled()
    opened.dialog.cancel.click()
    assert opened.asked == [("cancel",)]
    opened.store.update(phase=ExportPhase.CANCELLED)
    assert opened.dialog.sentence == "Cancelled; no file was written."
    assert opened.dialog.start.isVisible()


def test_a_total_that_is_not_known_yet_is_not_made_up(opened: Opened) -> None:
    opened.store.update(phase=ExportPhase.RUNNING, coverage=Coverage(0, None))
    assert opened.dialog.sentence == "0 of ? devices read."
    assert opened.dialog.progress.maximum() == 0


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (ExportState(), ""),
        (
            ExportState(ExportPhase.DONE, "/x/f.csv", Coverage(1_400, 1_400)),
            "Written to f.csv: 1,400 of 1,400 devices, complete.",
        ),
        (
            ExportState(ExportPhase.DONE, "/x/f.csv", Coverage(7, 7), companion="/x/f.csv.coverage.json"),
            "Written to f.csv: 7 of 7 devices, complete. Gaps: f.csv.coverage.json.",
        ),
        (
            ExportState(ExportPhase.DONE, "/x/f.csv", Coverage(1_390, 1_400, hidden=10)),
            "Written to f.csv: 1,390 of 1,400 devices, 10 not visible to you.",
        ),
        (
            ExportState(ExportPhase.FAILED, "/x/f.csv", error="The disk is full."),
            "Failed; no file was written: The disk is full.",
        ),
    ],
)
def test_the_end_says_what_the_file_may_claim(state: ExportState, said: str) -> None:
    assert progress_sentence(state) == said


def test_the_file_dialog_is_opened_not_executed(opened: Opened) -> None:
    opened.dialog.browse.click()
    chooser = opened.dialog.findChild(QFileDialog)
    assert chooser is not None
    chooser.fileSelected.emit("/tmp/chosen.csv")
    assert opened.dialog.path.text() == "/tmp/chosen.csv"
    chooser.close()


def test_an_empty_path_cannot_be_exported_to(opened: Opened) -> None:
    opened.dialog.path.setText("  ")
    assert not opened.dialog.start.isEnabled()


def test_a_closed_dialog_is_told_nothing_more_and_a_new_one_shows_where_it_stands(
    opened: Opened, qtbot: QtBot, qapp: QApplication
) -> None:
    dialog = opened.dialog
    dialog.reject()
    qapp.sendPostedEvents(None, 52)  # deferred deletion
    opened.store.update(phase=ExportPhase.RUNNING, coverage=Coverage(5, 10))
    again = ExportDialog(opened.store, ManualClock())
    qtbot.addWidget(again)
    assert again.sentence == "5 of 10 devices read."


def test_a_file_that_is_there_is_replaced_only_at_the_second_press(opened: Opened, tmp_path: Path) -> None:
    file, other = tmp_path / "mine.csv", tmp_path / "other.csv"
    file.touch()
    other.touch()
    dialog = opened.dialog
    dialog.path.setText(str(file))
    dialog.start.click()
    assert opened.asked == []
    assert dialog.sentence == "mine.csv is there already. Replace it?"
    assert dialog.start.text() == "Replace"
    dialog.path.setText(str(other))
    assert (dialog.sentence, dialog.start.text()) == ("", "Export")
    dialog.start.click()
    assert opened.asked == []
    dialog.start.click()
    assert opened.asked == [("export", str(other), "csv")]
    assert dialog.start.text() == "Export"


def test_what_the_file_dialog_asked_is_not_asked_again(opened: Opened, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.touch()
    opened.dialog.browse.click()
    chooser = opened.dialog.findChild(QFileDialog)
    assert chooser is not None
    chooser.fileSelected.emit(str(file))
    chooser.close()
    opened.dialog.start.click()
    assert opened.asked == [("export", str(file), "jsonl")]


def test_a_name_that_says_its_format_chooses_it(opened: Opened) -> None:
    opened.dialog.path.selectAll()
    QTest.keyClicks(opened.dialog.path, "/tmp/typed.jsonl")
    assert opened.dialog.format == "jsonl"
    assert opened.dialog.path.text() == "/tmp/typed.jsonl"


def test_a_bare_name_goes_where_the_suggestion_was(opened: Opened) -> None:
    folder = Path(opened.dialog.path.text()).parent
    assert folder.is_dir()
    opened.dialog.path.setText("surely not there.csv")
    opened.dialog.start.click()
    assert opened.asked == [("export", str(folder / "surely not there.csv"), "csv")]


def test_opened_again_it_names_the_file_that_is_being_written(opened: Opened, qtbot: QtBot) -> None:
    opened.store.update(phase=ExportPhase.RUNNING, path="/srv/night.jsonl", coverage=Coverage(5, 10))
    again = ExportDialog(opened.store, ManualClock())
    qtbot.addWidget(again)
    assert (again.path.text(), again.format) == ("/srv/night.jsonl", "jsonl")
    assert again.path.isEnabled() is False


def test_a_failure_keeps_its_colour_when_the_look_changes(opened: Opened, qapp: QApplication) -> None:
    opened.store.update(phase=ExportPhase.FAILED, error="The disk is full.")
    for mode in ("light", "dark"):
        theme.apply(qapp, mode)
        shown = opened.dialog._sentence
        ink = shown.palette().color(shown.foregroundRole())
        assert ink == theme.current().color("band_critical")
