"""The topology page's models equal their stores after whatever happened to them, and tell Qt every step of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, QItemSelectionModel, Qt
from pytestqt.qtbot import QtBot

from fleetgui.models import id_rows
from fleetgui.models.cell_model import CELL_ROLE, ID_ROLE
from fleetgui.models.topologies import TopologiesModel
from fleetgui.models.topology_events import TopologyEventsModel
from fleetgui.models.topology_open import MembersModel, MutationsModel
from fleetgui.policy.clock import ManualClock
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sources import Sources
from fleetgui.stores.topologies.following import EVENTS_KEPT, Following, Heard, Phase
from fleetgui.stores.topologies.listing import ListPhase
from fleetgui.stores.topologies.store import Topologies
from fleetgui.stores.topologies.told import Member
from fleetgui.wire.topology import (
    Event,
    Listed,
    MembersEvent,
    Mutation,
    MutationEvent,
    ServiceEvent,
    Snapshot,
    UnknownEvent,
)
from fleetgui.wire.topology import Member as WireMember
from tests.models.tester import Watched

AT = "2026-11-21T03:14:07Z"
WALL = 1_795_230_847.0


class Stream:
    """Events of an open topology, numbered as its publisher does."""

    def __init__(self, following: Following, clock: ManualClock) -> None:
        self.following = following
        self.clock = clock
        self.seq = 0

    def read(self, members: Iterable[str], in_flight: Iterable[Mutation] = ()) -> None:
        self.following.reading()
        head = Snapshot(
            topology_id=self.following.topology_id,
            status="active",
            epoch="e",
            seq=self.seq,
            members=(),
            in_flight=tuple(in_flight),
        )
        found = {each: Member(online=True) for each in members}
        self.following.took(head, found, self.clock.now(), self.clock.wall())

    def hear(self, event: Event) -> None:
        self.following.hear([Heard(event, self.clock.now(), self.clock.wall())])

    def facts(self) -> dict[str, object]:
        self.seq += 1
        return {"topology_id": self.following.topology_id, "epoch": "e", "seq": self.seq, "ts": AT}

    def members(self, *changed: WireMember, left: tuple[str, ...] = ()) -> None:
        self.hear(MembersEvent.model_validate(self.facts() | {"changed": changed, "left": left}))

    def mutation(self, name: str, state: str, error: str | None = None) -> None:
        facts = {"mutation_id": name, "kind": "deployment", "state": state, "error": error}
        self.hear(MutationEvent.model_validate(self.facts() | facts))

    def service(self, device_id: str, *services: str) -> None:
        facts = {"device_id": device_id, "service_name": "web", "services": services}
        self.hear(ServiceEvent.model_validate(self.facts() | facts))


def stream() -> Stream:
    clock = ManualClock(epoch=WALL)
    return Stream(Following("hall", Sources(), Ledger()), clock)


def column(model: QAbstractItemModel, number: int) -> list[str]:
    return [model.index(row, number).data() for row in range(model.rowCount())]


Step: st.SearchStrategy[tuple[str, frozenset[int]]] = st.one_of(
    st.tuples(st.just("members"), st.frozensets(st.integers(0, 12), max_size=6)),
    st.tuples(st.just("leave"), st.frozensets(st.integers(0, 12), max_size=6)),
    st.tuples(st.just("snapshot"), st.frozensets(st.integers(0, 12), max_size=12)),
    st.tuples(st.sampled_from(["take", "switch", "gone"]), st.just(frozenset())),
)


@pytest.mark.parametrize(("one_by_one", "runs"), [(64, 256), (2, 3)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(Step, max_size=25))
def test_members_are_the_stores_whatever_happens(
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    one_by_one: int,
    runs: int,
    steps: list[tuple[str, frozenset[int]]],
) -> None:
    monkeypatch.setattr(id_rows, "ONE_BY_ONE", one_by_one)
    monkeypatch.setattr(id_rows, "MOST_RUNS", runs)
    one, other = stream(), stream()
    model = MembersModel(one.clock)
    shown = one
    with Watched(model):
        model.show_topology(one.following)
        one.read(["cam-00"])
        for step, numbers in steps:
            ids = [f"cam-{number:02}" for number in sorted(numbers)]
            match step:
                case "members":
                    shown.members(*(WireMember(device_id=each, online=len(ids) % 2 == 0) for each in ids))
                case "leave":
                    shown.members(left=tuple(ids))
                case "snapshot":
                    shown.read(ids)
                case "take":
                    model.take_in()
                case "switch":
                    shown = other if shown is one else one
                    model.show_topology(shown.following)
                case "gone":
                    shown.following.failed(Phase.ABSENT, "there is none", WALL)
        model.take_in()
    members = shown.following.members
    assert column(model, 1) == sorted(members)
    assert [text.split()[-1] for text in column(model, 0)] == [
        "online" if members[each].online else "offline" for each in sorted(members)
    ]


def test_the_selection_stays_on_its_device(qtbot: QtBot) -> None:
    one = stream()
    one.read([f"cam-{number}" for number in range(5)])
    model = MembersModel(one.clock)
    model.show_topology(one.following)
    chosen = QItemSelectionModel(model)
    chosen.setCurrentIndex(model.index(3, 0), QItemSelectionModel.SelectionFlag.SelectCurrent)
    one.read(["aaa", "cam-2", "cam-3", "zzz"])
    model.take_in()
    assert chosen.currentIndex().data(ID_ROLE) == "cam-3"


def test_ten_thousand_members_change_in_few_signals(qtbot: QtBot) -> None:
    one = stream()
    ids = [f"cam-{number:05}" for number in range(10_000)]
    one.read(ids)
    model = MembersModel(one.clock)
    model.show_topology(one.following)
    told: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last, _roles: told.append((first.row(), last.row())))
    one.members(*(WireMember(device_id=each, online=False) for each in ids[200:400]))
    one.service("cam-09000", "web")
    model.take_in()
    assert told == [(200, 399), (9000, 9000)]
    assert model.index(9000, 3).data() == "web"


def test_by_themselves_shortly_after(qtbot: QtBot) -> None:
    one = stream()
    one.read(["cam-1"])
    model = MembersModel(one.clock)
    model.show_topology(one.following)
    with qtbot.waitSignal(model.rowsInserted, timeout=5_000):
        one.members(WireMember(device_id="cam-2", online=True))
    assert column(model, 1) == ["cam-1", "cam-2"]


def test_what_is_not_live_only_was_so(qtbot: QtBot) -> None:
    one = stream()
    one.read(["cam-1"], [Mutation(mutation_id="web.1", kind="deployment", state="applying")])
    members, mutations = MembersModel(one.clock), MutationsModel(one.clock)
    for model in (members, mutations):
        model.show_topology(one.following)
    assert column(members, 0) == ["● online"]
    one.following.want()
    assert column(members, 0) == ["↻ was online"]
    one.read(["cam-1"], [Mutation(mutation_id="web.1", kind="deployment", state="applying")])
    one.clock.advance(120)
    assert column(members, 0) == ["◌ was online"]
    assert column(mutations, 0) == ["◌ was applying"]


MutationStep = st.tuples(st.integers(0, 4), st.sampled_from(["enqueued", "applying", "applied", "failed"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(MutationStep, st.none()), max_size=25))
def test_mutations_are_those_in_flight_below_those_that_failed(
    qtbot: QtBot, steps: list[tuple[int, str] | None]
) -> None:
    one = stream()
    one.read(["cam-1"])
    model = MutationsModel(one.clock)
    with Watched(model):
        model.show_topology(one.following)
        for step in steps:
            if step is None:
                model.take_in()
            else:
                one.mutation(f"web.{step[0]}", step[1], "full" if step[1] == "failed" else None)
        model.take_in()
    last = {f"web.{step[0]}": step[1] for step in steps if step is not None}
    failed = sorted(name for name, state in last.items() if state == "failed")
    flying = sorted(name for name, state in last.items() if state in ("enqueued", "applying"))
    assert column(model, 1) == failed + flying
    assert column(model, 3) == ["full"] * len(failed) + [""] * len(flying)


def test_events_are_newest_first_and_bounded(qtbot: QtBot) -> None:
    one = stream()
    one.read(["cam-1"])
    model = TopologyEventsModel()
    with Watched(model):
        model.show_topology(one.following)
        for number in range(EVENTS_KEPT + 30):
            one.mutation(f"web.{number}", "applying")
            if number % 70 == 0:
                model.take_in()
        model.take_in()
    assert model.rowCount() == EVENTS_KEPT
    assert [int(each.replace(",", "")) for each in column(model, 1)] == list(range(EVENTS_KEPT + 30, 30, -1))


def test_paused_events_wait_and_are_counted(qtbot: QtBot) -> None:
    one = stream()
    one.read(["cam-1"])
    model = TopologyEventsModel()
    model.show_topology(one.following)
    one.mutation("web.1", "applying")
    model.pause(True)
    one.mutation("web.2", "applying")
    one.mutation("web.3", "failed", "full")
    model.take_in()
    assert (model.rowCount(), model.behind) == (0, 3)
    model.pause(False)
    assert column(model, 3) == [
        "✕ web.3 (deployment) failed: full",
        "web.2 (deployment) is applying",
        "web.1 (deployment) is applying",
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("list"), st.frozensets(st.integers(0, 8), max_size=8)),
            st.tuples(st.sampled_from(["open", "close"]), st.frozensets(st.integers(0, 8), min_size=1, max_size=1)),
            st.tuples(st.sampled_from(["take", "fail"]), st.just(frozenset())),
        ),
        max_size=25,
    )
)
def test_the_list_is_what_was_listed_and_what_is_open(qtbot: QtBot, steps: list[tuple[str, frozenset[int]]]) -> None:
    topologies = Topologies(Ledger(), Sources())
    clock = ManualClock()
    model = TopologiesModel(topologies, clock)
    with Watched(model):
        for step, numbers in steps:
            ids = [f"site-{number}" for number in numbers]
            match step:
                case "list":
                    rows = [Listed(topology_id=each, status="active", devices=2, in_flight=0, online=1) for each in ids]
                    topologies.listing.took(rows, clock.now(), as_of=None, behind=False, cut=False)
                case "open":
                    topologies.open(ids[0])
                case "close":
                    topologies.close(ids[0])
                case "fail":
                    topologies.listing.failed(ListPhase.FAILED, "it failed")
                case "take":
                    model.take_in()
        model.take_in()
    assert column(model, 1) == sorted(topologies.listing.rows.keys() | set(topologies.open_ids))


def test_a_row_says_what_it_is_and_how_old(qtbot: QtBot) -> None:
    topologies, clock = Topologies(Ledger(), Sources()), ManualClock()
    rows = [
        Listed(topology_id="Hall%203", status="degraded", devices=1_400, in_flight=3, online=1_390),
        Listed(topology_id="yard", status="active", devices=2, in_flight=0),
    ]
    topologies.listing.took(rows, clock.now(), as_of=None, behind=False, cut=False)
    model = TopologiesModel(topologies, clock)
    clock.advance(4)
    assert [model.index(0, each).data() for each in range(7)] == [
        "▲ degraded", "Hall 3", "1,400", "10", "3", "–", "4 s",
    ]  # fmt: skip
    assert model.index(1, 3).data() == "–", "who is online was not said, so nobody knows who is not"
    clock.advance(60)
    assert model.index(0, 0).data() == "◌ was degraded"
    one = Stream(topologies.open("yard"), clock)
    one.read(["cam-1"])
    one.mutation("web.1", "failed", "full")
    assert [model.index(1, each).data() for each in range(7)] == ["● active", "yard", "1", "0", "0", "1", "0 s"]
    assert model.copied([1]).splitlines()[1].split("\t")[1] == "yard"


@pytest.mark.parametrize("hostile", ["<img src=x>", "\x1b[2J", "\u202eevil", "a" * 10_000])
def test_hostile_text_is_text(qtbot: QtBot, hostile: str) -> None:
    one = stream()
    one.read([hostile], [Mutation(mutation_id=hostile, kind=hostile, state="applying", error=hostile)])
    one.members(WireMember(device_id=hostile, online=True, services=(hostile, hostile)))
    one.hear(UnknownEvent.model_validate(one.facts() | {"method": hostile[:64], "params": {"x": hostile}}))
    members, mutations, events = MembersModel(one.clock), MutationsModel(one.clock), TopologyEventsModel()
    for model in (members, mutations, events):
        model.show_topology(one.following)
        for row in range(model.rowCount()):
            for number in range(model.columnCount()):
                index = model.index(row, number)
                assert index.data().isprintable()
                assert len(index.data()) <= 600
                assert index.data(CELL_ROLE).text.isprintable()
                assert "<img" not in index.data(Qt.ItemDataRole.ToolTipRole)
