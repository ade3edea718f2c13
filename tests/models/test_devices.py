"""The device model against its stores: by Qt's own tester, by a state machine, and by its promises one by one."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QApplication

from fleetgui.models.columns import COLUMNS
from fleetgui.models.devices import AGES_S, DeviceTableModel
from fleetgui.models.drawn import GLOW_S
from fleetgui.stores.roster import RowKind
from fleetgui.wire.times import rfc3339
from tests.models.fleet import Fleet, device_id, record
from tests.models.tester import Watched

STATE = 0
DEVICE = 1
BATTERY = [column.key for column in COLUMNS].index("battery")
BEAT = [column.key for column in COLUMNS].index("last_beat")


def model_of(fleet: Fleet) -> DeviceTableModel:
    state = fleet.state
    return DeviceTableModel(state.roster, state.presence, state.engagements, fleet.clock, state.link)


class Told:
    """The ranges of rows that `dataChanged` named, in order."""

    def __init__(self, model: DeviceTableModel) -> None:
        self.ranges: list[tuple[int, int]] = []
        model.dataChanged.connect(self._told)

    def _told(self, first: QModelIndex, last: QModelIndex) -> None:
        self.ranges.append((first.row(), last.row()))


@pytest.fixture(autouse=True)
def _application(qapp: QApplication) -> None:
    """Models need none, the tester does."""


def test_a_million_rows_are_counted_and_drawn_without_being_walked() -> None:
    fleet = Fleet(1_000_000, loaded=100)
    began = time.process_time()
    model = model_of(fleet)
    model.watch(0, 45)
    for row in (*range(45), 999_999):
        for number in range(len(COLUMNS)):
            model.cell(row, number)
    fleet.state.sources.link_came_up(fleet.clock.now())
    model.flush()
    # a walk over the rows takes more than a second of this process; this takes some milliseconds
    assert time.process_time() - began < 0.5
    assert model.rowCount() == 1_000_000
    assert model.cell(999_999, DEVICE).text == "· · ·"


def test_asking_never_changes_the_store() -> None:
    fleet = Fleet(1_000, loaded=100)
    told: list[object] = []
    fleet.state.roster.rows_changed.connect(lambda *rows: told.append(rows))
    fleet.state.roster.status_changed.connect(told.append)
    model = model_of(fleet)
    for row in range(0, 1_000, 50):
        assert model.data(model.index(row, 1)) is not None
    assert told == []
    assert fleet.state.roster.loaded == 100


def test_a_change_waits_for_the_flush_and_is_told_once_a_range() -> None:
    fleet = Fleet(50)
    model = model_of(fleet)
    model.watch(0, 49)
    model.flush()
    told = Told(model)
    fleet.beat(3, 4, 5, 20)
    fleet.beat(4)
    assert told.ranges == []
    assert model.flush() == [(3, 5), (20, 20)]
    assert told.ranges == [(3, 5), (20, 20)]
    assert model.flush() == []


def test_only_what_is_on_the_screen_is_told() -> None:
    fleet = Fleet(400)
    model = model_of(fleet)
    model.watch(100, 140)
    model.flush()
    fleet.beat(*range(400))
    assert model.flush() == [(100, 140)]


def test_rows_outside_of_the_screen_are_true_when_they_come_into_view() -> None:
    fleet = Fleet(400)
    model = model_of(fleet)
    model.watch(0, 40)
    assert model.cell(300, BATTERY).text == str(300 % 101)
    fleet.clock.advance(1)
    fleet.beat(300, battery=1)
    model.flush()
    model.watch(280, 320)
    assert model.cell(300, BATTERY).text == "1"


def test_time_alone_changes_ages_and_states_without_any_message() -> None:
    fleet = Fleet(3)
    fleet.beat(0, 1, 2)
    model = model_of(fleet)
    model.watch(0, 2)
    assert [model.cell(row, STATE).text for row in range(3)] == ["online"] * 3
    assert model.cell(0, BEAT).text == "0 s"
    model.flush()
    fleet.clock.advance(7)
    assert model.flush() == [(0, 2)]
    assert model.cell(0, STATE).text == "late"
    assert model.cell(0, BEAT).text == "7 s"
    fleet.clock.advance(9)
    model.flush()
    assert model.cell(0, STATE).text == "stale 16 s"


def test_ages_are_not_looked_at_in_every_flush() -> None:
    fleet = Fleet(3)
    fleet.beat(0)
    model = model_of(fleet)
    model.watch(0, 2)
    model.cell(0, BEAT)
    fleet.clock.advance(AGES_S / 2)
    assert model.flush() == []


def test_losing_the_link_takes_every_row_out_of_live_at_the_next_flush() -> None:
    fleet = Fleet(3)
    fleet.beat(0, 1, 2)
    model = model_of(fleet)
    model.watch(0, 2)
    assert model.cell(0, STATE).text == "online"
    fleet.link_down()
    assert model.flush() == [(0, 2)]
    assert {model.cell(row, STATE).glyph for row in range(3)} == {"◌"}


def test_an_offline_edge_shows_at_the_next_flush_and_a_beat_brings_the_device_back() -> None:
    fleet = Fleet(2)
    fleet.clock.advance(1)
    fleet.offline(1)
    model = model_of(fleet)
    assert model.cell(1, STATE).spoken == "○ offline 0 s"
    fleet.clock.advance(1)
    fleet.beat(1)
    model.flush()
    assert model.cell(1, STATE).spoken == "● online"


def test_a_device_that_is_listed_although_it_is_gone_says_since_when_until_it_beats() -> None:
    fleet = Fleet()
    gone = rfc3339(fleet.clock.wall() - 90)
    status = {"location": "site-01", "online": False, "offline_since": gone}
    fleet.read_records(0, [record(0), record(1, status=status)], total=2)
    model = model_of(fleet)
    assert model.cell(1, STATE).spoken == "○ offline 90 s"
    assert model.cell(0, STATE).spoken != model.cell(1, STATE).spoken
    fleet.clock.advance(1)
    fleet.beat(1)
    model.flush()
    assert model.cell(1, STATE).spoken == "● online"


def test_held_back_counts_down_and_ends() -> None:
    held = [column.key for column in COLUMNS].index("held")
    fleet = Fleet(2)
    model = model_of(fleet)
    model.watch(0, 1)
    model.cell(0, held)
    fleet.refuse(0, backoff_ms=5_000)
    model.flush()
    assert model.cell(0, held).spoken == "▲ 5 s rate"
    assert "next try in 5 s" in model.hover(0, held)
    fleet.clock.advance(3)
    model.flush()
    assert model.cell(0, held).text == "2 s rate"
    fleet.clock.advance(2.5)
    model.flush()
    assert model.cell(0, held).text == ""


def test_a_changed_cell_glows_for_its_time_and_an_age_never_does() -> None:
    fleet = Fleet(3)
    fleet.beat(0)
    model = model_of(fleet)
    model.watch(0, 2)
    for number in range(len(COLUMNS)):
        model.cell(0, number)
    fleet.clock.advance(3)
    fleet.beat(0, battery=99)
    model.flush()
    assert model.glow(0, BATTERY) == 1.0
    assert model.glow(0, BEAT) == 0.0
    assert (0, BATTERY) in model.glowing()
    fleet.clock.advance(GLOW_S / 2)
    assert model.glow(0, BATTERY) == pytest.approx(0.5)
    fleet.clock.advance(GLOW_S / 2 + 0.01)
    assert model.glow(0, BATTERY) == 0.0
    model.glowing()
    assert model.glowing() == []


def test_a_value_read_again_glows_too_and_a_device_that_took_the_row_does_not() -> None:
    fleet = Fleet(3)
    model = model_of(fleet)
    model.watch(0, 2)
    for row in range(3):
        model.cell(row, BATTERY)
    fleet.read_records(0, [record(0, status={"battery": 55}), record(9), record(2)], total=3)
    model.flush()
    assert [model.glow(row, BATTERY) > 0 for row in range(3)] == [True, False, False]


def test_nothing_glows_with_reduced_motion() -> None:
    fleet = Fleet(1)
    model = model_of(fleet)
    model.glow_enabled = False
    model.watch(0, 0)
    model.cell(0, BATTERY)
    fleet.clock.advance(1)
    fleet.beat(0, battery=99)
    model.flush()
    assert model.glowing() == []


def test_another_device_in_a_row_is_shown_at_once_since_opening_goes_by_what_is_seen() -> None:
    fleet = Fleet(3)
    model = model_of(fleet)
    assert model.device_id(1) == device_id(1)
    fleet.read(0, [0, 7, 1], total=3)
    assert model.device_id(1) == device_id(7)
    assert model.cell(1, DEVICE).text == device_id(7)


def test_the_registry_shrinking_and_growing_keeps_the_row_count_exact() -> None:
    fleet = Fleet(30)
    model = model_of(fleet)
    with Watched(model):
        fleet.read(0, range(10), total=10)
        assert model.rowCount() == 10
        fleet.read(0, range(20), total=500)
        assert model.rowCount() == 500
        fleet.state.roster.clear()
        assert model.rowCount() == 0
        assert model.flush() == []


def test_what_qt_asks_is_plain_text_and_tooltips_are_escaped() -> None:
    fleet = Fleet()
    fleet.read_records(0, [record(0, device_id="<b>x</b>")], total=1)
    model = model_of(fleet)
    index = model.index(0, DEVICE)
    assert index.data() == "<b>x</b>"
    assert "<b>" not in index.data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;" in index.data(Qt.ItemDataRole.ToolTipRole)
    assert model.headerData(BATTERY, Qt.Orientation.Horizontal) == "Battery %"


def test_a_deleted_model_is_told_nothing_more(qapp: QApplication) -> None:
    fleet = Fleet(3)
    model = model_of(fleet)
    model.deleteLater()
    qapp.sendPostedEvents(model, 0)
    del model
    fleet.beat(0, 1)
    fleet.read(0, range(5), total=5)


class Machine(RuleBasedStateMachine):
    """Whatever the stores go through, after a flush the model says what they say, and Qt's tester is content."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet = Fleet()
        self.model = model_of(self.fleet)
        self.tested = Watched(self.model)
        self.tested.__enter__()
        self.mirror: dict[int, str] = {}
        self.model.dataChanged.connect(self._changed)
        self.model.rowsRemoved.connect(self._removed)

    def teardown(self) -> None:
        self.tested.__exit__(None, None, None)

    def _removed(self, _parent: QModelIndex, first: int, _last: int) -> None:
        self.mirror = {row: text for row, text in self.mirror.items() if row < first}

    def _changed(self, first: QModelIndex, last: QModelIndex) -> None:
        for row in range(first.row(), last.row() + 1):
            self.mirror[row] = self._text(row)

    def _text(self, row: int) -> str:
        return str(self.model.index(row, DEVICE).data())

    @rule(offset=st.integers(0, 160), length=st.integers(0, 40), shift=st.integers(0, 3), total=st.integers(0, 240))
    def page(self, offset: int, length: int, shift: int, total: int) -> None:
        indices = range(offset + shift, offset + shift + length)
        self.fleet.read(offset, indices, total=total)

    @rule(first=st.integers(0, 200), length=st.integers(1, 40))
    def loading(self, first: int, length: int) -> None:
        self.fleet.state.roster.loading(first, first + length)

    @rule(first=st.integers(0, 200), why=st.sampled_from([None, "no answer"]))
    def not_loading(self, first: int, why: str | None) -> None:
        self.fleet.state.roster.not_loading(first, first + 100, why)

    @rule(index=st.integers(0, 200), battery=st.integers(0, 100))
    def beats(self, index: int, battery: int) -> None:
        self.fleet.beat(index, battery=battery)

    @rule(index=st.integers(0, 200))
    def goes_offline(self, index: int) -> None:
        self.fleet.offline(index)

    @rule(seconds=st.floats(0.0, 30.0))
    def time_passes(self, seconds: float) -> None:
        self.fleet.clock.advance(seconds)

    @rule()
    def cleared(self) -> None:
        self.fleet.state.roster.clear()

    @rule()
    def flush(self) -> None:
        self.model.flush()
        for row, shown in self.mirror.items():
            assert shown == self._text(row)

    @invariant()
    def rows_are_those_of_the_store(self) -> None:
        roster = self.fleet.state.roster
        assert self.model.rowCount() == roster.total
        for row in range(0, roster.total, 37):
            assert self.model.device_id(row) == roster.row(row).device_id

    @invariant()
    def after_a_flush_states_are_those_of_the_store(self) -> None:
        self.model.flush()
        now = self.fleet.clock.now()
        for row in range(0, self.fleet.state.roster.total, 41):
            entry = self.fleet.state.roster.row(row)
            if entry.kind is RowKind.LOADED and entry.device_id is not None:
                expected = self.fleet.state.presence.state(entry.device_id, now)
                facts = self.model.facts(row)
                assert facts.presence == expected or 0 < now - facts.now < AGES_S


TestAgainstItsStores = Machine.TestCase
TestAgainstItsStores.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
