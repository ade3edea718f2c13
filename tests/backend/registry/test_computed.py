"""A computed fleet against one that holds the same records, whatever is registered, ends and is removed over it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fleetgui.backend.devices.device import Device
from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.registry import discovery
from fleetgui.backend.registry.computed import ComputedFleet
from fleetgui.backend.registry.discovery import DiscoveryHandler, DiscoverySettings
from fleetgui.backend.registry.records import Record, record_of, registration_of
from fleetgui.backend.registry.steps import at_once
from fleetgui.backend.registry.store import Fleet, RecordStore
from fleetgui.policy.access import AccessPolicy, Acl
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.codec import decode_any
from fleetgui.wire.query import FIELDS
from tests.backend.registry.samples import call, params, result

SPECS = Specs(700, 3)
TTL = 45


@pytest.fixture(autouse=True)
def answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "AT_ONCE_S", 10.0)


def registered(device_id: str, **changes: Any) -> Record:
    identity = {"device_type": "Odd", "serial_number": changes.pop("serial", "AC00000000")}
    registration = registration_of(params(device_id, identity=identity, **changes))
    return record_of(registration, registration_id=f"r-{device_id}", registered_at="2026-10-05T00:00:00Z")


def play(store: RecordStore, of: list[str]) -> None:
    """A history of real devices over (or beside) the fleet."""
    chance = random.Random(5)
    here: set[str] = set()
    for step in range(400):
        device_id = chance.choice(of)
        match chance.randrange(6) if device_id in here else 0:
            case 0 | 1 | 2:
                here.add(device_id)
                status = {"ts": "x", "location": chance.choice(["site-01", "Elsewhere", None]), "battery": step % 100}
                store.put("t", registered(device_id, status=status, serial=f"ZZ{step}" if step % 3 else None))
            case 3:
                store.merge_status("t", device_id, {"battery": step % 50, "location": "site-02"})
            case 4:
                here.discard(device_id)
                store.end("t", device_id, ended_at=1_795_219_200.0 + step)
            case _:
                here.discard(device_id)
                store.remove("t", device_id)


def both() -> tuple[RecordStore, RecordStore]:
    """The same fleet, computed and kept."""
    computed, kept = RecordStore(), RecordStore()
    fleet = ComputedFleet(SPECS, TTL)
    for record in list(fleet):
        kept.put("t", record)
    computed.computed("t", fleet)
    ids = [SPECS.device_id(index) for index in range(0, len(SPECS), 9)]
    ids += ["aaa", "camera-00", "camera-0007b", "zzz", *(f"lock-000{number}x" for number in range(5))]
    play(computed, ids)
    play(kept, ids)
    return computed, kept


COMPUTED, KEPT = both()


def answer(store: RecordStore, method: str, arguments: dict[str, Any], policy: AccessPolicy | None = None) -> Any:
    handler = DiscoveryHandler(store, DiscoverySettings(), lambda: 8 * 1024 * 1024, clock=ManualClock(), policy=policy)
    answered = result(handler.handle("t", call(f"discovery/{method}", arguments)))
    answered.pop("revision", None)  # the two counted differently
    return answered


def agree(method: str = "listDevices", policy: AccessPolicy | None = None, **arguments: Any) -> Any:
    one, other = (answer(store, method, arguments, policy) for store in (COMPUTED, KEPT))
    assert one == other
    return one


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize("limit", [7, 200])
def test_walks_by_offset_and_by_id_agree(limit: int, offline: bool) -> None:
    seen = []
    offset: int | None = 0
    while offset is not None:
        page = agree(limit=limit, offset=offset, include_offline=offline)
        seen += [device["device_id"] for device in page["devices"]]
        offset = page["next_offset"]
    assert seen == sorted(seen)
    assert len(seen) == page["total_matched"] == COMPUTED.fleet("t").count(offline=offline)
    after: str | None = ""
    again = []
    while after is not None:
        page = agree(limit=limit, after=after, include_offline=offline, projection="summary")
        again += [device["device_id"] for device in page["devices"]]
        after = page["next_after"]
    assert again == seen
    agree(after="camera-0007a", limit=3, include_offline=offline)
    for beyond in (10_000, 10**18, 1e300):
        agree(offset=beyond, limit=3)
        agree(offset=beyond, limit=3, order_by="battery")


@pytest.mark.parametrize(
    "arguments",
    [
        {"where": {"battery": {"lt": 40}}},
        {"where": {"battery": {"exists": False}, "device_type": {"ne": "camera"}}},
        {"where": {"busy_score": {"ge": 0.25}, "online": {"eq": True}}},
        {"where": {"labels": {"contains": "ROOF"}}},
        {"where": {"device_id": {"contains": "00"}, "serial_number": {"contains": "7"}}},
        {"where": {"device_id": {"gt": "camera-0100", "le": "lock-0005"}}},
        {"where": {"registered_at": {"lt": "2026-10-10T00:00:00Z"}, "status_ts": {"exists": True}}},
        {"where": {"ttl": {"in": [45]}, "availability": {"eq": "idle"}, "error_state": {"exists": False}}},
        {"where": {"functions": {"gt": 4}, "events": {"eq": 1}, "arch": {"in": ["aarch64"]}}},
        {"where": {"manufacturer": {"eq": "Acme Optics"}, "model": {"contains": "ir"}, "firmware": {"ge": "2.9"}}},
        {"where": {"offline_since": {"exists": True}}},
        {"query": "site-0"},
        {"query": "CAMERA-00"},
        {"query": "optics"},
        {"query": "nothing like it"},
        {"query": "1", "where": {"location": {"eq": "site-02"}}},
        {"device_type": "ca", "location": "SITE-1"},
    ],
)
def test_what_is_found_agrees(arguments: dict[str, Any]) -> None:
    for offline in (False, True):
        orders: list[dict[str, Any]] = [{}, {"order_by": "battery", "descending": True}]
        for order in orders:
            agree(limit=200, include_offline=offline, **arguments, **order)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", list(FIELDS))
def test_every_order_agrees(field: str, descending: bool) -> None:
    for offset in (0, 150, 600):
        agree(limit=200, offset=offset, order_by=field, descending=descending, include_offline=True)


def test_single_devices_and_descriptions_agree() -> None:
    for index in range(0, len(SPECS), 5):
        agree("getDevice", device_id=SPECS.device_id(index), include_offline=True)
    for other in ("aaa", "camera-0000", "camera-9999", "camera-00001", "lock-0005", "x"):
        agree("getDevice", device_id=other)
    described = agree("describeFleet")
    assert described["total_devices"] == len(COMPUTED.fleet("t"))


def test_access_control_agrees() -> None:
    policy = AccessPolicy([Acl(device_id="c*", tenant="t", visible_to=["x"]), Acl(device_id="lock-0003", tenant="t")])
    agree("describeFleet", policy)
    asked: list[dict[str, Any]] = [{}, {"order_by": "battery"}, {"query": "a"}, {"after": ""}, {"where": {}}]
    for arguments in asked:
        agree("listDevices", policy, limit=200, **arguments)


def test_what_has_registered_once_never_looks_alive_by_itself() -> None:
    store, device_id = RecordStore(), SPECS.device_id(7)
    store.computed("t", ComputedFleet(SPECS, TTL))
    fleet = store.fleet("t")
    assert fleet.get(device_id) is not None
    assert store.get("t", device_id) is None, "nobody has registered it, and no lease can end"
    before = fleet.revision
    store.put("t", registered(device_id))
    assert (len(fleet), fleet.revision > before) == (len(SPECS), True)
    store.end("t", device_id, ended_at=5.0)
    assert (fleet.get(device_id), len(fleet), fleet.count(offline=True)) == (None, len(SPECS) - 1, len(SPECS))
    store.remove("t", device_id)
    assert (fleet.get(device_id), fleet.count(offline=True)) == (None, len(SPECS) - 1)
    assert store.remove("t", SPECS.device_id(8)) is None
    assert fleet.get(SPECS.device_id(8)) is not None


def test_it_lies_under_what_is_there_already() -> None:
    store = RecordStore()
    store.put("t", registered(SPECS.device_id(1)))
    store.put("t", registered(SPECS.device_id(2)))
    store.put("t", registered("zzz"))
    store.end("t", SPECS.device_id(2), ended_at=5.0)
    store.computed("t", ComputedFleet(SPECS, TTL))
    fleet = store.fleet("t")
    assert (len(fleet), list(fleet.ended)) == (len(SPECS), [SPECS.device_id(2)])
    here = fleet.get(SPECS.device_id(1))
    assert here is not None
    assert here.registration_id == f"r-{SPECS.device_id(1)}"


def test_a_record_is_what_its_device_would_register() -> None:
    fleet = ComputedFleet(SPECS, TTL)
    for spec in SPECS[::23]:
        computed = fleet.get(spec.device_id)
        assert computed is not None
        body = decode_any(computed.json())
        device = Device(spec).registration(ttl=TTL, wall=0.0)
        device["status"]["ts"] = body["status"]["ts"]
        wanted = record_of(
            registration_of(device),
            registration_id=computed.registration_id,
            registered_at=body["registry"]["registered_at"],
        )
        assert decode_any(wanted.json()) == body
        assert decode_any(wanted.brief + wanted.status + wanted.tail) == decode_any(
            computed.brief + computed.status + computed.tail
        )
        same = ("device_id", "ttl", "functions", "device_type", "location", "type_folded", "labels", "labels_folded")
        assert [getattr(wanted, name) for name in same] == [getattr(computed, name) for name in same]


def test_the_size_it_names_is_never_above_the_true_one() -> None:
    fleet: Fleet = COMPUTED.fleet("t")
    assert 0 < fleet.size(summary=False) <= sum(len(each.json()) for each in fleet)
    assert 0 < fleet.size(summary=True) <= sum(each.brief_size for each in fleet)


def test_an_empty_one() -> None:
    store = RecordStore()
    store.computed("t", ComputedFleet(Specs(0, 1), TTL))
    assert answer(store, "listDevices", {"limit": 5, "order_by": "battery", "query": "x"})["devices"] == []
    assert answer(store, "describeFleet", {})["total_devices"] == 0
    store.put("t", registered("a"))
    assert answer(store, "listDevices", {"limit": 5, "order_by": "battery"})["total_matched"] == 1
    assert decode_any(at_once(store.fleet("t").census.answer()))["total_devices"] == 1
