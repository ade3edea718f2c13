"""The device model over the fleet as it is held, in groups or not: by Qt's own tester and by a state machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QApplication

from fleetgui.models.columns import COLUMNS
from fleetgui.models.devices import DeviceTableModel
from fleetgui.models.groups import count_of, spoken, value_of
from fleetgui.policy.filters import parse
from fleetgui.stores.marks import Marks
from fleetgui.stores.roster import GroupHead, RowKind
from fleetgui.wire.query import BY_ID, Order
from fleetgui.wire.records import Summary
from tests.models.fleet import Fleet
from tests.models.held import Held
from tests.models.tester import Watched

DEVICE = [column.key for column in COLUMNS].index("device_id")
SITES = (None, "hall 1", "hall 2", "<b>hall 3</b>")


def summary(number: int, site: int = 0) -> Summary:
    return Summary(f"d{number:03d}", location=SITES[site % len(SITES)], battery=float(number % 7), labels="rack=a")


def model_of(fleet: Fleet, marks: Marks | None = None) -> DeviceTableModel:
    state = fleet.state
    return DeviceTableModel(state.table, state.presence, state.engagements, fleet.clock, state.link, marks=marks)


@pytest.fixture(autouse=True)
def _application(qapp: QApplication) -> None:
    """Models need none, the tester does."""


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held(Fleet())
    held.take(summary(number, number) for number in range(12))
    yield held
    held.close()


def texts(model: DeviceTableModel) -> list[str]:
    return [str(model.index(row, DEVICE).data()) for row in range(model.rowCount())]


def test_heads_are_rows_that_say_what_is_below_them_and_no_devices(held: Held) -> None:
    model = model_of(held.fleet)
    held.arrange(group="location")
    assert texts(model) == [
        "▸ <b>hall 3</b>, 3 devices, closed",
        "▸ hall 1, 3 devices, closed",
        "▸ hall 2, 3 devices, closed",
        "▸ no location, 3 devices, closed",
    ]
    assert model.has_groups
    assert [model.device_id(row) for row in range(4)] == [None] * 4
    with Watched(model):
        model.roster.toggle(1)
        assert texts(model)[1:5] == ["▾ hall 1, 3 devices, open", "d001", "d005", "d009"]
        model.roster.toggle(2)  # a device opens nothing
        assert model.rowCount() == 7
        model.roster.toggle(1)
    assert model.rowCount() == 4
    held.arrange()
    assert (model.has_groups, model.rowCount()) == (False, 12)


def test_a_marked_device_and_each_row_have_a_name_for_a_screen_reader(held: Held) -> None:
    marks = Marks()
    model = model_of(held.fleet, marks)
    held.arrange()
    marks.toggle({"d002": 2})
    description = Qt.ItemDataRole.AccessibleDescriptionRole
    assert [model.index(row, 0).data(description) for row in range(4)] == ["", "", "marked", ""]
    name = Qt.ItemDataRole.AccessibleTextRole
    assert model.headerData(2, Qt.Orientation.Vertical, name) == "d002"
    held.arrange(group="location")
    assert model.headerData(2, Qt.Orientation.Vertical, name) == "row 3"


def test_heads_in_words() -> None:
    assert value_of(GroupHead("labels.ra\nck", None, 1, False)) == "no label ra\\x0ack"
    assert spoken(GroupHead("battery", "a\tb", 1_204, True)) == "▾ a\\x09b, 1,204 devices, open"
    assert count_of(GroupHead("battery", "5", 1, True)) == "1 device"


class Machine(RuleBasedStateMachine):
    """Whatever is taken in, laid out, opened, closed, marked: after a flush the model says what its store says."""

    def __init__(self) -> None:
        super().__init__()
        self.held = Held(Fleet())
        self.model = model_of(self.held.fleet)
        self.model.watch(0, 200)
        self.tested = Watched(self.model)
        self.tested.__enter__()
        self.shown: dict[int, str] = {}
        self.model.dataChanged.connect(self._changed)
        self.model.rowsRemoved.connect(self._removed)

    def teardown(self) -> None:
        self.tested.__exit__(None, None, None)
        self.held.close()

    def _changed(self, first: QModelIndex, last: QModelIndex) -> None:
        for row in range(first.row(), last.row() + 1):
            self.shown[row] = self._text(row)

    def _removed(self, _parent: QModelIndex, first: int, _last: int) -> None:
        self.shown = {row: text for row, text in self.shown.items() if row < first}

    def _text(self, row: int) -> str:
        return str(self.model.index(row, DEVICE).data())

    @rule(numbers=st.lists(st.integers(0, 60), max_size=20), site=st.integers(0, 3))
    def taken(self, numbers: list[int], site: int) -> None:
        self.held.take(summary(number, site) for number in numbers)

    @rule(number=st.integers(0, 60))
    def gone(self, number: int) -> None:
        self.held.devices.remove([f"d{number:03d}"])

    @rule(
        group=st.sampled_from([None, "location", "battery", "labels.rack", "labels.none"]),
        orders=st.sampled_from([(BY_ID,), (Order("battery"), Order("location", descending=True))]),
        asked=st.sampled_from(["", "battery<3", "location:hall"]),
    )
    def arranged(self, group: str | None, orders: tuple[Order, ...], asked: str) -> None:
        self.held.arrange(asked=parse(asked).filter, orders=orders, group=group)

    @rule(row=st.integers(0, 70))
    def toggled(self, row: int) -> None:
        before = self.model.rowCount()
        head = self.held.rows.row(row).group if row < before else None
        self.model.roster.toggle(row)
        if head is None:
            assert self.model.rowCount() == before
        else:
            assert self.model.rowCount() == before + (-head.count if head.is_open else head.count)
            assert self.held.rows.row(row).group == GroupHead(head.field, head.value, head.count, not head.is_open)

    @rule(row=st.integers(0, 70))
    def marked(self, row: int) -> None:
        if row < self.model.rowCount() and (device_id := self.model.device_id(row)) is not None:
            self.model.marks.toggle({device_id: row})

    @rule()
    def cleared(self) -> None:
        self.held.rows.clear()

    @rule()
    def flushed(self) -> None:
        self.model.flush()
        for row, text in self.shown.items():
            assert text == self._text(row)

    @invariant()
    def rows_are_those_of_the_store(self) -> None:
        rows = self.held.rows
        assert self.model.rowCount() == rows.total
        for row in range(rows.total):
            entry = rows.row(row)
            assert self.model.group(row) == entry.group
            assert (entry.kind is RowKind.GROUP) is (entry.group is not None)
            if entry.kind is not RowKind.NOT_LOADED:
                assert self.model.device_id(row) == entry.device_id
            if entry.device_id is not None:
                assert rows.offset_of(entry.device_id) == row

    @invariant()
    def heads_count_what_stands_below_them(self) -> None:
        rows, row = self.held.rows, 0
        while row < rows.total:
            head = rows.row(row).group
            if head is None:
                assert row > 0 or not self.model.has_groups
                break
            below = range(row + 1, row + 1 + (head.count if head.is_open else 0))
            assert all(rows.row(each).group is None for each in below)
            row = below.stop

    @invariant()
    def marks_are_shown_where_their_devices_stand(self) -> None:
        for row in range(self.model.rowCount()):
            assert self.model.is_marked(row) is (self.model.device_id(row) in self.model.marks)


TestAgainstTheHeldFleet = Machine.TestCase
TestAgainstTheHeldFleet.settings = settings(
    max_examples=20,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
