"""The publisher of one tenant's topologies, for as long as it is the one: facts in, answers and the stream out.

Reads like a table of contents. It begins to answer when the registry and the buckets were read for the first time, or
could not be; what comes after that, however late, is told as events, or by a new epoch where it is much.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, Final

from fleetgui.backend.topology.buckets import DeploymentFeed
from fleetgui.backend.topology.members import Members
from fleetgui.backend.topology.picture import Picture
from fleetgui.backend.topology.requests import PolicyRights, TopologyRequests
from fleetgui.backend.topology.sites import Event
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.services import Service
from fleetgui.link.tasks import Failure, Tasks
from fleetgui.policy.access import AccessPolicy
from fleetgui.policy.clock import Clock
from fleetgui.wire import rpc
from fleetgui.wire.times import rfc3339
from fleetgui.wire.topology import (
    CHANGED_LATELY_S,
    KEEPALIVE,
    KEEPALIVE_S,
    QUEUE,
    Keepalive,
    MembersEvent,
    MutationEvent,
    ServiceEvent,
    StatusEvent,
    TopologySubjects,
)

log = logging.getLogger(__name__)

LOAD_WITHIN_S: Final = 5.0
"""A walk that takes longer goes on while requests are answered from what is known by then."""
LOOK_EVERY_S: Final = 0.05
TELL_EVERY_S: Final = 0.5
IN_A_KEEPALIVE: Final = 1_000
CLOSE_WITHIN_S: Final = 0.5

_METHODS: Final[dict[type[Event], str]] = {
    StatusEvent: "topology/status",
    MembersEvent: "topology/members",
    MutationEvent: "topology/mutation",
    ServiceEvent: "topology/service",
}


class Publisher:
    """Use: `await start()`, and `await close()` when another is the one. `unpublished` counts events that nobody got.

    `policy` limits who sees what; `requester` is who this process is to a registry that has one.
    """

    def __init__(
        self, link: Link, clock: Clock, on_failure: Failure, *, policy: AccessPolicy | None = None, requester: str = ""
    ) -> None:
        tenant = link.context.tenant
        self.unpublished = 0
        self._link = link
        self._clock = clock
        self._tasks = Tasks(on_failure)
        self._subjects = TopologySubjects(tenant)
        public = None if policy is None else policy.view(tenant, "").sees
        self.picture = Picture(clock, public=public)
        self.members = Members(link, self.picture, clock, self._tasks, requester=requester)
        self.feed = DeploymentFeed(link, self.picture)
        rights = None if policy is None else PolicyRights(policy, tenant, self.picture, clock)
        self._requests = TopologyRequests(
            self.picture, clock, lambda: link.max_payload, self._tell, rights, self.members.pace
        )
        self._service: Service | None = None
        self._epoch = ""
        self._crowded = False

    async def start(self) -> None:
        """Read what there is, then answer and publish."""
        self.members.start()
        self.feed.start()
        try:
            async with asyncio.timeout(LOAD_WITHIN_S):
                await self.members.settled.wait()
                while not self.feed.look():  # noqa: ASYNC110 - a watch sets no event when it fails
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            log.info("the topologies are still being read; what is known of them is shown")
        self.picture.renew()
        self._service = self._link.serve(
            self._subjects.requests,
            QUEUE,
            lambda message: self._requests.handle(message.data) if message.reply else None,
        )
        self._tell()
        self._tasks.spawn(self._tell_on(), name="topology: events")
        self._tasks.spawn(self._keep_alive(), name="topology: keepalive")

    async def close(self) -> None:
        """Answer and publish no more."""
        if self._service is not None:
            self._service.close()
        self.members.close()
        await self._tasks.cancel(within=CLOSE_WITHIN_S)
        await self.feed.close()

    async def _tell_on(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self.feed.look()
            self._tell()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEPALIVE_S)
            self._say_that_it_lives()

    def _tell(self) -> None:
        """Publish everything up to now; another epoch is told at once, because nothing else may follow for long."""
        for event in self.picture.settle():
            self._publish(self._subject(event), _METHODS[type(event)], event.model_dump(exclude_none=True))
        if self.picture.sites.epoch != self._epoch:
            self._epoch = self.picture.sites.epoch
            self._say_that_it_lives()
        self._say_what_is_left_out()

    def _subject(self, event: Event) -> str:
        subjects = self._subjects
        match event:
            case StatusEvent():
                return subjects.status(event.topology_id)
            case MembersEvent():
                return subjects.members(event.topology_id)
            case MutationEvent():
                return subjects.mutation(event.topology_id, event.state)
            case ServiceEvent():
                return subjects.service(event.topology_id, event.device_id, event.change)

    def _say_that_it_lives(self) -> None:
        sites, ts = self.picture.sites, rfc3339(self._clock.wall())
        last = sites.last_seqs(self._clock.now() - CHANGED_LATELY_S)
        for part in _parts(last, IN_A_KEEPALIVE):
            keepalive = Keepalive(epoch=sites.epoch, ts=ts, last=part)
            self._publish(self._subjects.keepalive, KEEPALIVE, keepalive.model_dump())

    def _publish(self, subject: str, method: str, params: dict[str, Any]) -> None:
        try:
            self._link.send(subject, rpc.notification(method, params))
        except LinkError:
            self.unpublished += 1  # its number is missing, and so its readers know

    def _say_what_is_left_out(self) -> None:
        if not self._crowded and (self.picture.sites.crowded_out or self.picture.rollouts.crowded_out):
            self._crowded = True
            log.warning("there are more topologies, members or deployments than are followed; some are not shown")


def _parts(last: dict[str, int], most: int) -> Iterator[dict[str, int]]:
    """`last` in parts, one that may be empty at least."""
    items = list(last.items())
    for start in range(0, max(1, len(items)), most):
        yield dict(items[start : start + most])
