"""Whatever goes wrong anywhere is one entry, and the program lives; a panel that fails says that it does (Y2)."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer, qInstallMessageHandler, qWarning
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from fleetgui.app.errors import MOST_KNOWN, ErrorSink
from fleetgui.app.loop import loop_factory
from fleetgui.app.pages import Pages
from fleetgui.app.settings import Settings
from fleetgui.link.tasks import Tasks
from fleetgui.policy import signals
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State
from fleetgui.stores.journal import Journal
from fleetgui.stores.link import Cost
from fleetgui.widgets.journal import JournalPage
from fleetgui.widgets.parts.guarded import SAID, Guarded
from fleetgui.widgets.parts.placeholder import Placeholder
from fleetgui.widgets.window.notices import LEAST_S, UNKNOWN
from tests.widgets import fill
from tests.widgets.window.test_main_window import window_over

pytestmark = pytest.mark.qt_no_exception_capture


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("a fault of ours")


@pytest.fixture
def sink(qapp: QApplication) -> Iterator[ErrorSink]:
    """Installed as in the program, and taken away again."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    root = logging.getLogger()
    handlers, level, reporter = list(root.handlers), logging.getLogger("fleetgui").level, signals._sink
    made = ErrorSink()
    made.install()
    yield made
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    qInstallMessageHandler(None)
    signals.report_errors_to(reporter)
    root.handlers[:] = handlers
    logging.getLogger("fleetgui").setLevel(level)


class Painted(QWidget):
    def paintEvent(self, event: QPaintEvent) -> None:
        fail()


def in_a_slot(qapp: QApplication) -> None:
    button = QPushButton()
    button.clicked.connect(fail)
    button.click()


def in_a_timer(qapp: QApplication) -> None:
    timer = QTimer(singleShot=True)
    timer.timeout.connect(fail)
    timer.start(0)
    while timer.isActive():
        qapp.processEvents()


def in_a_thread(qapp: QApplication) -> None:
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


def in_a_listener(qapp: QApplication) -> None:
    told = []
    signal = Signal[[]]()
    signal.connect(fail)
    signal.connect(lambda: told.append("the others are told"))
    signal.emit()
    assert told


def while_something_is_taken_away(qapp: QApplication) -> None:
    class Gone:
        def __del__(self) -> None:
            fail()

    Gone()


PLACES: list[Callable[[QApplication], None]] = [
    in_a_slot,
    in_a_timer,
    in_a_thread,
    in_a_listener,
    while_something_is_taken_away,
]


@pytest.mark.parametrize("somewhere", PLACES, ids=lambda place: place.__name__)
def test_an_exception_is_one_entry(qapp: QApplication, sink: ErrorSink, somewhere: Callable[..., None]) -> None:
    told: list[str] = []
    sink.on_error = lambda _where, text: told.append(text)
    somewhere(qapp)
    assert told == ["RuntimeError: a fault of ours"]
    assert sink.count == 1
    assert len([line for line in sink.recent if "a fault of ours" in line]) == 1


@pytest.mark.parametrize("how", ["task", "callback", "virtual method"])
def test_an_exception_on_the_loop_is_one_entry(qapp: QApplication, sink: ErrorSink, how: str) -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        sink.install_on(loop)
        if how == "task":
            tasks = Tasks(sink.failed)

            async def broken() -> None:
                fail()

            tasks.spawn(broken(), name="a broken feed")
        elif how == "callback":
            loop.call_soon(fail)
        else:
            painted = Painted()
            painted.show()
        async with asyncio.timeout(10):
            while not sink.count:  # noqa: ASYNC110 - it comes from Qt's own turn of the loop
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        return "it lives"

    with asyncio.Runner(loop_factory=loop_factory(qapp)) as runner:
        assert runner.run(main()) == "it lives"
    (line,) = [line for line in sink.recent if "a fault of ours" in line and "times" not in line]
    assert "RuntimeError: " in line


def test_what_qt_complains_of_is_one_entry(sink: ErrorSink) -> None:
    qWarning("something is odd")
    assert list(sink.recent) == ["Qt: something is odd"]


def test_an_error_that_comes_again_and_again_is_counted_and_told_seldom(sink: ErrorSink) -> None:
    for _ in range(250):
        sink.failed("a beat", RuntimeError("again"))
    assert sink.count == 250
    ending = [line.removeprefix("a beat: RuntimeError: again") for line in sink.recent]
    assert ending == ["", " (10 times)", " (100 times)"]


def test_errors_without_end_take_no_memory_without_end(sink: ErrorSink) -> None:
    for number in range(3 * MOST_KNOWN):
        sink.failed("x", RuntimeError(str(number)))
    assert len(sink._times) <= MOST_KNOWN
    assert sink.count == 3 * MOST_KNOWN


# Panels


def test_a_panel_that_cannot_be_brought_up_to_date_says_so_until_it_can(qtbot: QtBot) -> None:
    panel = QWidget()
    qtbot.addWidget(panel)
    panel.show()
    fails = True

    def show() -> None:
        if fails:
            fail()

    guarded = Guarded(panel, show)
    for size in (300, 500):
        panel.resize(size, 200)
        with pytest.raises(RuntimeError):
            guarded()
        (cover,) = panel.findChildren(QLabel)
        assert (cover.text(), cover.isVisible(), cover.geometry()) == (SAID, True, panel.rect())
    fails = False
    guarded()
    assert not cover.isVisible()


def test_a_header_that_fails_is_not_green_and_goes_on_trying(
    qtbot: QtBot, sink: ErrorSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = window_over(qtbot, fill.calm())
    window.show()
    monkeypatch.setattr(window.header, "show_state", fail)
    window._second.timeout.emit()
    covers = [label for label in window.header.findChildren(QLabel) if label.text() == SAID]
    assert [cover.geometry() for cover in covers] == [window.header.rect()]
    assert window._second.isActive()
    assert sink.count == 1
    monkeypatch.undo()
    window._second.timeout.emit()
    assert not covers[0].isVisible()


@pytest.mark.parametrize("broken", ["header", "notice", "status"])
def test_one_part_of_the_frame_that_fails_says_so_and_the_others_go_on(
    qtbot: QtBot, sink: ErrorSink, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    filled = fill.calm()
    window = window_over(qtbot, filled)
    window.show()
    parts = {"header": window.header, "notice": window.notice, "status": window.status}
    method = {"header": "show_state", "notice": "show_notice", "status": "show_cost"}[broken]
    monkeypatch.setattr(parts[broken], method, fail)
    filled.disconnected(18.0)
    filled.state.link.set_cost(Cost(0, 7, 0.0, 0.0, 5, 0, 4, 3.0))
    window._second.timeout.emit()
    assert sink.count > 0
    covered = {name for name, part in parts.items() if any(each.text() == SAID for each in part.findChildren(QLabel))}
    assert covered == {broken}
    assert ("no broker" in window.header.link.text) is (broken != "header")
    assert ("No broker" in window.notice.text) is (broken != "notice")
    assert ("4 malformed" in window.status.text) is (broken != "status")
    monkeypatch.undo()
    window._second.timeout.emit()
    labels = [label for part in parts.values() for label in part.findChildren(QLabel) if label.isVisible()]
    assert SAID not in [label.text() for label in labels]


def test_where_nobody_can_say_what_is_wrong_the_bar_is_there(
    qtbot: QtBot, sink: ErrorSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = fill.calm()
    window = window_over(qtbot, filled)
    window.show()
    assert window.notice.isHidden()
    monkeypatch.setattr("fleetgui.widgets.window.bars.notice_of", fail)
    window._second.timeout.emit()
    assert (window.notice.isVisible(), window.notice.text) == (True, UNKNOWN.text)
    monkeypatch.undo()
    filled.clock.advance(LEAST_S)
    window._second.timeout.emit()
    assert window.notice.isHidden()
    assert window.notice.findChildren(QLabel) == []


def test_a_journal_that_fails_says_so_and_loses_no_line(
    qtbot: QtBot, sink: ErrorSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal()
    page = JournalPage(journal)
    qtbot.addWidget(page)
    page.show()
    monkeypatch.setattr(page.model, "_matches", fail)
    journal.write(1.0, State.LIVE, "link", "one")
    page.model.due.emit()
    (cover,) = [each for each in page.findChildren(QLabel) if each.text() == SAID]
    assert (cover.isVisible(), sink.count) == (True, 1)
    monkeypatch.undo()
    journal.write(2.0, State.LIVE, "link", "two")
    page.model.due.emit()
    assert not cover.isVisible()
    assert [page.model.entry(row).text for row in range(page.model.matching)] == ["two", "one"]


async def test_a_page_that_cannot_be_made_says_so_and_the_others_are_there(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = fill.calm()
    window = window_over(qtbot, filled)
    failed: list[str] = []
    settings = Settings(tmp_path / "settings.json")
    pages = Pages(window, filled.state, filled.clock, settings, lambda: None, lambda name, _: failed.append(name))
    monkeypatch.setattr("fleetgui.widgets.overview.page.OverviewPage.__init__", fail)
    await pages.put_in()
    assert failed == ["the page overview"]
    shown = window.docks.pages["overview"].widget()
    assert isinstance(shown, Placeholder)
    assert "could not be shown" in shown.sentence
    assert pages.devices is not None
