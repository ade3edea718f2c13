"""`python -m fleetgui.backend.deployments.agents`: the agents of simulated devices as a process (`backend/parent.py`).

Settings: those of `connect.py`; those of `devices/cast.py`, as the devices' process has them: the same fleet, the same
part of it; and `work`, how many seconds a device works on a deployment, [from, to], where that is to differ. It is
ready once it has a link; what JetStream and this user's permissions allow is found out after.
"""

from __future__ import annotations

import os
import sys

from fleetgui.backend.deployments.agents.agents import Agents, AgentSettings
from fleetgui.backend.deployments.buckets import Buckets, BucketSettings
from fleetgui.backend.devices.cast import cast_of
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.parent import Parent, RoleFailed, run_role
from fleetgui.backend.role import role
from fleetgui.backend.trouble import log
from fleetgui.wire.subjects import NotAddressable


async def main(parent: Parent) -> None:
    try:
        cast = cast_of(parent.settings)
        settings = BucketSettings.from_environ(os.environ)
        pace = AgentSettings.of(len(cast.own), parent.settings.get("work"))
    except ValueError as error:
        raise RoleFailed(str(error)) from None
    async with role(parent, "agents") as here:
        schedule = Schedule(here.clock)
        running = here.tasks.spawn(schedule.run(), name="the agents' schedule")
        agents: Agents | None = None
        try:
            buckets = Buckets(here.link, here.context.tenant, settings)
        except NotAddressable as error:
            log.error("there are no deployments here: %s", error)
        else:
            agents = Agents(cast.own, buckets, tasks=here.tasks, clock=here.clock, schedule=schedule, settings=pace)
            agents.start()
        parent.ready(devices=len(cast.own))
        await here.until_ended(running)
        if agents is not None:
            await agents.close()


if __name__ == "__main__":
    sys.exit(run_role(main))
