"""`python -m tests.bench.kept_fleet`: a gateway whose registry holds a fleet of kept records from the start.

A million devices take minutes to register; here their records are put where registrations would have put them. The
settings line is a gateway's, and `devices`. Started by `tests.bench.page` as a role.
"""

from __future__ import annotations

import logging
import sys

from fleetgui.backend.connect import connect, context_of
from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.gateway.service import GatewayProcess
from fleetgui.backend.gateway.settings import GatewaySettings
from fleetgui.backend.parent import Parent, run_role
from fleetgui.backend.registry.computed import ComputedFleet
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock

TTL = 3_600


async def main(parent: Parent) -> None:
    context, clock = context_of(parent.settings), SystemClock()
    tasks = Tasks(lambda name, error: logging.error("%s failed: %r", name, error))
    link = await connect(context, clock=clock, name="kept fleet", tasks=tasks)
    try:
        settings = GatewaySettings.from_environ({"REGISTRY_STORAGE": "none"})
        gateway = GatewayProcess(link, settings, "gw-1", clock=clock, tasks=tasks, tenants=[context.tenant])
        for record in ComputedFleet(Specs(parent.settings["devices"], 1), TTL):
            gateway.registry.store.put(context.tenant, record)
        await gateway.start()
        await link.flush()
        parent.ready()
        await parent.ended.wait()
    finally:
        await tasks.cancel(within=0.5)
        await link.close()


if __name__ == "__main__":
    sys.exit(run_role(main))
