"""`fleetgui serve` with everything in it: what stands is carried out by its agents, and told by its aggregator."""

from __future__ import annotations

from pydantic import SecretStr

from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.process import BackendProcess
from fleetgui.backend.scenarios import STANDING
from fleetgui.link.credentials import UserPassword
from tests.backend.deployments.rig import TENANT, converged, eventually, side, statuses

DEVICES = 60


async def test_a_backend_begins_with_something_deployed_that_comes_to_stand() -> None:
    fleet = Specs(DEVICES, 1)
    wanted = {}
    for each in STANDING:
        meant = [spec for spec in fleet if each.ring in (None, spec.ring)]
        wanted[each.name] = (len(meant), sum(spec.faulty for spec in meant), 0)
    backend = BackendProcess(devices=DEVICES, scenario="calm", tenant=TENANT)
    facts = await backend.start()
    try:
        assert facts.user is not None
        assert facts.password is not None
        async with side(facts.url, UserPassword(user=facts.user, password=SecretStr(facts.password))) as client:

            async def all_stand() -> bool:
                told = await statuses(client.link, client.buckets)
                return wanted == {name: (each.target, each.failed, each.pending) for name, each in told.items()}

            await eventually(all_stand, f"these stand: {wanted}", within=90.0)
            await converged(client.link, client.buckets)
    finally:
        await backend.stop()
