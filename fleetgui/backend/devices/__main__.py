"""The devices' process: `python -m fleetgui.backend.devices`, started by the supervisor (contract: `parent.py`).

Settings: those of `connect.py`, those of `cast.py` (`devices`, `seed` …), `scenario`, and `ttl` (seconds, or missing).
It is ready when the registry has taken the first of its devices.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Any

from fleetgui.backend import parent as parent_module
from fleetgui.backend.connect import connect, context_of
from fleetgui.backend.deployments.buckets import BucketSettings
from fleetgui.backend.deployments.releases import Releases
from fleetgui.backend.devices.cast import cast_of
from fleetgui.backend.devices.dashboard import Dashboard
from fleetgui.backend.devices.fleet import Fleet
from fleetgui.backend.devices.player import Player
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.settings import FleetSettings
from fleetgui.backend.parent import Parent, RoleFailed
from fleetgui.backend.scenarios import scenario
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock

log = logging.getLogger("fleetgui.devices")


async def serve(parent: Parent) -> None:
    settings = parent.settings
    try:
        cast = cast_of(settings)
        story = scenario(str(settings.get("scenario", "calm")))
        buckets = BucketSettings.from_environ(os.environ)
    except ValueError as error:
        raise RoleFailed(str(error)) from None
    context = context_of(settings)
    clock = SystemClock()

    broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def failed(name: str, error: BaseException) -> None:
        log.error("%s failed: %s: %s", name, type(error).__name__, error)
        if name == schedule_name and not broken.done():
            broken.set_exception(RoleFailed(f"the schedule of the simulated devices failed: {error}"))

    schedule_name = "the devices' schedule"
    tasks = Tasks(failed)
    link = await connect(context, clock=clock, name="fleetgui-devices", tasks=tasks)
    dashboard_link = await connect(context, clock=clock, name="fleetgui-dashboard", tasks=tasks) if cast.leads else None
    schedule = Schedule(clock)
    fleet = Fleet(
        cast.own,
        link,
        tenant=context.tenant,
        clock=clock,
        schedule=schedule,
        tasks=tasks,
        settings=FleetSettings.for_fleet(len(cast.living), os.environ, ttl=settings.get("ttl")),
    )
    tasks.spawn(schedule.run(), name=schedule_name)
    ended = tasks.spawn(parent.ended.wait(), name="the parent's end")
    try:
        fleet.start()
        first = tasks.spawn(fleet.first_registered.wait(), name="the first registration")
        waits: set[asyncio.Future[Any]] = {ended, broken}
        if cast.own:
            await asyncio.wait(waits | {first}, return_when=asyncio.FIRST_COMPLETED)
        if not parent.ended.is_set() and not broken.done():
            dashboard = (
                Dashboard(dashboard_link, context.tenant, tasks, len(cast.fleet))
                if dashboard_link is not None
                else None
            )
            releases: Releases | None = None
            if cast.leads:
                releases = Releases(link, context.tenant, tasks=tasks, clock=clock, settings=buckets)
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
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if broken.done():
            broken.result()
    finally:
        for each in (link, dashboard_link):
            if each is not None:
                await each.close()
        await tasks.cancel(within=0.5)


if __name__ == "__main__":
    sys.exit(parent_module.run_role(serve))
