"""A fleet is a function of its seed: same records everywhere, and records that a registry and a console can use."""

from __future__ import annotations

import statistics

import pytest

from fleetgui.backend.devices.catalogue import KINDS
from fleetgui.backend.devices.device import Device
from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.registry.records import registration_of
from fleetgui.wire.codec import encode
from fleetgui.wire.records import summarize
from fleetgui.wire.subjects import why_not_addressable

WALL = 1_795_219_200.0


def records(count: int, seed: int) -> list[bytes]:
    devices = [Device(spec) for spec in Specs(count, seed)]
    return [encode(device.registration(ttl=15, wall=WALL)) for device in devices]


def test_the_same_seed_makes_the_same_fleet_and_another_seed_another() -> None:
    assert records(300, 7) == records(300, 7)
    assert records(300, 7) != records(300, 8)


def test_the_same_device_lives_the_same_life() -> None:
    one, two = (Device(Specs(5, 3)[0]) for _ in range(2))
    lives = [[(device.beat(WALL), device.event(WALL)) for _ in range(50)] for device in (one, two)]
    assert lives[0] == lives[1]
    assert len({str(beat) for beat, _ in lives[0]}) > 10, "status fields change from beat to beat"


@pytest.mark.parametrize("count", [0, 1, 7, 100, 1_400, 20_000])
def test_as_many_devices_as_asked_with_ids_that_sort_as_they_count(count: int) -> None:
    ids = [spec.device_id for spec in Specs(count, 1)]
    assert len(ids) == count == len(set(ids))
    assert ids == sorted(ids)
    assert not [device_id for device_id in ids if why_not_addressable(device_id)]


@pytest.mark.parametrize("count", [0, 1, 3, 1_400, 1_000_000])
def test_a_fleet_is_asked_by_index_and_by_id_whatever_its_size(count: int) -> None:
    specs = Specs(count, 1)
    for index in {0, 1, count // 3, count // 2, count - 1} & set(range(count)):
        spec = specs[index]
        assert spec == specs[index - count] == specs[index : index + 1][0]
        assert (spec.index, spec.device_id) == (index, specs.device_id(index))
        assert specs.index_of(spec.device_id) == index
    with pytest.raises(IndexError, match=f"there is no device {count} in a fleet of {count}"):
        specs[count]


def test_a_million_devices_have_ids_that_sort_as_they_count() -> None:
    specs = Specs(1_000_000, 1)
    ids = [specs.device_id(index) for index in range(len(specs))]
    assert ids == sorted(ids)
    assert ids[0] == "camera-000001"


@pytest.mark.parametrize(
    "device_id",
    [
        "",
        "-",
        "camera",
        "camera-",
        "camera-0000",
        "camera-147",
        "camera-00147",
        "camera-+147",
        "camera-٠١٤٧",
        "Camera-0147",
    ]
    + ["camera-9999", "camera-0147 ", "toaster-0001", "camera--147", "camera-0147-0147"],
)
def test_an_id_of_another_fleet_is_not_found(device_id: str) -> None:
    assert Specs(1_400, 1).index_of(device_id) is None
    assert Specs(0, 1).index_of(device_id) is None


def test_a_fleet_cannot_have_fewer_than_no_devices() -> None:
    with pytest.raises(ValueError, match="cannot have -1 devices"):
        Specs(-1, 1)


def test_a_deployment_can_select_by_site_type_and_ring() -> None:
    for spec in Specs(300, 1):
        labels = spec.labels()
        assert (labels["site"], labels["type"]) == (spec.site, spec.kind.name)
        assert labels["ring"] in ("canary", "early", "broad")


def test_the_demo_has_every_kind_many_sites_and_the_camera_from_the_phone_call() -> None:
    fleet = Specs(1_400, 1)
    assert {spec.kind.name for spec in fleet} == {kind.name for kind in KINDS}
    assert len({spec.site for spec in fleet}) == 40
    assert "camera-0147" in {spec.device_id for spec in fleet}
    assert 30 < sum(spec.faulty for spec in fleet) < 150


def test_records_are_as_large_as_real_ones_and_are_taken_by_registry_and_table() -> None:
    encoded = records(1_400, 1)
    assert 1_500 < statistics.mean(map(len, encoded)) < 2_200
    for spec, record in zip(Specs(1_400, 1), encoded, strict=True):
        summary = summarize(record)
        assert summary.device_type == spec.kind.name
        assert summary.location == spec.site
        assert 2 <= summary.functions <= 6
    registration_of(Device(Specs(1, 1)[0]).registration(ttl=15, wall=WALL))


def test_between_them_the_functions_use_every_form_of_parameter() -> None:
    forms: set[str] = set()

    def visit(schema: dict[str, object]) -> None:
        forms.add(
            str(schema["type"]) + (" enum" if "enum" in schema else "") + (" range" if "minimum" in schema else "")
        )
        for name in ("properties", "items"):
            inner = schema.get(name)
            if isinstance(inner, dict):
                for each in inner.values() if name == "properties" else [inner]:
                    visit(each)

    for kind in KINDS:
        for function in kind.functions:
            for schema in function.properties.values():
                visit(schema)
    assert forms >= {
        "integer range",
        "integer enum",
        "number range",
        "string",
        "string enum",
        "boolean",
        "array",
        "object",
    }
