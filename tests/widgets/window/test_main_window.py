"""The window: opens over nothing, says what is wrong, asks before it closes, and is arranged as it was left."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QPlainTextEdit, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from fleetgui.policy.clock import ManualClock
from fleetgui.widgets.look import theme
from fleetgui.widgets.window.dialogs import FilterLanguageDialog, KeyboardDialog, OpenDeviceDialog
from fleetgui.widgets.window.main_window import MainWindow
from fleetgui.widgets.window.page_docks import PAGES_IN_ORDER
from tests.widgets import fill

HOSTILE = "<img src='file:///etc/hostname'><b>x</b>&amp; %s"


def window_over(qtbot: QtBot, filled: fill.Filled, **facts: str) -> MainWindow:
    named = {"context_name": "noc-eu", "tenant": "acme"} | facts
    window = MainWindow(filled.state, filled.clock, **named)
    qtbot.addWidget(window, before_close_func=lambda _: window.really_close())
    return window


def page() -> QWidget:
    entry = QLineEdit()
    entry.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return entry


def action(window: MainWindow, key: str) -> QAction:
    wanted = QKeySequence(key)
    return next(each for each in window.findChildren(QAction) if each.shortcut() == wanted)


def test_the_window_opens_before_network_plots_and_columns_are_imported() -> None:
    program = (
        "import sys\n"
        "import fleetgui.widgets.window.main_window\n"
        "heavy = {'numpy', 'pyqtgraph', 'pydantic', 'msgspec', 'nats', 'asyncio'} & set(sys.modules)\n"
        "print(*sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr.strip(), done.returncode) == ("", "", 0)


def test_it_opens_without_stores_and_takes_them_later(qtbot: QtBot) -> None:
    filled = fill.calm()
    window = MainWindow(None, filled.clock, context_name="noc-eu", tenant="acme")
    qtbot.addWidget(window, before_close_func=lambda _: window.really_close())
    window.show()
    assert window.header.utc.text() == "03:14:07Z"
    window.attach_state(filled.state)
    assert "1,400" in window.header.registered.text


def test_closing_only_asks(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.show()
    with qtbot.waitSignal(window.close_requested, timeout=5_000):
        assert not window.close()
    assert window.isVisible()
    window.really_close()
    assert not window.isVisible()


def test_after_it_has_closed_stores_may_change(qtbot: QtBot) -> None:
    filled = fill.calm()
    window = window_over(qtbot, filled)
    window.really_close()
    filled.disconnected()
    assert window.notice.text == ""


def test_a_lost_broker_is_said_at_once_and_in_full(qtbot: QtBot) -> None:
    filled = fill.busy()
    window = window_over(qtbot, filled)
    assert window.notice.text == ""
    filled.disconnected(18.0)
    assert window.notice.text == (
        "No broker for 18 s: connection refused at 127.0.0.1:4222. Everything below is as of 03:14:07Z. Calls are off."
    )
    assert "stale" in window.header.online.text
    assert "no broker" in window.header.link.text


def test_the_notice_says_how_long_the_link_was_gone_until_the_fleet_was_read_again(qtbot: QtBot) -> None:
    filled = fill.calm()
    window = window_over(qtbot, filled)
    filled.disconnected(18.0)
    filled.connected(for_s=0.0)
    assert "Connected again after 18 s" in window.notice.text
    filled.clock.advance(4.0)
    filled.fleet()
    window.tick()
    assert window.notice.text == ""


def test_device_text_is_never_markup(qtbot: QtBot) -> None:
    filled = fill.waiting()
    window = window_over(qtbot, filled, context_name=HOSTILE, tenant=HOSTILE)
    window.show()
    labels = [label for label in window.findChildren(QLabel) if HOSTILE[:10] in label.text()]
    assert labels
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)
    window.open_detail_dock(HOSTILE, QLabel("detail"))
    assert window.open_details == [HOSTILE]


def test_pages_replace_their_placeholders(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    devices, overview, journal = page(), page(), page()
    window.attach_page("devices", devices)
    window.attach_page("overview", overview)
    window.attach_page("journal", journal)
    assert window.devices_page is devices
    assert (window.docks.pages["overview"].widget(), window.docks.pages["journal"].widget()) == (overview, journal)


def test_pages_take_the_place_of_their_placeholders_and_no_more(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.show()
    QApplication.processEvents()

    def heights() -> list[int]:
        QApplication.processEvents()
        return [
            each.height()
            for each in (window.docks.pages["overview"], window.devices_page, window.docks.pages["journal"])
        ]

    before = heights()
    assert before[1] > 250
    for key in PAGES_IN_ORDER:
        tall = QLabel("tall")
        tall.setMinimumHeight(60)
        tall.resize(100, 2_000)
        window.attach_page(key, tall)
        assert heights() == before


def test_details_open_beside_each_other_and_say_when_they_are_closed(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.show()
    window.open_detail_dock("camera-0147", page())
    window.open_detail_dock("camera-0148", page())
    assert window.open_details == ["camera-0147", "camera-0148"]
    assert window.raise_detail("camera-0147")
    assert not window.raise_detail("camera-0149")
    with qtbot.waitSignal(window.detail_closed, timeout=5_000) as closed:
        window.close_detail()
    assert closed.args[0] in ("camera-0147", "camera-0148")
    assert len(window.open_details) == 1


def test_opening_a_detail_again_keeps_its_dock(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.open_detail_dock("camera-0147", page())
    second = page()
    window.open_detail_dock("camera-0147", second)
    assert window.open_details == ["camera-0147"]


def test_it_is_arranged_as_it_was_left(qtbot: QtBot) -> None:
    first = window_over(qtbot, fill.calm())
    first.show()
    first.docks.pages["journal"].hide()
    first.resize(760, 640)  # within the test platform's screen of 800 by 800
    saved = first.save_state()
    second = window_over(qtbot, fill.calm())
    assert second.restore_state(saved)
    second.show()
    assert second.docks.pages["journal"].isHidden()
    assert second.size() == first.size()


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"version": 1},
        {"version": 1, "geometry": "%%%", "docks": "x"},
        {"version": 1, "geometry": 3, "docks": None},
        {"version": 99, "geometry": "", "docks": ""},
        {"version": 1, "geometry": "AAAA", "docks": "AAAA"},
        {"version": 1, "geometry": "ä", "docks": "ä"},
    ],
)
def test_an_arrangement_that_cannot_be_used_is_ignored(qtbot: QtBot, saved: dict[str, object]) -> None:
    window = window_over(qtbot, fill.calm())
    assert not window.restore_state(saved)
    window.show()
    assert window.docks.pages["overview"].isVisible()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 700), (720, 450)])
def test_it_fits_the_screens_it_has_to(qtbot: QtBot, width: int, height: int) -> None:
    window = window_over(qtbot, fill.busy())
    window.attach_page("devices", page())
    window.resize(width, height)
    window.show()
    QApplication.sendPostedEvents()
    assert (window.width(), window.height()) == (width, height)
    assert window.docks.pages["overview"].isVisible()


def test_f6_goes_round_the_panes_and_back(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    devices, overview, journal, detail = page(), page(), page(), page()
    window.attach_page("devices", devices)
    window.attach_page("overview", overview)
    window.attach_page("journal", journal)
    window.open_detail_dock("camera-0147", detail)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5_000)
    window.go_to_page(1)
    seen = []
    for _ in range(4):
        seen.append(QApplication.focusWidget())
        action(window, "F6").trigger()
    assert seen == [overview, devices, journal, detail]
    assert QApplication.focusWidget() is overview
    action(window, "Shift+F6").trigger()
    assert QApplication.focusWidget() is detail
    action(window, "Ctrl+5").trigger()
    assert QApplication.focusWidget() is journal
    action(window, f"Ctrl+{len(PAGES_IN_ORDER) + 1}").trigger()
    assert QApplication.focusWidget() is detail


@pytest.mark.parametrize(
    ("key", "name"),
    [("Ctrl+E", "export_requested"), ("F5", "refresh_requested"), ("Ctrl+R", "reconnect_requested")],
)
def test_keys_become_intents(qtbot: QtBot, key: str, name: str) -> None:
    window = window_over(qtbot, fill.calm())
    with qtbot.waitSignal(getattr(window, name), timeout=5_000):
        action(window, key).trigger()


def test_no_two_actions_share_a_key(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    keys = [each.shortcut().toString() for each in window.findChildren(QAction) if not each.shortcut().isEmpty()]
    assert len(keys) == len(set(keys))


def test_a_typed_id_is_asked_for_without_a_nested_loop(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.show()
    action(window, "Ctrl+G").trigger()
    dialog = window.findChild(OpenDeviceDialog)
    assert dialog is not None
    dialog.entry.setText("  camera-0147 ")
    with qtbot.waitSignal(window.device_opened, timeout=5_000) as opened:
        dialog.accept()
    assert opened.args == ["camera-0147"]


def test_the_filter_language_can_be_read_beside_the_filter(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.show_filter_language()
    dialog = window.findChild(FilterLanguageDialog)
    assert dialog is not None
    assert not dialog.isModal()
    shown = dialog.findChild(QPlainTextEdit)
    assert shown is not None
    text = shown.toPlainText()
    assert text.startswith("The filter language of the device table")
    assert "battery<20" in text
    assert "parse" not in text  # what is for programmers stays out
    dialog.close()


def test_the_list_of_keys_opens(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.show_keyboard()
    window.show_about()
    dialog = window.findChild(KeyboardDialog)
    assert dialog is not None
    assert ("Ctrl+E", "Export snapshot") in window.menus.keys
    dialog.close()


def test_the_chosen_look_is_ticked(qtbot: QtBot, qapp: QApplication) -> None:
    before = theme.current()
    window = window_over(qtbot, fill.calm())
    chosen: list[str] = []
    window.theme_chosen.connect(chosen.append)
    light = next(each for each in window.findChildren(QAction) if each.data() == "light")
    light.trigger()
    assert chosen == ["light"]
    theme.apply(qapp, "light", density=theme.Density.ROOMY)
    ticked = {each.data() for each in window.findChildren(QAction) if each.isChecked() and each.data()}
    assert {"light", "roomy"} <= ticked
    theme.apply(qapp, before.mode, density=before.density)


def test_floating_a_dock_and_closing_the_window_leaves_nothing_open(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.show()
    window.docks.pages["journal"].setFloating(True)
    assert window.docks.pages["journal"].isVisible()
    window.really_close()
    assert not window.docks.pages["journal"].isVisible()


def test_a_clock_that_jumps_is_shown_as_it_is(qtbot: QtBot) -> None:
    clock = ManualClock()
    window = MainWindow(None, clock, context_name="x", tenant="t")
    qtbot.addWidget(window, before_close_func=lambda _: window.really_close())
    clock.epoch -= 3_600
    window.tick()
    assert window.header.utc.text() == "23:00:00Z"


def test_the_theme_reaches_the_window_in_place(qtbot: QtBot, qapp: QApplication) -> None:
    before = theme.current()
    window = window_over(qtbot, fill.busy())
    window.resize(900, 600)
    window.show()
    theme.apply(qapp, "dark")
    dark = window.grab().toImage().pixelColor(450, 40)
    theme.apply(qapp, "light")
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    light = window.grab().toImage().pixelColor(450, 40)
    theme.apply(qapp, before.mode)
    assert dark.lightness() < 60 < 200 < light.lightness()


def test_what_stands_as_a_tab_says_its_name_once_and_a_detail_is_closed_by_its_tab(qtbot: QtBot) -> None:
    window = window_over(qtbot, fill.calm())
    window.resize(1_440, 900)
    window.show()
    for device_id in ("camera-0147", "camera-0148"):
        window.open_detail_dock(device_id, page())
    docks = [*window.docks.pages.values(), *window.docks.details.values()]

    def tall() -> dict[str, bool]:
        return {dock.key: dock.titleBarWidget().height() > 0 for dock in docks}

    def closers() -> dict[str, QWidget]:
        tabs = [(bar, number) for bar in window.findChildren(QTabBar) for number in range(bar.count())]
        marks = {bar.tabText(number): bar.tabButton(number, QTabBar.ButtonPosition.RightSide) for bar, number in tabs}
        return {name: mark for name, mark in marks.items() if mark is not None}

    qtbot.waitUntil(lambda: [key for key, is_tall in tall().items() if is_tall] == ["journal"], timeout=5_000)
    qtbot.waitUntil(lambda: list(closers()) == ["camera-0147", "camera-0148"], timeout=5_000)
    close = closers()["camera-0147"]
    assert isinstance(close, QAbstractButton)
    close.click()
    assert window.open_details == ["camera-0148"]
    qtbot.waitUntil(lambda: docks[-1].titleBarWidget().height() > 0, timeout=5_000)
