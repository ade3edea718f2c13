"""The devices' process: `python -m fleetgui.backend.devices`, started by the supervisor (contract: `parent.py`).

Settings: those of `connect.py`, those of `cast.py` (`devices`, `seed` …), `scenario`, and `ttl` (seconds, or missing).
It is ready when the registry has taken the first of its devices.
"""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack

from fleetgui.backend.connect import connect
from fleetgui.backend.deployments.buckets import BucketSettings
from fleetgui.backend.deployments.releases import Releases
from fleetgui.backend.devices.cast import cast_of
from fleetgui.backend.devices.dashboard import Dashboard
from fleetgui.backend.devices.fleet import Fleet
from fleetgui.backend.devices.player import Player
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.settings import FleetSettings
from fleetgui.backend.parent import Parent, RoleFailed, run_role
from fleetgui.backend.role import role
from fleetgui.backend.scenarios import scenario


async def main(parent: Parent) -> None:
    settings = parent.settings
    try:
        cast = cast_of(settings)
        story = scenario(str(settings.get("scenario", "calm")))
        buckets = BucketSettings.from_environ(os.environ)
    except ValueError as error:
        raise RoleFailed(str(error)) from None
    async with role(parent, "devices") as here, AsyncExitStack() as closing:
        clock, tasks, tenant = here.clock, here.tasks, here.context.tenant
        dashboard: Dashboard | None = None
        if cast.leads:
            its_link = await connect(here.context, clock=clock, name="fleetgui dashboard", tasks=tasks)
            closing.push_async_callback(its_link.close)
            dashboard = Dashboard(its_link, tenant, tasks, len(cast.fleet))
        schedule = Schedule(clock)
        fleet = Fleet(
            cast.own,
            here.link,
            tenant=tenant,
            clock=clock,
            schedule=schedule,
            tasks=tasks,
            settings=FleetSettings.for_fleet(len(cast.living), os.environ, ttl=settings.get("ttl")),
        )
        running = tasks.spawn(schedule.run(), name="the schedule of the simulated devices")
        fleet.start()
        if cast.own:
            await here.until_ended(running, tasks.spawn(fleet.first_registered.wait(), name="the first registration"))
        if here.is_ended:
            return
        releases: Releases | None = None
        if cast.leads:
            releases = Releases(here.link, tenant, tasks=tasks, clock=clock, settings=buckets)
            for standing in story.standing:
                releases.stand(standing)
        Player(
            story,
            fleet,
            schedule,
            cast=cast.living,
            seed=cast.fleet.seed,
            dashboard=dashboard,
            deploy=releases.release if releases is not None else None,
        ).start()
        parent.ready(devices=len(cast.own))
        await here.until_ended(running)


if __name__ == "__main__":
    sys.exit(run_role(main))
