"""`python -m fleetgui.backend.gateway`: a gateway as a process, started by a parent as `backend.parent` has it.

The settings line has the link's keys (see `backend.connect`) and: `node`, the replica's name (default `gw-1`);
`tenants`, a list of those to tell from the start; `environ`, names and values that go before the environment's;
`computed`, a fleet that its registry makes up when asked (`devices`, `seed`, `ttl`), for the context's tenant.

An access policy that is named (`REGISTRY_ACCESS_POLICY`) and cannot be read keeps it from starting.
"""

from __future__ import annotations

import sys

from fleetgui.backend.gateway.replicas import NameTaken
from fleetgui.backend.gateway.service import GatewayProcess
from fleetgui.backend.gateway.settings import GatewaySettings
from fleetgui.backend.parent import Parent, RoleFailed, run_role
from fleetgui.backend.role import Role, environ_of, role
from fleetgui.policy.access import policy_from_environ


async def main(parent: Parent) -> None:
    async with role(parent, "gateway") as here:
        gateway = _gateway(here)
        try:
            await gateway.replicas.claim()
            await gateway.start()
        except NameTaken as error:
            raise RoleFailed(str(error)) from None
        await here.link.flush()  # the broker knows our subscriptions: from here on nobody finds no responder
        parent.ready(node=gateway.notices.node, epoch=gateway.notices.epoch)
        lost = here.tasks.spawn(gateway.replicas.lost(), name="the loss of the name")
        await here.until_ended(lost)
        if lost.done():
            raise RoleFailed(str(lost.result()))  # without a farewell: under this name it would be the other one's
        await gateway.leave()


def _gateway(here: Role) -> GatewayProcess:
    """The gateway of a settings line; raises `RoleFailed`."""
    settings, tenant = here.parent.settings, here.context.tenant
    environ = environ_of(settings)
    tenants = settings.get("tenants")
    try:
        gateway = GatewayProcess(
            here.link,
            GatewaySettings.from_environ(environ),
            settings.get("node") or "gw-1",
            clock=here.clock,
            tasks=here.tasks,
            tenants=[str(each) for each in tenants] if isinstance(tenants, list) else [tenant],
            policy=policy_from_environ(environ),
        )
        if (computed := settings.get("computed")) is not None:
            from fleetgui.backend.registry.computed import computed_fleet  # with numpy, which no other gateway needs

            gateway.registry.store.computed(tenant, computed_fleet(computed))
    except ValueError as error:
        raise RoleFailed(str(error)) from None
    return gateway


if __name__ == "__main__":
    sys.exit(run_role(main))
