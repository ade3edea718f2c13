"""The census that is kept on change against a recount, over random histories."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from fleetgui.backend.registry.census import Census
from fleetgui.backend.registry.records import record_of, registration_of
from fleetgui.backend.registry.steps import at_once
from fleetgui.backend.registry.store import Fleet, RecordStore
from fleetgui.wire.codec import Malformed, decode_any
from tests.backend.registry.samples import params


def recount(fleet: Fleet) -> dict[str, Any]:
    """What the contract says, by looking at everybody."""
    by_type: dict[str, Any] = {}
    by_location: dict[str, Any] = {}
    functions = 0
    for record in fleet:
        body = decode_any(record.json())
        kind, place = body["identity"]["device_type"] or "unknown", body["status"].get("location") or "unknown"
        if not isinstance(place, str):
            place = "unknown"
        functions += len(body["capabilities"]["functions"])
        for groups, group, other, name in ((by_type, kind, place, "locations"), (by_location, place, kind, "types")):
            entry = groups.setdefault(group, {"count": 0, name: []})
            entry["count"] += 1
            entry[name] = sorted({*entry[name], other})
    return {
        "total_devices": len(fleet),
        "total_functions": functions,
        "by_type": by_type,
        "by_location": by_location,
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_census_of_any_history_is_a_recount(seed: int) -> None:
    chance = random.Random(seed)
    store = RecordStore()
    places = ["site-1", "site-2", "Österö", "", None, 'q"\\', "x" * 300]
    for step in range(1_500):
        device_id = f"d{chance.randrange(40)}"
        match chance.randrange(5):
            case 0 | 1:
                identity = {"device_type": chance.choice(["camera", "lock", "", None])}
                status = {"ts": "x", "location": chance.choice(places)}
                functions = [{"name": f"f{each}"} for each in range(chance.randrange(3))]
                registration = registration_of(
                    params(device_id, identity=identity, status=status, capabilities={"functions": functions})
                )
                store.put("t", record_of(registration, registration_id="r", registered_at="x"))
            case 2:
                place = chance.choice([*places, 5, ["a"], {"b": 1}])
                store.merge_status("t", device_id, {"location": place, "battery": step})
            case 3:
                store.end("t", device_id, ended_at=float(step))
            case _:
                store.remove("t", device_id)
        if step % 50 == 0:
            fleet = store.fleet("t")
            answer = at_once(fleet.census.answer())
            assert decode_any(answer) == recount(fleet)
            assert fleet.census.least_bytes <= len(answer)
            assert at_once(fleet.census.answer()) is answer, "it is made once"
            assert fleet.size(summary=False) == sum(len(each.json()) for each in fleet)
            assert fleet.size(summary=True) == sum(each.brief_size for each in fleet)


def test_a_heartbeat_that_is_refused_moves_nobody() -> None:
    store = RecordStore()
    store.put("t", record_of(registration_of(params("a")), registration_id="r", registered_at="x"))
    before = recount(store.fleet("t"))
    with pytest.raises(Malformed):
        store.merge_status("t", "a", {"location": "elsewhere", "junk": "x" * 70_000})
    assert decode_any(at_once(store.fleet("t").census.answer())) == before


def test_the_census_of_some() -> None:
    store = RecordStore()
    for number in range(200):
        registration = registration_of(params(f"d{number}", identity={"device_type": f"kind-{number % 2}"}))
        store.put("t", record_of(registration, registration_id="r", registered_at="x"))
    census = at_once(store.fleet("t").census_of(lambda device_id: int(device_id[1:]) % 4 == 0))
    assert decode_any(at_once(census.answer()))["by_type"] == {"kind-0": {"count": 50, "locations": ["site-01"]}}


def test_many_groups_and_many_names_are_told_in_steps() -> None:
    census = Census()
    for number in range(3_000):
        census.add("camera", f"place-{number}", 2)
        census.add(f"kind-{number}", "here", 0)
    work, steps = census.answer(), 0
    while True:
        try:
            next(work)
            steps += 1
        except StopIteration as done:
            answer = json.loads(done.value)
            break
    assert steps > 10
    assert answer["by_type"]["camera"]["locations"] == sorted(f"place-{number}" for number in range(3_000))
    assert answer["by_location"]["here"]["count"] == 3_000
    assert (answer["total_devices"], answer["total_functions"]) == (6_000, 6_000)


def test_a_census_that_changes_while_it_is_told_is_told_anew_the_next_time() -> None:
    census = Census()
    for number in range(2_000):
        census.add("camera", f"place-{number}", 1)
    work = census.answer()
    next(work)
    census.take("camera", "place-7", 1)
    for _ in work:
        pass
    assert json.loads(at_once(census.answer()))["total_devices"] == 1_999
