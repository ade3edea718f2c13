"""`python -m fleetgui.backend.deployments`: the aggregator as a process, with the contract of `backend/parent.py`.

Settings: those of `connect.py`. It is ready once it has a link; whether the broker has JetStream, and lets this user
have it, is found out after that, said, and tried again. Where the buckets are kept: `DEPLOYMENTS_STORAGE`,
`DEPLOYMENTS_REPLICAS` (see `buckets.py`).
"""

from __future__ import annotations

import os
import sys

from fleetgui.backend import parent as parent_module
from fleetgui.backend.connect import connect, context_of
from fleetgui.backend.deployments.aggregator import Aggregator
from fleetgui.backend.deployments.buckets import Buckets, BucketSettings
from fleetgui.backend.parent import Parent, RoleFailed
from fleetgui.backend.trouble import log
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.wire.subjects import NotAddressable


async def serve(parent: Parent) -> None:
    context = context_of(parent.settings)
    try:
        settings = BucketSettings.from_environ(os.environ)
    except ValueError as error:
        raise RoleFailed(str(error)) from None
    clock = SystemClock()
    tasks = Tasks(lambda name, error: log.error("%s failed", name, exc_info=error))
    link = await connect(context, clock=clock, name="fleetgui-deployments", tasks=tasks)
    try:
        aggregator: Aggregator | None = None
        try:
            aggregator = Aggregator(Buckets(link, context.tenant, settings), tasks=tasks, clock=clock)
            aggregator.start()
        except NotAddressable as error:
            log.error("there are no deployments here: %s", error)
        parent.ready()
        await parent.ended.wait()
        if aggregator is not None:
            await aggregator.close()
    finally:
        await tasks.cancel(within=0.5)
        await link.close()


if __name__ == "__main__":
    sys.exit(parent_module.run_role(serve))
