"""`python -m fleetgui.backend.deployments.agents`: the agents of simulated devices as a process (`backend/parent.py`).

Settings: those of `connect.py`; those of `devices/cast.py`, as the devices' process has them: the same fleet, the same
part of it; and `work`, how many seconds a device works on a deployment, [from, to], where that is to differ. It is
ready once it has a link; what JetStream and this user's permissions allow is found out after.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from fleetgui.backend import parent as parent_module
from fleetgui.backend.connect import connect, context_of
from fleetgui.backend.deployments.agents.agents import Agents, AgentSettings
from fleetgui.backend.deployments.buckets import Buckets, BucketSettings
from fleetgui.backend.devices.cast import cast_of
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.parent import Parent, RoleFailed
from fleetgui.backend.trouble import log
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.wire.subjects import NotAddressable


async def serve(parent: Parent) -> None:
    context = context_of(parent.settings)
    try:
        cast = cast_of(parent.settings)
        settings = BucketSettings.from_environ(os.environ)
        pace = AgentSettings.of(len(cast.own), parent.settings.get("work"))
    except ValueError as error:
        raise RoleFailed(str(error)) from None
    clock = SystemClock()
    broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    schedule_name = "the agents' schedule"

    def failed(name: str, error: BaseException) -> None:
        log.error("%s failed", name, exc_info=error)
        if name == schedule_name and not broken.done():
            broken.set_exception(RoleFailed(f"the schedule of the agents failed: {error}"))

    tasks = Tasks(failed)
    link = await connect(context, clock=clock, name="fleetgui-agents", tasks=tasks)
    schedule = Schedule(clock)
    agents: Agents | None = None
    try:
        tasks.spawn(schedule.run(), name=schedule_name)
        try:
            buckets = Buckets(link, context.tenant, settings)
        except NotAddressable as error:
            log.error("there are no deployments here: %s", error)
        else:
            agents = Agents(cast.own, buckets, tasks=tasks, clock=clock, schedule=schedule, settings=pace)
            agents.start()
        parent.ready(devices=len(cast.own))
        ended = tasks.spawn(parent.ended.wait(), name="the parent's end")
        waits: set[asyncio.Future[Any]] = {ended, broken}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if broken.done():
            broken.result()
        if agents is not None:
            await agents.close()
    finally:
        await tasks.cancel(within=0.5)
        await link.close()


if __name__ == "__main__":
    sys.exit(parent_module.run_role(serve))
