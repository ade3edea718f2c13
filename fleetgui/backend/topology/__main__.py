"""`python -m fleetgui.backend.topology`: one publisher of a tenant's topologies, or one that stands by to be it.

The settings line has the link's keys (see `backend.connect`) and `environ`, names and values that go before the
environment's: `REGISTRY_ACCESS_POLICY` names the policy's file, as for the registry, and `TOPOLOGY_REQUESTER_ID` says
who this process is there: it shows what that one may see. It is ready when it publishes or stands by.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from typing import Final

from fleetgui.backend.parent import Parent, RoleFailed, run_role
from fleetgui.backend.role import environ_of, role
from fleetgui.backend.topology.leader import Leadership
from fleetgui.backend.topology.publisher import Publisher
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.access import AccessPolicy, BadPolicy, policy_from_environ
from fleetgui.policy.clock import Clock
from fleetgui.wire.subjects import NotAddressable

log = logging.getLogger("fleetgui.topology")

REQUESTER_NAME: Final = "TOPOLOGY_REQUESTER_ID"
CLOSE_WITHIN_S: Final = 0.8


class Office:
    """This process's part in it: it publishes while it leads, and waits for its turn otherwise."""

    def __init__(self, link: Link, clock: Clock, tasks: Tasks, policy: AccessPolicy | None, requester: str) -> None:
        self.leadership = Leadership(link, clock)
        self.publishes = asyncio.Event()
        self._link = link
        self._clock = clock
        self._tasks = tasks
        self._policy = policy
        self._requester = requester
        self._publisher: Publisher | None = None

    async def hold(self) -> None:
        """Lead whenever nobody else does, until cancelled."""
        while True:
            await self.leadership.won()
            telling = self._tasks.spawn(self.leadership.keep(), name="topology: claim")
            self._publisher = Publisher(
                self._link, self._clock, self._tasks.report, policy=self._policy, requester=self._requester
            )
            await self._publisher.start()
            self.publishes.set()
            log.info("this process publishes the topologies of %s", self._link.context.tenant)
            await self.leadership.lost()
            log.warning("another process publishes the topologies now; this one stands by")
            telling.cancel()
            await self.leave()

    async def leave(self) -> None:
        """Stop to publish, if it does; another may begin at once."""
        self.leadership.resign()
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.close()


async def main(parent: Parent) -> None:
    environ = environ_of(parent.settings)
    async with role(parent, "topology") as here:
        tasks = here.tasks
        try:
            policy = policy_from_environ(environ)
            office = Office(here.link, here.clock, tasks, policy, environ.get(REQUESTER_NAME, ""))
        except (NotAddressable, BadPolicy) as error:
            raise RoleFailed(str(error)) from None
        try:
            held = tasks.spawn(office.hold(), name="the topologies")
            publishes = tasks.spawn(office.publishes.wait(), name="the first time that it publishes")
            waits = tasks.spawn(office.leadership.waiting.wait(), name="the first time that it stands by")
            await here.until_ended(held, publishes, waits)
            if not here.is_ended:
                with contextlib.suppress(LinkError):
                    await here.link.flush()  # the broker knows our subscriptions: nobody finds no responder any more
                parent.ready(publishes=office.publishes.is_set())
            await here.until_ended(held)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await office.leave()


if __name__ == "__main__":
    sys.exit(run_role(main))
