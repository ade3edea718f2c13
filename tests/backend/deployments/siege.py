"""What `test_hostile` sends to the aggregator and the agents, and how it tells that they are unharmed."""

from __future__ import annotations

import itertools
from typing import Any, Final

from fleetgui.backend.deployments.buckets import Buckets, deploy
from fleetgui.backend.devices.specs import Specs
from fleetgui.wire.deployments import Deployment, DeploymentName, DeploymentStatus, DeviceKey, Moment, Phase
from tests.backend.deployments.rig import deployment, eventually, state
from tests.backend.links import Party

TENANT: Final = "t"
DEVICES: Final = 20
SEED: Final = 1
AGENTS: Final = {"devices": DEVICES, "seed": SEED, "work": [0.0, 0.5]}

HEALTHY = Deployment(
    name=DeploymentName("healthy"),
    target_devices=(DeviceKey("h1"), DeviceKey("h2"), DeviceKey("h3")),
    generation=1,
    created_at=Moment(1.0),
)
CARRIED = deployment("carried", ring="broad")
"""By the agents."""

AT: Final = "2026-11-21T00:00:00.000Z"

RECORDS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (
        "$KV.device-info_t.info.victim",
        {"device_id": "victim", "labels": {"a": "b"}, "inventory": {"x": [1]}, "updated_at": AT},
    ),
    (
        "$KV.device-state_t.state.victim.victim",
        {"device_id": "victim", "deployment": "victim", "phase": "Failed", "last_event_at": AT, "last_error": "e"},
    ),
    ("$KV.device-heartbeat_t.heartbeat.victim", {"device_id": "victim", "at": AT}),
    ("$KV.deployment_t.victim", {"name": "victim", "target_selector": {"a": "b"}, "generation": 1, "created_at": AT}),
    ("$KV.deployment_t.victim", {"name": "victim", "target_devices": ["victim"], "generation": 1, "created_at": AT}),
    (
        "$KV.deployment-status_t.healthy",
        {
            "name": "healthy",
            "target": 9,
            "succeeded": 4,
            "failed": 3,
            "pending": 2,
            "last_error": {"device_id": "victim", "message": "m", "at": AT},
            "updated_at": AT,
        },
    ),
)
"""Subject and a valid record there."""

_times = itertools.count(2)


async def prepare(client: Party) -> None:
    """One deployment whose states the test writes, one that the agents carry out."""
    buckets = Buckets(client.link, TENANT)
    await buckets.ensure()
    for each in (HEALTHY, CARRIED):
        await deploy(client.link, TENANT, each)
    failed = state("h1", "healthy", Phase.FAILED, 1.0, "no room")
    await buckets.state.put(failed.key, failed.encode())


async def known(client: Party) -> object:
    """Both statuses, once they are as they should be; a device changes its mind in between and back, and is heard."""
    buckets = Buckets(client.link, TENANT)
    specs = [spec for spec in Specs(DEVICES, SEED) if spec.ring == "broad"]
    faulty = sum(spec.faulty for spec in specs)
    for phase, counts in ((Phase.RUNNING, (3, 1, 1, 1)), (Phase.PENDING, (3, 0, 1, 2))):
        said = state("h2", "healthy", phase, next(_times))
        await buckets.state.put(said.key, said.encode())

        async def stands(counts: tuple[int, ...] = counts) -> bool:
            return await _counts(buckets, "healthy") == counts

        await eventually(stands, f"the status says {counts}")
    carried = len(specs), len(specs) - faulty, faulty, 0

    async def carried_out() -> bool:
        return await _counts(buckets, "carried") == carried

    await eventually(carried_out, f"the agents have carried it out: {carried}")
    return carried


async def _counts(buckets: Buckets, name: str) -> tuple[int, int, int, int] | None:
    entry = await buckets.status.get(name)
    if entry is None or entry.value is None:
        return None
    status = DeploymentStatus.decode(name, entry.value)
    return status.target, status.succeeded, status.failed, status.pending
