"""What the page says and offers while fields that no summary has wait for somebody's yes."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.stores.whole import Answer, Ask
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.look import theme
from tests.models.fleet import Fleet

MEASURED = Ask(frozenset({"status.temperature"}), 1_000_000, 410e6, 39.4)


@pytest.fixture(autouse=True)
def _look(qapp: QApplication) -> None:
    theme.apply(qapp, "dark")


class Opened:
    def __init__(self, qtbot: QtBot) -> None:
        self.fleet = Fleet(200)
        self.page = DevicesPage(self.fleet.state, self.fleet.clock)
        self.answers: list[bool] = []
        self.page.whole_answered.connect(self.answers.append)
        qtbot.addWidget(self.page)
        self.page.show()

    def ask(self, ask: Ask | None) -> None:
        self.fleet.state.hold.update(ask=ask)
        self.page.beat()


@pytest.fixture
def opened(qtbot: QtBot) -> Opened:
    return Opened(qtbot)


def test_the_question_says_how_much_and_either_answer_is_passed_on(opened: Opened) -> None:
    page = opened.page
    assert not page.ask.isVisible()
    opened.ask(MEASURED)
    assert page.ask.isVisible()
    assert MEASURED.sentence == (
        "No summary has status.temperature. Reading 1,000,000 devices takes about 39 s, 410 MB. Read them?"
    )
    assert page.ask.words.text == MEASURED.sentence
    page.ask.read.click()
    page.ask.later.click()
    assert opened.answers == [True, False]
    opened.ask(None)
    assert not page.ask.isVisible()


def test_nothing_can_be_agreed_to_before_it_was_measured(opened: Opened) -> None:
    opened.ask(Ask(frozenset({"status.temperature"})))
    assert not opened.page.ask.read.isEnabled()
    assert "measuring" in opened.page.ask.words.text
    opened.ask(Ask(frozenset({"status.temperature"}), trouble="The registry did not answer."))
    assert opened.page.ask.read.isEnabled()
    assert opened.page.ask.words.text.endswith("is not known: The registry did not answer.")


def test_the_page_never_says_that_what_was_not_read_was_searched(opened: Opened) -> None:
    page = opened.page
    page.filter.set_filter("status.temperature>40")
    opened.ask(MEASURED)
    said = page.bar.sentence.text
    assert "200 shown" in said
    assert "match" not in said
    assert "not what was asked for: status.temperature was not read" in said
    opened.ask(Ask(MEASURED.paths, answer=Answer.DECLINED))
    assert not page.ask.isVisible()
    assert "was not read, F5 asks again" in page.bar.sentence.text
    opened.ask(Ask(MEASURED.paths, 1_000_000, 1.0, 1.0, blocks=False))
    assert "not what was asked for" not in page.bar.sentence.text
    assert page.ask.isVisible()


def test_many_fields_and_hostile_ones_are_named_safely(opened: Opened) -> None:
    ask = Ask(frozenset({"a.\u202eb", *(f"status.x{number}" for number in range(9))}), 1, 1.0, 0.1)
    assert "\u202e" not in ask.sentence
    assert "and 7 more" in ask.sentence
    assert "Reading 1 device takes about 1 s, 1 B." in ask.sentence
    opened.ask(Ask(ask.paths, answer=Answer.TOO_MANY))
    assert not opened.page.ask.read.isVisible()
    assert "ask for fewer" in opened.page.ask.words.text
