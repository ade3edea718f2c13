"""One gateway process: the registry behind the throttle, the lag sampler beside it, and all of it to be seen.

Reads like a table of contents: what is made, what is told of what, and which tasks run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Final

from fleetgui.backend.gateway.engagements import Merger
from fleetgui.backend.gateway.gate import ThrottleGate
from fleetgui.backend.gateway.history import History
from fleetgui.backend.gateway.nodes import Nodes, checked_node
from fleetgui.backend.gateway.notices import Notices
from fleetgui.backend.gateway.replicas import Replicas
from fleetgui.backend.gateway.requests import GatewayRequests
from fleetgui.backend.gateway.settings import GatewaySettings
from fleetgui.backend.gateway.sharing import Sharing
from fleetgui.backend.registry.service import RegistryService
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.access import AccessPolicy
from fleetgui.policy.band import BandTracker
from fleetgui.policy.clock import Clock
from fleetgui.policy.lag import LagSampler, Window
from fleetgui.policy.throttle import Reject, Throttle
from fleetgui.wire.gateway import KEEPALIVE_S, QUEUE, NodeInfo, validate
from fleetgui.wire.subjects import any_tenant, tenant_of
from fleetgui.wire.times import rfc3339

log = logging.getLogger(__name__)

MERGED_EVERY_S: Final = 0.5
LEAVE_WITHIN_S: Final = 0.5


class GatewayProcess:
    """The parts of one gateway on one link. `tenants` are told from the start, others once they are heard of.

    Raises `ValueError` when `node` cannot be a gateway's name.
    """

    def __init__(
        self,
        link: Link,
        settings: GatewaySettings,
        node: str,
        *,
        clock: Clock,
        tasks: Tasks,
        tenants: Iterable[str] = ("default",),
        policy: AccessPolicy | None = None,
    ) -> None:
        self.settings = settings
        self._policy = "none" if policy is None else "in force"
        self._link = link
        self._clock = clock
        self._tasks = tasks
        self._started_at = clock.wall()
        self.history = History(link, tasks, settings)
        self.notices = Notices(link, clock, self.history, checked_node(node), tenants)
        self.bands = BandTracker(settings.lag)
        self._sampler = LagSampler(settings.lag, self._window_closed)
        self._merger = Merger()
        self.throttle = Throttle(settings.throttle, clock.now() * 1000)
        self.sharing = Sharing(link, self.throttle, clock, self.notices.epoch)
        self._gate = ThrottleGate(
            self.throttle, clock, lambda: self.bands.band, self._engaged, decided=self.sharing.decided
        )
        self.replicas = Replicas(link, clock, node, self.notices.epoch, self._started_at)
        self.registry = RegistryService(
            link,
            clock=clock,
            tasks=tasks,
            settings=settings.discovery,
            gate=self._gate,
            limits=settings.limits,
            keeping=settings.keeping,
            owns=self.replicas.owns,
            policy=policy,
        )
        self.nodes = Nodes(link, self._describe_me, settings.history_replicas)
        self._requests = GatewayRequests(self.history, self.nodes.all, lambda: link.max_payload)

    async def start(self) -> None:
        """Serve, measure and tell, in tasks of their own; raises `LinkError` when what is kept cannot be known."""
        self.sharing.start()
        self.replicas.start()
        await self.registry.start()
        self.history.start()
        self._link.serve(any_tenant("gateway"), QUEUE, self._answer)
        self._tasks.spawn(self._sampler.run(), name="gateway: lag sampler")
        self._tasks.spawn(self._keep_alive(), name="gateway: keepalive")
        self._tasks.spawn(self._merge(), name="gateway: merged engagements")
        self._tasks.spawn(self.nodes.run(), name="gateway: nodes")
        self._tasks.spawn(self.replicas.run(), name="gateway: pulse")

    async def leave(self) -> None:
        """Say goodbye to the other replicas, if that is possible quickly. Raises nothing."""
        self.replicas.leave()
        await self.registry.leave()
        with contextlib.suppress(LinkError, TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await self.nodes.leave()

    async def _answer(self, message: Message) -> bytes | None:
        tenant = tenant_of(message.subject)
        if not message.reply or not self.notices.serve(tenant):
            return None
        return await self._requests.handle(tenant, message.data)

    def _window_closed(self, window: Window) -> None:
        for tenant in self.registry.store.tenants:
            self.notices.serve(tenant)
        change = self.bands.close_window(window.stats.p99_ms)
        ended_wall = self._clock.wall() - max(0.0, asyncio.get_running_loop().time() - window.ended)
        self.notices.lag(window.stats, window.length_ms, self.bands.band, ended_wall)
        if change is not None:
            log.warning(
                "event-loop lag: band %s, was %s (p99 %.1f ms)",
                change.to_band.value,
                change.from_band.value,
                change.p99_ms,
            )
            self.notices.band(change, ended_wall)
        self._gate.sweep()

    def _engaged(self, tenant: str, device_id: str, reject: Reject) -> None:
        for ready, count in self._merger.add((tenant, device_id), reject, self._clock.now()):
            self._tell(tenant, device_id, ready, count)

    def _tell(self, tenant: str, device_id: str, reject: Reject, count: int) -> None:
        self.notices.engagement(tenant, device_id, reject, self.settings.throttle.window_ms, count)

    async def _merge(self) -> None:
        while True:
            await asyncio.sleep(MERGED_EVERY_S)
            for (tenant, device_id), reject, count in self._merger.flush(self._clock.now()):
                self._tell(tenant, device_id, reject, count)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEPALIVE_S)
            self.notices.keepalive()

    def _describe_me(self) -> NodeInfo:
        lag = self.notices.latest_lag
        return validate(
            NodeInfo,
            {
                "node": self.notices.node,
                "epoch": self.notices.epoch,
                "started_at": rfc3339(self._started_at),
                "warmup_until": rfc3339(self._started_at + self.settings.throttle.warmup_ms / 1000),
                "band": self.bands.band.value,
                "lag": None if lag is None else lag.model_dump(by_alias=True),
                "settings": self.settings.as_dict() | {"REGISTRY_ACCESS_POLICY": self._policy},
            },
        )
