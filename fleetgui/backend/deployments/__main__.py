"""`python -m fleetgui.backend.deployments`: the aggregator as a process, with the contract of `backend/parent.py`.

Settings: those of `connect.py`. It is ready once it has a link; whether the broker has JetStream, and lets this user
have it, is found out after that, said, and tried again. Where the buckets are kept: `DEPLOYMENTS_STORAGE`,
`DEPLOYMENTS_REPLICAS` (see `buckets.py`).
"""

from __future__ import annotations

import os
import sys

from fleetgui.backend.deployments.aggregator import Aggregator
from fleetgui.backend.deployments.buckets import Buckets, BucketSettings
from fleetgui.backend.parent import Parent, RoleFailed, run_role
from fleetgui.backend.role import role
from fleetgui.backend.trouble import log
from fleetgui.wire.subjects import NotAddressable


async def main(parent: Parent) -> None:
    try:
        settings = BucketSettings.from_environ(os.environ)
    except ValueError as error:
        raise RoleFailed(str(error)) from None
    async with role(parent, "deployments") as here:
        aggregator: Aggregator | None = None
        try:
            buckets = Buckets(here.link, here.context.tenant, settings)
            aggregator = Aggregator(buckets, tasks=here.tasks, clock=here.clock)
            aggregator.start()
        except NotAddressable as error:
            log.error("there are no deployments here: %s", error)
        parent.ready()
        await here.until_ended()
        if aggregator is not None:
            await aggregator.close()


if __name__ == "__main__":
    sys.exit(run_role(main))
