"""The topology page over real stores: what it says in every condition, and what it wants when somebody acts."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.stores.topologies.following import LIMITS, Following, Heard, Phase
from fleetgui.stores.topologies.listing import ListPhase
from fleetgui.stores.topologies.store import MOST_OPEN
from fleetgui.stores.topologies.told import Member
from fleetgui.widgets.look import theme
from fleetgui.widgets.topologies.page import TopologyPage
from fleetgui.wire.topology import Keepalive, Listed, Mutation, MutationEvent, Snapshot
from tests.widgets.fill import Filled

AT = "2026-11-21T03:14:07Z"


@dataclass
class Shown:
    """A page, and what it wanted."""

    filled: Filled
    page: TopologyPage
    wanted: list[tuple[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        page = self.page
        page.looked_at.connect(lambda on: self.wanted.append(("look", on)))
        page.open_requested.connect(self._open)
        page.close_requested.connect(self._close)
        page.refresh_requested.connect(lambda: self.wanted.append(("refresh", None)))
        page.reconnect_requested.connect(lambda: self.wanted.append(("reconnect", None)))
        page.device_opened.connect(lambda name: self.wanted.append(("device", name)))
        page.said.connect(lambda words: self.wanted.append(("said", words)))

    def _open(self, topology_id: str) -> None:
        self.wanted.append(("open", topology_id))
        self.filled.state.topologies.open(topology_id)  # as the feed does

    def _close(self, topology_id: str) -> None:
        self.wanted.append(("close", topology_id))
        self.filled.state.topologies.close(topology_id)

    def list(self, *names: str, behind: bool = False) -> None:
        rows = [Listed(topology_id=each, status="active", devices=3, in_flight=1, online=3) for each in names]
        now = self.filled.clock.now()
        self.filled.state.topologies.listing.took(rows, now, as_of=1_795_230_000.0, behind=behind, cut=False)
        self.page.model.take_in()
        self.page.refresh()

    def read(self, topology_id: str, *members: str, seq: int = 0) -> Following:
        """Open it and take a snapshot."""
        following = self.filled.state.topologies.open(topology_id)
        following.reading()
        flying = (Mutation(mutation_id="web.1", kind="deployment", state="applying"),)
        head = Snapshot(topology_id=topology_id, status="deploying", epoch="e", seq=seq, members=(), in_flight=flying)
        clock = self.filled.clock
        following.took(head, {each: Member(True, ("web",)) for each in members}, clock.now(), clock.wall())
        for model in (self.page.opened.members, self.page.opened.mutations, self.page.opened.events):
            model.take_in()
        QApplication.processEvents()
        return following

    def hear(self, following: Following, name: str, state: str) -> None:
        facts = {
            "topology_id": following.topology_id,
            "epoch": following.epoch,
            "seq": following.seq + 1,
            "ts": AT,
            "mutation_id": name,
            "kind": "deployment",
            "state": state,
        }
        clock = self.filled.clock
        following.hear([Heard(MutationEvent.model_validate(facts), clock.now(), clock.wall())])
        self.page.opened.events.take_in()
        self.page.opened.mutations.take_in()


@pytest.fixture
def shown(qtbot: QtBot) -> Shown:
    filled = Filled()
    filled.connected()
    page = TopologyPage(filled.state, filled.clock)
    qtbot.addWidget(page)
    page.resize(1_280, 800)
    one = Shown(filled, page)
    page.show()
    return one


def press(widget: QWidget, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(widget, key, modifier)


def test_the_list_is_wanted_while_it_is_on_the_screen(shown: Shown) -> None:
    shown.page.hide()
    shown.page.show()
    assert shown.wanted == [("look", True), ("look", False), ("look", True)]


def test_nothing_is_said_as_what_it_is(shown: Shown) -> None:
    page, listing = shown.page, shown.filled.state.topologies.listing
    assert page.sentence == "Topologies are being read."
    shown.list()
    assert "No device says where it is" in page.sentence
    listing.failed(ListPhase.NO_SERVICE, "No topology service answers on device-connect.acme.topology: run one.")
    assert "No topology service answers" in page.sentence
    listing.failed(
        ListPhase.REFUSED, "This user may not publish on device-connect.acme.topology; ask for that permission."
    )
    assert "may not publish on device-connect.acme.topology" in page.sentence
    page._instead._button.click()
    assert shown.wanted[-1] == ("refresh", None)


def test_without_a_broker_it_says_so_and_offers_to_reconnect(shown: Shown) -> None:
    shown.filled.disconnected()
    assert "No broker now" in shown.page.sentence
    shown.page._instead._button.click()
    assert shown.wanted[-1] == ("reconnect", None)


def test_a_list_that_was_read_stays_as_of_its_time(shown: Shown) -> None:
    shown.list("hall", "yard")
    assert shown.page.sentence == "Topologies: 2"
    shown.read("hall", "cam-1")
    shown.filled.disconnected()
    shown.page._tick()
    assert shown.page.sentence.startswith("Topologies: 2 as of ")
    assert shown.page.opened.sentence.startswith("No broker now. What is shown is as of ")
    assert [shown.page.model.index(row, 0).data() for row in range(2)] == ["◌ was deploying", "◌ was active"]


def test_a_publisher_that_cannot_read_the_registry_is_said_to_miss_members(shown: Shown) -> None:
    shown.list("hall", behind=True)
    assert "cannot read the registry since" in shown.page.sentence
    assert "members may be missing" in shown.page.sentence


def test_enter_opens_and_ctrl_w_closes_what_is_looked_at(shown: Shown) -> None:
    page = shown.page
    shown.list("hall", "yard")
    page.table.setFocus()
    press(page.table, Qt.Key.Key_Down)
    press(page.table, Qt.Key.Key_Return)
    assert shown.wanted[-1] == ("open", "yard")
    assert page.opened.sentence == "yard is being read."
    shown.read("yard", "cam-1", "cam-2")
    assert page.opened.members.rowCount() == 2
    assert page.opened.sentence.startswith("deploying, as of ")
    assert page.opened.chip.text.startswith("● live")
    press(page.table, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert shown.wanted[-1] == ("close", "yard")
    assert page.opened.following is None
    assert "Enter" in page.opened.sentence


def test_walking_over_the_list_looks_at_those_that_are_open_and_opens_no_other(shown: Shown) -> None:
    page = shown.page
    shown.list("hall", "shed", "yard")
    shown.read("hall", "cam-1")
    shown.read("yard", "door-1")
    page.model.take_in()
    page.table.setFocus()
    page.table.setCurrentIndex(page.model.index(0, 0))
    assert page.opened.following is shown.filled.state.topologies.get("hall")
    press(page.table, Qt.Key.Key_Down)
    assert page.opened.following is shown.filled.state.topologies.get("hall"), "the shed is not open"
    press(page.table, Qt.Key.Key_Down)
    assert page.opened.following is shown.filled.state.topologies.get("yard")
    assert shown.filled.state.topologies.open_ids == ["hall", "yard"]


def test_a_member_opens_its_device_and_so_does_an_event_about_one(shown: Shown) -> None:
    opened = shown.page.opened
    following = shown.read("hall", "cam-1", "cam-2")
    opened.members_table.setFocus()
    opened.members_table.setCurrentIndex(opened.members.index(1, 0))
    press(opened.members_table, Qt.Key.Key_Return)
    assert shown.wanted[-1] == ("device", "cam-2")
    following.failed(Phase.FAILED, "gone", 0.0)
    before = len(shown.wanted)
    shown.hear(following, "web.2", "failed")
    opened.events_table.setCurrentIndex(opened.events.index(0, 0))
    press(opened.events_table, Qt.Key.Key_Return)
    assert len(shown.wanted) == before, "this one is about no device"


def test_events_are_paused_and_go_on_being_recorded(shown: Shown) -> None:
    opened = shown.page.opened
    following = shown.read("hall", "cam-1")
    shown.hear(following, "web.2", "applying")
    opened.pause.click()
    shown.hear(following, "web.3", "applying")
    assert opened.events.rowCount() == 1
    assert opened._events_line.text == "‖ paused  ·  1 newer recorded"
    opened.pause.click()
    assert opened.events.rowCount() == 2


def test_what_failed_stands_above_what_is_in_flight(shown: Shown) -> None:
    opened = shown.page.opened
    following = shown.read("hall", "cam-1")
    shown.hear(following, "zeta.4", "failed")
    assert [opened.mutations.index(row, 1).data() for row in range(2)] == ["zeta.4", "web.1"]
    assert opened._mutations_line.text == "Mutations in flight: 1, 1 failed since it was opened"


def test_silence_is_said(shown: Shown) -> None:
    opened = shown.page.opened
    shown.read("hall", "cam-1")
    shown.filled.clock.advance(LIMITS.stale + 1)
    shown.page._tick()
    assert opened.sentence.startswith("Interrupted: nobody published for 31 s. What is shown is as of ")
    assert opened.chip.text.startswith("◌ stale")
    assert opened.members.index(0, 0).data() == "◌ was online"


@pytest.mark.parametrize(
    ("phase", "why", "said"),
    [
        (
            Phase.FAILED,
            "No topology service answers.",
            "Interrupted: No topology service answers. What is shown is as of",
        ),
        (Phase.REFUSED, "This user may not publish on x.", "Interrupted: This user may not publish on x."),
        (Phase.ABSENT, "There is no topology hall: nobody says to be there.", "There is no topology hall"),
        (Phase.WANTED, "", "Being read again; until then it is as of"),
    ],
)
def test_why_an_open_one_is_not_live(shown: Shown, phase: Phase, why: str, said: str) -> None:
    following = shown.read("hall", "cam-1")
    if phase is Phase.WANTED:
        following.want()
    else:
        following.failed(phase, why, 0.0)
    assert shown.page.opened.sentence.startswith(said)


def test_the_permission_that_is_missing_for_events_is_said_with_the_time_of_the_picture(shown: Shown) -> None:
    following = shown.read("hall", "cam-1")
    following.denied = "This user may not subscribe to device-connect.acme.topology.hall.>; ask for that permission."
    following.changed.emit()
    assert "may not subscribe to device-connect.acme.topology.hall.>" in shown.page.opened.sentence
    assert "What is shown is as of" in shown.page.opened.sentence
    assert shown.page.opened._trouble.isVisible(), "on as many lines as it needs, not cut"
    assert shown.page.opened._events_line.text == "Live events may not be heard"


def test_losses_are_counted_over_the_events(shown: Shown) -> None:
    following = shown.read("hall", "cam-1")
    alive = Keepalive(epoch="e", ts=AT, last={"hall": 7})
    following.hear([Heard(alive, shown.filled.clock.now(), shown.filled.clock.wall())])
    shown.read("hall", "cam-1", seq=7)
    assert shown.page.opened._events_line.text.endswith("7 lost")


def test_one_that_makes_room_for_a_further_one_is_said(shown: Shown) -> None:
    for number in range(MOST_OPEN + 1):
        shown.read(f"site-{number}", "cam-1")
    assert shown.wanted[-1] == (
        "said",
        f"{MOST_OPEN} topologies are followed at once: site-0, looked at longest ago, was closed.",
    )
    assert shown.page.opened.following is shown.filled.state.topologies.get("site-5")


def test_filters_show_what_has_all_words(shown: Shown) -> None:
    page = shown.page
    shown.list("hall", "yard")
    page.words.setText("AR")
    assert [page.model.index(row, 1).data() for row in range(page.model.rowCount())] == ["yard"]
    page.words.setText("nowhere")
    assert page.sentence == "No topology has all of these words."
    page._instead._button.click()
    assert page.model.rowCount() == 2
    shown.read("hall", "cam-1", "cam-2", "door-1")
    page.opened.words.setText("cam web")
    assert page.opened.members.rowCount() == 2
    assert page.opened._members_line.text == "Members: 2 of 3"


def test_the_keyboard_reaches_everything(shown: Shown) -> None:
    page = shown.page
    shown.list("hall")
    shown.read("hall", "cam-1")
    page.activateWindow()
    page.table.setFocus()
    reached: set[QWidget] = set()
    for _ in range(30):
        focus = QApplication.focusWidget()
        assert focus is not None
        reached.add(focus)
        press(focus, Qt.Key.Key_Tab)
    opened = page.opened
    tables = {page.table, opened.members_table, opened.mutations_table, opened.events_table}
    assert reached >= tables | {page.words, opened.words, opened.pause, opened.close_button}
    assert all(each.accessibleName() for each in tables | {page.words, opened.words})
    opened.members_table.setFocus()
    press(opened.members_table, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.focusWidget() is opened.words
    press(opened.words, Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is page.table
    press(page.table, Qt.Key.Key_F5)
    assert shown.wanted[-1] == ("refresh", None)


def test_where_there_is_little_height_one_part_is_shown_and_the_others_can_be_chosen(shown: Shown) -> None:
    opened = shown.page.opened
    shown.read("hall", "cam-1")
    shown.page.resize(1_280, 300)
    tables = (opened.members_table, opened.mutations_table, opened.events_table)
    assert [each.isVisible() for each in tables] == [True, False, False]
    opened._chosen.button(2).click()
    assert [each.isVisible() for each in tables] == [False, False, True]
    shown.page.resize(1_280, 900)
    assert all(each.isVisible() for each in tables)


def test_where_there_is_little_width_minor_columns_go(shown: Shown) -> None:
    shown.list("hall")
    table = shown.page.table

    def titles() -> list[str]:
        shown_columns = [each for each in range(7) if not table.isColumnHidden(each)]
        return [str(shown.page.model.headerData(each, Qt.Orientation.Horizontal)) for each in shown_columns]

    assert titles() == ["State", "Topology", "Devices", "Offline", "In flight", "Failed", "As of"]
    table.resize(440, 300)
    assert titles() == ["State", "Topology", "Devices", "Offline", "In flight"]
    table.resize(300, 300)
    assert titles() == ["State", "Topology", "Offline"]


def test_what_is_read_stays_put_when_events_come_above_it(shown: Shown) -> None:
    opened = shown.page.opened
    following = shown.read("hall", "cam-1")
    for number in range(100):
        shown.hear(following, f"web.{number}", "applying")
    QApplication.processEvents()
    table = opened.events_table
    table.verticalScrollBar().setValue(20 * theme.current().row_height)
    before = table.indexAt(QPoint(10, 10)).siblingAtColumn(3).data()
    for number in range(100, 110):
        shown.hear(following, f"web.{number}", "applying")
    assert table.indexAt(QPoint(10, 10)).siblingAtColumn(3).data() == before


def test_members_are_copied_as_a_table(shown: Shown) -> None:
    shown.read("hall", "=cmd()", "cam-2")
    table = shown.page.opened.members_table
    table.selectAll()
    table.copy_rows()
    assert QApplication.clipboard().text().splitlines() == [
        "State\tDevice\tServices\tRunning",
        "● online\t'=cmd()\t1\tweb",
        "● online\tcam-2\t1\tweb",
    ]


def test_a_page_that_is_gone_hears_nothing_more(qtbot: QtBot) -> None:
    filled = Filled()
    filled.connected()
    page = TopologyPage(filled.state, filled.clock)
    one = Shown(filled, page)
    following = one.read("hall", "cam-1")
    page.deleteLater()
    QApplication.sendPostedEvents(page, 0)
    QApplication.processEvents()
    following.want()
    following.failed(Phase.FAILED, "gone", 0.0)
    filled.state.topologies.close("hall")
    filled.state.topologies.listing.failed(ListPhase.FAILED, "gone")
    filled.state.link.set_state(LinkState(LinkPhase.CLOSED, 0.0, 0.0))
    assert following.state(filled.clock.now()) is not State.LIVE
