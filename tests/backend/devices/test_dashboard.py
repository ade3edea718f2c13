"""The greedy client."""

from __future__ import annotations

from fleetgui.backend.devices.dashboard import FIRST_BURST, GROWTH, SEARCHED_AT_ONCE, Dashboard
from tests.backend.devices.fabric import Fabric
from tests.backend.processes import until


async def test_a_dashboard_grows_its_bursts_to_what_keeps_the_registry_busy(running: Fabric) -> None:
    dashboard = Dashboard(running.client, running.subjects.tenant, running.tasks)
    dashboard.burst(50.0)
    dashboard.burst(50.0)
    assert dashboard.asked == 0, "it has only been scheduled"
    await until(lambda: dashboard.answered == FIRST_BURST, "the first burst is answered, the overlapping one left out")
    dashboard.burst(1e6)
    await until(lambda: dashboard.answered == FIRST_BURST * (1 + GROWTH), "the second is larger, within bounds")
    assert dashboard.failed == 0


async def test_through_a_large_fleet_it_leafs(running: Fabric) -> None:
    asked: list[str] = []
    running.client.subscribe(running.subjects.discovery, lambda message: asked.append(message.data.decode()))
    await running.client.flush()
    dashboard = Dashboard(running.client, running.subjects.tenant, running.tasks, SEARCHED_AT_ONCE + 1)
    dashboard.burst(50.0)
    await until(lambda: dashboard.answered == FIRST_BURST, "the burst is answered")
    assert len(set(asked)) == FIRST_BURST
    assert all('"offset"' in each and '"query"' not in each for each in asked)
