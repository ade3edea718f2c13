"""`python -m fleetgui.backend.gateway`: a gateway as a process, started by a parent as `backend.parent` has it.

The settings line has the link's keys (see `backend.connect`) and: `node`, the replica's name (default `gw-1`);
`tenants`, a list of those to tell from the start; `environ`, names and values that go before the environment's;
`computed`, a fleet that its registry makes up when asked (`devices`, `seed`, `ttl`), for the context's tenant.

An access policy that is named (`REGISTRY_ACCESS_POLICY`) and cannot be read keeps it from starting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import Any, Final

from fleetgui.backend.connect import connect, context_of
from fleetgui.backend.gateway.replicas import NameTaken
from fleetgui.backend.gateway.service import GatewayProcess
from fleetgui.backend.gateway.settings import GatewaySettings
from fleetgui.backend.parent import Parent, RoleFailed, run_role
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.access import policy_from_environ
from fleetgui.policy.clock import Clock, SystemClock

log = logging.getLogger(__name__)

CANCEL_WITHIN_S: Final = 0.5


async def main(parent: Parent) -> None:
    """Serve until the parent is gone or SIGTERM comes."""
    with contextlib.suppress(NotImplementedError):  # Windows, where a child is ended by the end of its pipe
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, parent.ended.set)
    context = context_of(parent.settings)
    clock = SystemClock()
    tasks = Tasks(_failed)
    link = await connect(context, clock=clock, name="fleetgui gateway", tasks=tasks)
    try:
        gateway = _gateway(link, parent.settings, clock, tasks)
        await gateway.replicas.claim()
        await gateway.start()
        await link.flush()  # the broker knows our subscriptions: from here on nobody finds no responder
        parent.ready(node=gateway.notices.node, epoch=gateway.notices.epoch)
        lost = tasks.spawn(gateway.replicas.lost(), name="the loss of the name")
        ended = tasks.spawn(parent.ended.wait(), name="the parent's end")
        await asyncio.wait({lost, ended}, return_when=asyncio.FIRST_COMPLETED)
        if lost.done():
            raise lost.result()  # without a farewell: under this name it would be the other one's
        await gateway.leave()
    except (LinkError, NameTaken) as error:
        raise RoleFailed(str(error)) from None
    finally:
        await tasks.cancel(within=CANCEL_WITHIN_S)
        await link.close()


def _gateway(link: Link, settings: dict[str, Any], clock: Clock, tasks: Tasks) -> GatewayProcess:
    """The gateway of a settings line; raises `RoleFailed`."""
    environ = settings.get("environ")
    overrides = {str(name): str(text) for name, text in environ.items()} if isinstance(environ, dict) else {}
    tenants = settings.get("tenants")
    try:
        gateway = GatewayProcess(
            link,
            GatewaySettings.from_environ(os.environ | overrides),
            settings.get("node") or "gw-1",
            clock=clock,
            tasks=tasks,
            tenants=[str(each) for each in tenants] if isinstance(tenants, list) else [link.context.tenant],
            policy=policy_from_environ(os.environ | overrides),
        )
        if (computed := settings.get("computed")) is not None:
            from fleetgui.backend.registry.computed import computed_fleet  # with numpy, which no other gateway needs

            gateway.registry.store.computed(link.context.tenant, computed_fleet(computed))
    except ValueError as error:
        raise RoleFailed(str(error)) from None
    return gateway


def _failed(name: str, error: BaseException) -> None:
    log.error("%s failed", name, exc_info=error)


if __name__ == "__main__":
    sys.exit(run_role(main))
