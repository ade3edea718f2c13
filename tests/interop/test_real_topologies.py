"""The topology's publisher beside the real registry, which pages by offset and sends whole records."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.backend.links import party
from tests.backend.processes import until
from tests.backend.topology.rig import Console, publisher
from tests.interop import services
from tests.interop.conftest import FLEET, RealServices

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]


async def test_every_record_is_a_member_of_its_site_and_a_device_is_seen_to_come_and_go(real: RealServices) -> None:
    sites = Counter(record["status"]["location"] for record in services.records(FLEET))
    async with party(real.nats.url) as watching, publisher(real.nats.url) as (running, _):
        await until(lambda: running.members.counters.walked >= 1, "the walk is over")
        console = Console(watching)
        rows = await console.rows()
        assert {site: (devices, online) for site, (_, devices, online) in rows.items()} == {
            site: (count, count) for site, count in sites.items()
        }
        reader = await console.open("site-01")
        with services.RealDevice(real.nats.url, "default", "cam-topology", ttl=6) as device:
            device.wait_for("Device registered")
            await console.until(lambda: reader.view.members.get("cam-topology") == (True, ()), "it came")
        await console.until(lambda: reader.view.members["cam-topology"] == (False, ()), "its lease ended")
        assert reader.view.status == "degraded"
        assert len(reader.view.members) == sites["site-01"] + 1
        assert not reader.lost
        assert running.members.counters.malformed == 0
