"""What a scenario deploys, put on record one after the other, each tried again until it is there."""

from __future__ import annotations

import asyncio
from typing import Final

from fleetgui.backend.deployments.buckets import BucketSettings, deploy
from fleetgui.backend.scenarios import Deploy
from fleetgui.backend.trouble import Trouble, log
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import Deployment, DeploymentName, Moment
from fleetgui.wire.subjects import NotAddressable

RETRY_S: Final = 5.0


class Releases:
    """Made by the one process that leads; works in a task, in the order in which it was asked. `done` is what came of
    it."""

    def __init__(
        self, link: Link, tenant: str, *, tasks: Tasks, clock: Clock, settings: BucketSettings, retry_s: float = RETRY_S
    ) -> None:
        self.done: list[Deployment] = []
        self._link = link
        self._tenant = tenant
        self._clock = clock
        self._settings = settings
        self._retry_s = retry_s
        self._queue: asyncio.Queue[tuple[Deploy, bool]] = asyncio.Queue()
        self._trouble = Trouble("a deployment cannot be put on record")
        tasks.spawn(self._run(), name="the scenario's deployments")

    def release(self, what: Deploy) -> None:
        """Deploy it, as one more generation if it was deployed before."""
        self._queue.put_nowait((what, True))

    def stand(self, what: Deploy) -> None:
        """Deploy it unless it is already."""
        self._queue.put_nowait((what, False))

    async def _run(self) -> None:
        while True:
            what, again = await self._queue.get()
            try:
                await self._insist(what, again)
            except (NotAddressable, Malformed) as error:
                log.error("%s is not deployed: %s", what.name, error)

    async def _insist(self, what: Deploy, again: bool) -> None:
        while True:
            deployment = Deployment(
                name=DeploymentName(what.name),
                target_selector={} if what.ring is None else {"ring": what.ring},
                generation=1,
                created_at=Moment(self._clock.wall()),
            )
            try:
                stands = await deploy(self._link, self._tenant, deployment, again=again, settings=self._settings)
            except LinkError as error:
                self._trouble.is_now(error)
                await asyncio.sleep(self._retry_s)
                continue
            self._trouble.is_now(None)
            self.done.append(stands)
            return
