"""`python -m fleetgui.backend.topology`: one publisher of a tenant's topologies, or one that stands by to be it.

The settings line has the link's keys (see `backend.connect`) and `environ`, names and values that go before the
environment's: `REGISTRY_ACCESS_POLICY` names the policy's file, as for the registry, and `TOPOLOGY_REQUESTER_ID` says
who this process is there: it shows what that one may see. It is ready when it publishes or stands by.
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
from fleetgui.backend.parent import Parent, RoleFailed, run_role
from fleetgui.backend.topology.leader import Leadership
from fleetgui.backend.topology.publisher import Publisher
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.access import AccessPolicy, BadPolicy, policy_from_environ
from fleetgui.policy.clock import Clock, SystemClock
from fleetgui.wire.subjects import NotAddressable

log = logging.getLogger("fleetgui.topology")

REQUESTER_NAME: Final = "TOPOLOGY_REQUESTER_ID"
CANCEL_WITHIN_S: Final = 0.5
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
    """Serve until the parent is gone or SIGTERM comes."""
    with contextlib.suppress(NotImplementedError):  # Windows, where a child is ended by the end of its pipe
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, parent.ended.set)
    context = context_of(parent.settings)
    environ = os.environ | _overrides(parent.settings)
    clock = SystemClock()
    tasks = Tasks(_failed)
    link = await connect(context, clock=clock, name="fleetgui topology", tasks=tasks)
    office: Office | None = None
    try:
        office = Office(link, clock, tasks, policy_from_environ(environ), environ.get(REQUESTER_NAME, ""))
        held = tasks.spawn(office.hold(), name="the topologies")
        publishes = tasks.spawn(office.publishes.wait(), name="the first time that it publishes")
        waits = tasks.spawn(office.leadership.waiting.wait(), name="the first time that it stands by")
        ended = tasks.spawn(parent.ended.wait(), name="the parent's end")
        await asyncio.wait({held, publishes, waits, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and not held.done():
            with contextlib.suppress(LinkError):
                await link.flush()  # the broker knows our subscriptions: from here on nobody finds no responder
            parent.ready(publishes=office.publishes.is_set())
        await asyncio.wait({held, ended}, return_when=asyncio.FIRST_COMPLETED)
        if held.done():
            held.result()
    except (LinkError, NotAddressable, BadPolicy) as error:
        raise RoleFailed(str(error)) from None
    finally:
        if office is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await office.leave()
        await tasks.cancel(within=CANCEL_WITHIN_S)
        await link.close()


def _overrides(settings: dict[str, Any]) -> dict[str, str]:
    environ = settings.get("environ")
    return {str(name): str(text) for name, text in environ.items()} if isinstance(environ, dict) else {}


def _failed(name: str, error: BaseException) -> None:
    log.error("%s failed", name, exc_info=error)


if __name__ == "__main__":
    sys.exit(run_role(main))
