"""The deployments page over real stores: what it says in every condition, what keys do, and what stays where it is."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from fleetgui.models.cell_model import CELL_ROLE, PARTS_ROLE
from fleetgui.policy.states import State
from fleetgui.stores.deployments.reading import HEARTBEAT_S, ReadPhase
from fleetgui.stores.deployments.rollups import Definition
from fleetgui.widgets.deployments.opened import BEHIND_AFTER_S
from fleetgui.widgets.deployments.page import DeploymentsPage
from fleetgui.widgets.deployments.words import Action
from fleetgui.widgets.window.header import ContextFacts, Header
from fleetgui.wire.deployments import Phase
from tests.models.tester import Watched
from tests.widgets import fill
from tests.widgets.fill_deployments import deployed, deployment, opened, said, status

DENIED = "This user may not publish on $JS.API.STREAM.INFO.KV_deployment-status; ask for that permission."


def page_of(qtbot: QtBot, filled: fill.Filled) -> DeploymentsPage:
    page = DeploymentsPage(filled.state, filled.clock)
    qtbot.addWidget(page)
    page.resize(1400, 400)
    page.show()
    return page


@pytest.fixture
def filled() -> fill.Filled:
    """A console that is connected, and has heard of no deployment yet."""
    made = fill.Filled()
    made.connected()
    return made


def column(page: DeploymentsPage, title: str) -> int:
    return [each.title for each in page.model.columns].index(title)


def texts(page: DeploymentsPage, title: str) -> list[str]:
    number = column(page, title)
    return [page.model.index(row, number).data() for row in range(page.model.rowCount())]


# What it says where there is nothing


def test_until_they_are_read_it_says_that_they_are_being_read(qtbot: QtBot, filled: fill.Filled) -> None:
    assert page_of(qtbot, filled).sentence == "Deployments are being read."


def test_without_a_broker_it_offers_to_reconnect(qtbot: QtBot, filled: fill.Filled) -> None:
    filled.disconnected()
    page = page_of(qtbot, filled)
    assert page.sentence.startswith("There is no broker now")
    with qtbot.waitSignal(page.reconnect_requested):
        page._instead.acted.emit()


def test_the_permission_that_is_missing_is_named_and_all_of_them_can_be_copied(
    qtbot: QtBot, filled: fill.Filled
) -> None:
    filled.state.deployments.rights = "publish $JS.API.x\n"
    page = page_of(qtbot, filled)
    filled.state.deployments.rollups.statuses.broke(ReadPhase.DENIED, DENIED)
    assert DENIED in page.sentence
    with qtbot.waitSignal(page.said):
        page._instead.acted.emit()
    assert QGuiApplication.clipboard().text() == "publish $JS.API.x\n"


@pytest.mark.parametrize("phase", [ReadPhase.NO_BUCKET, ReadPhase.NO_STREAMS, ReadPhase.FAILED])
def test_what_is_missing_is_said_and_can_be_looked_for_again(
    qtbot: QtBot, filled: fill.Filled, phase: ReadPhase
) -> None:
    page = page_of(qtbot, filled)
    filled.state.deployments.rollups.statuses.broke(phase, "There is none.")
    assert page.sentence.startswith("There is none.")
    with qtbot.waitSignal(page.look_again_requested):
        page._instead.acted.emit()


def test_an_empty_bucket_that_was_read_is_said_to_be_empty_with_the_time(qtbot: QtBot, filled: fill.Filled) -> None:
    page = page_of(qtbot, filled)
    filled.state.deployments.rollups.statuses.follows(filled.clock.now)
    assert page.sentence.startswith("Nothing is deployed")
    assert "03:14:07Z" in page.sentence


def test_a_filter_that_nothing_matches_says_so_and_shows_all_again(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    page.bar.words.setText("no-such")
    assert page.sentence == "No deployment has all of these words."
    page._instead.acted.emit()
    assert page.model.rowCount() == 24


# What it says where there is something


def test_failed_come_first_then_what_nobody_counted_then_what_is_pending(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    words = [text.split(" ", 1)[1] for text in texts(page, "state")]
    assert words == ["failed"] * 3 + ["unknown"] * 2 + ["pending"] * 3 + ["running"] * 14 + ["no target"] * 2
    assert texts(page, "failed")[:4] == ["4", "2", "1", "–"]
    assert page.sentence.startswith("24 deployments  ·  3 failing  ·  3 pending  ·  14 running  ·  2 without targets")
    assert "2 that no aggregator has rolled up" in page.sentence


def test_a_silent_bucket_makes_the_page_leave_live(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    heard = filled.clock.now()
    filled.state.deployments.rollups.statuses.follows(lambda: heard)
    page.tick()
    assert (page.bar.line.ink, State.LATE.word in page.sentence) == ("muted", False)
    filled.clock.advance(HEARTBEAT_S + 1.0)
    page.tick()
    assert page.bar.line.ink == State.LATE.token
    assert f"{State.LATE.label}, as of 03:14:07Z" in page.sentence
    inks = {page.model.cell(row, 0).ink for row in range(page.model.rowCount())}
    assert inks == {"muted", State.UNKNOWN.token}, "what is not live has no colour, and what is unknown stays loud"
    heard = filled.clock.now()
    page.tick()
    assert State.RUNNING.token in {page.model.cell(row, 0).ink for row in range(page.model.rowCount())}


def test_a_bucket_that_went_is_said_over_what_was_read_before(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    filled.state.deployments.rollups.statuses.broke(ReadPhase.NO_BUCKET, "There is no bucket deployment-status.")
    assert "There is no bucket deployment-status." in page.sentence
    assert "as of 03:14:07Z" in page.sentence
    assert page.bar.button.text() == Action.LOOK_AGAIN.value
    assert page.model.rowCount() == 24


def test_a_bar_has_the_parts_of_its_deployment_and_none_without_figures(qtbot: QtBot, filled: fill.Filled) -> None:
    rollups = filled.state.deployments.rollups
    rollups.apply_statuses([("a", status("a", running=6, failed=1, pending=3)), ("b", status("b"))])
    page = page_of(qtbot, filled)
    number = column(page, "progress")
    parts = dict(page.model.index(0, number).data(PARTS_ROLE))
    assert parts == {State.FAILED.token: 0.1, State.RUNNING.token: 0.6, State.PENDING.token: 0.3}
    assert page.model.index(1, number).data(PARTS_ROLE) == ()


def test_what_devices_say_is_shown_as_plain_text(qtbot: QtBot, filled: fill.Filled) -> None:
    error = "<img src=x>\u202e\x1b[31m" + "x" * 5_000
    filled.state.deployments.rollups.apply_statuses([("a", status("a", failed=1, error=error))])
    page = page_of(qtbot, filled)
    index = page.model.index(0, column(page, "last error"))
    assert "\u202e" not in index.data()
    assert len(index.data(CELL_ROLE).text) < 700
    assert "&lt;img" in index.data(Qt.ItemDataRole.ToolTipRole)


# What somebody does


def test_enter_and_a_double_click_open_one_and_escape_closes_it(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    page.table.setCurrentIndex(page.model.index(1, 0))
    with qtbot.waitSignal(page.deployment_opened) as told:
        QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert told.args == ["vision-016"]
    with qtbot.waitSignal(page.deployment_opened) as told:
        page.table.doubleClicked.emit(page.model.index(0, 0))
    assert told.args == ["vision-008"]
    assert not page.opened.isVisible()
    opened(filled.state, filled.clock, "vision-008")
    assert page.opened.isVisible()
    with qtbot.waitSignal(page.deployment_closed):
        QTest.keyClick(page.opened.table, Qt.Key.Key_Escape)
    filled.state.deployments.close()
    assert not page.opened.isVisible()


def test_the_devices_of_the_open_one_stand_failed_first_and_open_their_detail(
    qtbot: QtBot, filled: fill.Filled
) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    opened(filled.state, filled.clock, count=100)
    page.opened.model.flush()
    assert page.opened.sentence.startswith("2 failed, 3 pending, 95 running of 100, counted here")
    with qtbot.waitSignal(page.device_opened) as told:
        page.opened.table.doubleClicked.emit(page.opened.model.index(0, 1))
    assert told.args == ["camera-0001"]
    page.opened.bar.words.setText("no space")
    assert page.opened.model.rowCount() == 2


def test_where_there_is_no_width_for_both_the_open_one_stands_alone(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    opened(filled.state, filled.clock)
    assert page.table.isVisible()
    page.resize(700, 400)
    assert not page.table.isVisible()
    assert page.opened.isVisible()
    filled.state.deployments.close()
    assert page.table.isVisible()


def test_the_open_one_says_why_its_devices_cannot_be_read(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    store = filled.state.deployments.open("vision-000")
    assert page.opened.sentence == "Its devices are being read."
    store.reading.broke(ReadPhase.DENIED, DENIED)
    assert page.opened.sentence == f"Its devices cannot be read. {DENIED}"
    store.reading.follows(filled.clock.now)
    assert page.opened.sentence == "No device has said anything of this deployment."


def test_a_roll_up_that_differs_from_its_devices_is_said_once_that_lasts(qtbot: QtBot, filled: fill.Filled) -> None:
    rollups = filled.state.deployments.rollups
    rollups.apply_statuses([("d", status("d", running=2))])
    rollups.statuses.follows(filled.clock.now)
    page = page_of(qtbot, filled)
    store = filled.state.deployments.open("d")
    store.apply_definition(deployment("d", ["a", "b"]))
    store.apply_states([("a", said("a", "d", Phase.FAILED, 1.0)), ("b", said("b", "d", Phase.RUNNING, 1.0))], anew=True)
    store.reading.follows(filled.clock.now)
    page.tick()
    assert page.opened.behind.text() == ""
    filled.clock.advance(BEHIND_AFTER_S)
    page.tick()
    assert page.opened.behind.text().startswith("The roll-up says otherwise: 2 running, 0 failed, 0 pending.")
    rollups.apply_statuses([("d", status("d", running=1, failed=1))])
    page.tick()
    assert page.opened.behind.text() == ""


def test_of_a_selector_too_a_roll_up_that_devices_contradict_is_said(qtbot: QtBot, filled: fill.Filled) -> None:
    """Whom it means only the aggregator knows, and yet it cannot have counted more than have spoken, nor what came
    after it wrote."""
    rollups = filled.state.deployments.rollups
    rollups.apply_statuses([("d", status("d", running=2))])
    figures = rollups.rows["d"].counted
    assert figures is not None
    written = float(figures.updated_at)
    rollups.statuses.follows(filled.clock.now)
    page = page_of(qtbot, filled)

    def told(*words: tuple[str, Phase, float]) -> str:
        filled.state.deployments.close()
        store = filled.state.deployments.open("d")
        store.apply_definition(deployment("d"))
        store.apply_states([(name, said(name, "d", phase, at)) for name, phase, at in words], anew=True)
        store.reading.follows(filled.clock.now)
        for _ in range(2):
            page.tick()
            filled.clock.advance(BEHIND_AFTER_S)
        return page.opened.behind.text()

    before, after = written - 5, written + 5
    agreed = ("a", Phase.RUNNING, before), ("b", Phase.RUNNING, before)
    assert told(*agreed) == ""
    assert told(*agreed, ("another", Phase.FAILED, before)) == ""
    assert told(("a", Phase.RUNNING, before), ("b", Phase.FAILED, before)).endswith("is behind, or does not run.")
    assert told(*agreed, ("c", Phase.FAILED, after)).endswith("does not run, or does not mean who spoke since.")


def test_headers_sort_one_way_the_other_way_and_as_at_first(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    at_first = list(page.model.names)
    page.table.sort_by(column(page, "target"))
    targets = [int(text.replace(",", "")) for text in texts(page, "target") if text != "–"]
    assert targets == sorted(targets, reverse=True)
    page.table.sort_by(column(page, "target"))
    assert texts(page, "target")[:2] == ["–", "–"]
    page.table.sort_by(column(page, "target"))
    assert page.model.names == at_first
    page.table.sort_by(column(page, "deployment"))
    assert page.model.names == sorted(at_first)


def test_selection_follows_the_name_through_changes_and_filters(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    name = page.model.names[10]
    page.table.setCurrentIndex(page.model.index(10, 0))
    filled.state.deployments.rollups.apply_statuses([(name, status(name, failed=9))])
    with Watched(page.model):
        page.table.release()
        page.model.flush()
    assert (page.table.current_id, page.table.currentIndex().row()) == (name, 0)
    page.bar.words.setText(name)
    assert page.table.current_id == name


def test_under_the_pointer_rows_keep_their_places_until_it_leaves(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    page = page_of(qtbot, filled)
    before = list(page.model.names)
    at = QPointF(100.0, 60.0)
    move = QMouseEvent(
        QEvent.Type.MouseMove,
        at,
        at,
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    page.table.mouseMoveEvent(move)
    filled.state.deployments.rollups.apply_statuses([(before[-1], status(before[-1], failed=50))])
    page.model.flush()
    assert page.model.names == before
    page.table.leaveEvent(QEvent(QEvent.Type.Leave))
    assert page.model.names[0] == before[-1]


def test_a_page_that_is_not_on_the_screen_shows_nothing_and_all_once_it_is(qtbot: QtBot, filled: fill.Filled) -> None:
    page = page_of(qtbot, filled)
    page.hide()
    deployed(filled.state, filled.clock)
    assert page.model.rowCount() == 0
    page.show()
    assert page.model.rowCount() == 24


def test_a_thousand_changes_are_a_few_signals(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock, 1_000)
    page = page_of(qtbot, filled)
    told: list[str] = []
    page.model.dataChanged.connect(lambda *_: told.append("data"))
    page.model.layoutChanged.connect(lambda *_: told.append("layout"))
    names = page.model.names[500:600]
    for turn in range(10):
        filled.state.deployments.rollups.apply_statuses(
            (name, status(name, running=10_000 + turn, at=float(turn))) for name in names
        )
    page.model.flush()
    assert told.count("layout") <= 1
    assert told.count("data") == 1


# The header


def header_of(qtbot: QtBot, filled: fill.Filled) -> Header:
    header = Header(ContextFacts("noc", "acme"))
    qtbot.addWidget(header)
    header.show_state(filled.state, now=filled.clock.now(), wall=filled.clock.wall())
    return header


def test_the_header_says_how_many_fail_and_how_far_that_may_be_trusted(qtbot: QtBot, filled: fill.Filled) -> None:
    deployed(filled.state, filled.clock)
    header = header_of(qtbot, filled)
    assert not header.failing.isHidden()
    assert header.failing.text == "deployments failing 3"
    filled.state.deployments.rollups.statuses.broke(ReadPhase.NO_BUCKET, "gone")
    header.show_state(filled.state, now=filled.clock.now(), wall=filled.clock.wall())
    assert header.failing.text.startswith("deployments failing 3 stale")


def test_the_header_says_nothing_of_deployments_where_there_are_none(qtbot: QtBot, filled: fill.Filled) -> None:
    assert header_of(qtbot, filled).failing.isHidden()
    filled.state.deployments.rollups.statuses.broke(ReadPhase.NO_BUCKET, "none")
    assert header_of(qtbot, filled).failing.isHidden()


def test_figures_that_were_never_read_are_a_dash_in_the_header(qtbot: QtBot, filled: fill.Filled) -> None:
    filled.state.deployments.rollups.apply_definitions([("d", Definition(1, 0.0, 3))])
    assert header_of(qtbot, filled).failing.text == "deployments failing – unknown"
