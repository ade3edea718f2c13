"""How simulated devices register with the real registry behind the real throttle."""

from __future__ import annotations

from fleetgui.backend.devices.device import Phase
from fleetgui.backend.devices.settings import FleetSettings
from fleetgui.wire.codec import decode_object
from tests.backend.devices.fabric import DEVICES, Fabric
from tests.backend.processes import until


async def test_jitter_spreads_a_start_over_its_whole_width(fabric: Fabric) -> None:
    await fabric.start_registry()
    fabric.fleet.settings = FleetSettings(register_jitter=10.0)
    fabric.fleet.start()
    counts = []
    for _ in range(5):
        await fabric.passes(2.0)
        counts.append(fabric.fleet.counters.registered)
    assert 0 < counts[0] < counts[2] < counts[4] == DEVICES


async def test_a_storm_is_really_refused_and_its_neighbours_are_not(running: Fabric) -> None:
    device = running.device("camera")
    running.fleet.storm(device, every=0.25, seconds=8.0)
    await running.passes(9.0)
    assert {device_id for device_id, _ in running.rejects} == {device.spec.device_id}
    assert running.rejects[0][1].reason == "hard-ceiling"
    assert running.rejects[0][1].warmup
    assert running.fleet.counters.refused == len(running.rejects) > 5
    assert device.phase is Phase.WAITING, "held back, it waits for as long as it was told"


async def test_after_its_storm_a_device_obeys_and_is_admitted_at_last(running: Fabric) -> None:
    device = running.device("camera")
    running.fleet.storm(device, every=0.25, seconds=8.0)
    await running.passes(9.0)
    refused, wait = len(running.rejects), running.rejects[-1][1].backoff_ms / 1_000
    await running.passes(wait - 2.0, step=1.0)
    assert len(running.rejects) == refused, "it does not try before its time"
    await running.passes(3.0)
    assert device.phase is Phase.UP


async def test_without_a_registry_a_device_tries_again_ever_later_and_gets_in_when_there_is_one(fabric: Fabric) -> None:
    fabric.fleet.start()
    await fabric.settled()
    assert fabric.fleet.counters.failed == DEVICES
    await fabric.passes(60.0, step=1.0)
    assert 5 * DEVICES < fabric.fleet.counters.failed < 8 * DEVICES
    await fabric.start_registry()
    await fabric.passes(30.0, step=1.0)
    assert len(fabric.registry.store) == DEVICES
    assert not fabric.rejects


async def test_a_lost_broker_makes_every_device_register_with_a_new_session(running: Fabric) -> None:
    sessions = {device.session for device in running.fleet.devices}
    running.fleet_link.reconnect_now()
    await until(lambda: running.fleet_link.state.reconnects == 1 and running.fleet_link.is_up, "the link is back")
    await running.passes(0.25)
    assert running.fleet.counters.registered == 2 * DEVICES
    assert not sessions & {device.session for device in running.fleet.devices}
    assert not running.rejects
    assert decode_object(await running.call(running.device("camera"), "self_test"))["result"]["passed"]
