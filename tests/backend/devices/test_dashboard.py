"""The greedy client."""

from __future__ import annotations

from fleetgui.backend.devices.dashboard import FIRST_BURST, GROWTH, Dashboard
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
