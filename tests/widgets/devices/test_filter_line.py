"""The filter line: read at each key, completed from what it knows, its mistakes marked, its positions Qt's."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from fleetgui.policy.filters import Parsed
from fleetgui.widgets.devices.filter_line import FilterLine
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import tip


@pytest.fixture(autouse=True)
def _look(qapp: QApplication) -> None:
    theme.apply(qapp, "dark")


class Opened:
    def __init__(self, qtbot: QtBot) -> None:
        self.line = FilterLine(lambda: 1_763_683_200.0, lambda field, prefix: [f"{prefix}-value"] if field else [])
        self.told: list[Parsed] = []
        self.line.edited.connect(self.told.append)
        qtbot.addWidget(self.line)
        self.line.show()
        self.line.setFocus()

    @property
    def offers(self) -> list[str]:
        offers = self.line._offers
        return [offers.item(row).text().split()[0] for row in range(offers.count())] if offers.isVisible() else []


@pytest.fixture
def opened(qtbot: QtBot) -> Opened:
    return Opened(qtbot)


def test_what_was_typed_is_told_once(opened: Opened, qtbot: QtBot) -> None:
    with qtbot.waitSignal(opened.line.edited):
        QTest.keyClicks(opened.line, "battery<20")
    assert [parsed.text for parsed in opened.told] == ["battery<20"]


def test_enter_tells_at_once(opened: Opened) -> None:
    QTest.keyClicks(opened.line, "dock")
    QTest.keyClick(opened.line, Qt.Key.Key_Escape)
    QTest.keyClick(opened.line, Qt.Key.Key_Return)
    assert [parsed.text for parsed in opened.told] == ["dock"]


def test_the_first_mistake_is_the_tooltip_and_goes_with_it(opened: Opened) -> None:
    opened.line.set_filter("batery<20")
    assert "did you mean battery" in opened.line.mistake
    assert opened.line.toolTip() == tip(opened.line.mistake)
    opened.line.set_filter("battery<20")
    assert opened.line.mistake == ""
    assert "Filter language" in opened.line.toolTip()


@pytest.mark.parametrize("text", ['"unclosed', "😀😀 batery<1", "\u202eabc", "(" * 500, "a" * 4_000, "x:/(/"])
def test_marking_leaves_the_text_as_it_is(opened: Opened, text: str) -> None:
    """It is done as an input method does it, which must not become text."""
    opened.line.setText(text)
    assert opened.line.text() == text
    opened.line.setCursorPosition(0)
    opened.line.setText("")
    assert opened.line.text() == ""


def test_completions_are_offered_chosen_and_put_in(opened: Opened) -> None:
    QTest.keyClicks(opened.line, "batt")
    assert any(offer.startswith("battery") for offer in opened.offers)
    QTest.keyClick(opened.line, Qt.Key.Key_Tab)
    assert opened.line.text().startswith("battery")


def test_escape_puts_completions_away_and_leaves_the_text(opened: Opened) -> None:
    QTest.keyClicks(opened.line, "batt")
    assert opened.offers
    QTest.keyClick(opened.line, Qt.Key.Key_Escape)
    assert opened.offers == []
    assert opened.line.text() == "batt"


def test_a_completion_behind_characters_beyond_the_first_plane_stands_where_it_should(opened: Opened) -> None:
    QTest.keyClicks(opened.line, "dock ")
    opened.line.setText('"😀😀" batt')
    opened.line._offer()
    QTest.keyClick(opened.line, Qt.Key.Key_Tab)
    assert opened.line.text().startswith('"😀😀" battery')
    assert opened.line.cursorPosition() == len(opened.line.text()) + 2  # in UTF-16


def test_completions_go_when_the_line_is_left(opened: Opened) -> None:
    QTest.keyClicks(opened.line, "batt")
    opened.line.clearFocus()
    assert opened.offers == []


def test_completions_go_when_the_window_moves(qtbot: QtBot) -> None:
    """The line is put into its window after it was made."""
    line = FilterLine(lambda: 0.0, lambda _field, _prefix: [])
    window = QWidget()
    qtbot.addWidget(window)
    QVBoxLayout(window).addWidget(line)
    window.show()
    line.setFocus()
    QTest.keyClicks(line, "batt")
    assert line._offers.isVisible()
    window.move(window.x() + 40, window.y() + 40)
    QApplication.processEvents()
    assert not line._offers.isVisible()
