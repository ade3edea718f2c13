"""One replica's state: whatever order words come in, and however often, the last one counts."""

from __future__ import annotations

import random

import pytest

from fleetgui.backend.registry.kept import Kept, KeptStatus
from fleetgui.backend.registry.leases import Leases
from fleetgui.backend.registry.mirror import Mirror
from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.store import RecordStore
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.codec import decode_any
from tests.backend.registry.test_kept import record

KEY = ("t", "cam-001")


class Replica:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = RecordStore()
        self.leases = Leases()
        self.mirror = Mirror(self.store, self.leases, self.clock)

    @property
    def registration(self) -> str | None:
        found = self.store.get(*KEY)
        return None if found is None else found.registration_id

    def status(self) -> dict[str, object]:
        found = self.store.get(*KEY)
        assert found is not None
        status: dict[str, object] = decode_any(found.status)
        return status


@pytest.fixture
def replica() -> Replica:
    return Replica()


def ended(one: Record) -> Kept:
    return Kept(one, 100.0)


def test_a_registration_counts_once_and_starts_a_lease(replica: Replica) -> None:
    assert replica.mirror.registered("t", record(), 5)
    assert not replica.mirror.registered("t", record(), 5)
    assert (replica.registration, replica.mirror.revision(KEY), len(replica.leases)) == ("r1", 5, 1)
    assert replica.store.fleet("t").revision == 5


def test_an_older_word_changes_nothing(replica: Replica) -> None:
    replica.mirror.registered("t", record(registration_id="new"), 9)
    assert not replica.mirror.registered("t", record(registration_id="old"), 8)
    assert not replica.mirror.ended("t", ended(record(registration_id="old")), 8)
    assert not replica.mirror.forgotten(KEY, 8)
    assert replica.registration == "new"


def test_an_end_takes_the_lease_and_keeps_the_record_apart(replica: Replica) -> None:
    replica.mirror.registered("t", record(), 5)
    assert replica.mirror.ended("t", ended(record()), 6)
    assert (replica.registration, len(replica.leases)) == (None, 0)
    assert replica.store.fleet("t").ended["cam-001"].at == 100.0


def test_an_end_that_is_the_first_word_is_known_as_ended(replica: Replica) -> None:
    assert replica.mirror.ended("t", ended(record()), 6)
    assert replica.registration is None
    assert "cam-001" in replica.store.fleet("t").ended


def test_what_heartbeats_made_of_a_status_is_not_lost_when_its_registration_is_told_again(replica: Replica) -> None:
    replica.mirror.registered("t", record(), 5)
    replica.store.merge_status(*KEY, {"battery": 7})
    replica.mirror.read_began()
    replica.mirror.registered("t", record(), 5)
    replica.mirror.status(KEY, KeptStatus("r1", {"battery": 1}))  # older than what was heard
    replica.mirror.read_ended()
    assert replica.status()["battery"] == 7


def test_a_kept_status_counts_after_a_full_read_and_for_its_registration_alone(replica: Replica) -> None:
    replica.mirror.read_began()
    replica.mirror.registered("t", record(), 5)
    replica.mirror.status(KEY, KeptStatus("another", {"battery": 1}))
    assert replica.status().get("battery") != 1
    replica.mirror.status(KEY, KeptStatus("r1", {"battery": 7}))
    replica.mirror.read_ended()
    replica.mirror.status(KEY, KeptStatus("r1", {"battery": 8}))
    assert replica.status()["battery"] == 7


def test_what_a_full_read_does_not_name_again_is_gone(replica: Replica) -> None:
    replica.mirror.registered("t", record(), 50)
    replica.mirror.registered("t", record("cam-002"), 51)
    replica.mirror.read_began()
    replica.mirror.registered("t", record("cam-002"), 3)  # another bucket, which counts from the start
    replica.mirror.read_ended()
    assert [each.device_id for each in replica.store.fleet("t")] == ["cam-002"]
    assert len(replica.leases) == 1


def test_a_read_that_is_broken_off_and_begun_again_forgets_nothing_it_had_before(replica: Replica) -> None:
    replica.mirror.registered("t", record(), 50)
    replica.mirror.read_began()
    replica.mirror.read_began()
    replica.mirror.read_ended()
    assert replica.registration is None


@pytest.mark.parametrize("seed", range(30))
def test_words_in_any_order_and_twice_end_in_the_last_one(replica: Replica, seed: int) -> None:
    chance = random.Random(seed)
    words = [(revision, chance.choice(["registered", "ended"])) for revision in range(1, 12)]
    told = words + chance.choices(words, k=6)
    chance.shuffle(told)
    for revision, what in told:
        one = record(registration_id=f"r{revision}")
        if what == "registered":
            replica.mirror.registered("t", one, revision)
        else:
            replica.mirror.ended("t", ended(one), revision)
    last, what = words[-1]
    fleet = replica.store.fleet("t")
    if what == "registered":
        assert (replica.registration, len(replica.leases), list(fleet.ended)) == (f"r{last}", 1, [])
    else:
        assert (replica.registration, len(replica.leases)) == (None, 0)
        assert fleet.ended["cam-001"].record.registration_id == f"r{last}"
