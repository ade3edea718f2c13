"""A search while devices come and go between its steps."""

from __future__ import annotations

import random

import pytest

from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.registry.computed import ComputedFleet
from fleetgui.backend.registry.records import Record, record_of, registration_of
from fleetgui.backend.registry.store import RecordStore
from fleetgui.wire.query import Filter, Order, conditions_of
from tests.backend.registry.samples import params

SPECS = Specs(900, 1)
IDS = [SPECS.device_id(index) for index in range(len(SPECS))]


def registered(device_id: str, battery: int) -> Record:
    registration = registration_of(params(device_id, status={"ts": "x", "battery": battery}))
    return record_of(registration, registration_id="r", registered_at="2026-11-21T00:00:00Z")


@pytest.mark.parametrize("order", [Order(), Order("battery", True), Order("serial_number")])
@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_who_was_there_all_the_time_is_found_once(seed: int, computed: bool, offline: bool, order: Order) -> None:
    chance, store = random.Random(seed), RecordStore()
    fleet = ComputedFleet(SPECS, 45)
    if computed:
        store.computed("t", fleet)
        for device_id in chance.sample(IDS, 300):
            store.put("t", registered(device_id, 50))
    else:
        for record in fleet:
            store.put("t", record)
    there = {record.device_id for record in store.fleet("t")}
    touched: set[str] = set()
    what = Filter(conditions=conditions_of({"device_id": {"contains": "-"}}))
    work = store.fleet("t").search(what, order, offline=offline, sees=None)
    while True:
        try:
            step = next(work)
        except StopIteration as done:
            hits = done.value
            break
        if step is not None:
            step()
        for device_id in chance.sample([*IDS, "aaa-1", "zzz-9"], 4):
            match chance.randrange(3):
                case 0:
                    store.put("t", registered(device_id, chance.randrange(100)))
                case 1 if store.end("t", device_id, ended_at=5.0) is not None:
                    touched.add(device_id)
                case 2 if store.remove("t", device_id) is not None:
                    touched.add(device_id)
    found = list(hits.ids(0, 10_000))
    assert len(found) == len(set(found)) == len(hits)
    assert there - touched <= set(found)
    if order.is_by_id:
        assert found == sorted(found)
