"""Buckets on a broker, an aggregator quick to act, and what the buckets hold, read apart from any watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from fleetgui.backend.deployments.aggregator import Aggregator, AggregatorSettings
from fleetgui.backend.deployments.buckets import Buckets, BucketSettings
from fleetgui.backend.deployments.rollup import Figures
from fleetgui.link import streams
from fleetgui.link.buckets import Bucket
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.credentials import Credentials
from fleetgui.link.errors import LinkError
from fleetgui.link.settings import LinkSettings
from fleetgui.link.tasks import Tasks
from fleetgui.link.watch import WatchSettings
from fleetgui.policy.clock import SystemClock
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import (
    Deployment,
    DeploymentName,
    DeploymentStatus,
    DeviceInfo,
    DeviceKey,
    DeviceState,
    Moment,
    Phase,
)
from tests.backend.deployments.recount import recount

LIMIT_S = 40.0
TENANT = "t"
PAGE = 1_000

QUICK = AggregatorSettings(
    write_every=0.02,
    max_backoff=0.2,
    ensure_every=0.2,
    settle=0.2,
    watch=WatchSettings(heartbeat=0.3, compare=0.3, max_backoff=0.2, abandoned_after=5.0),
)
QUICK_LINK = LinkSettings(first_backoff=0.02, max_backoff=0.1, stable_after=0.0)


@dataclass
class Side:
    """Somebody with a link of their own, and the tasks that run on it."""

    link: Link
    tasks: Tasks
    buckets: Buckets
    failures: list[str]

    def aggregator(self, settings: AggregatorSettings = QUICK) -> Aggregator:
        made = Aggregator(self.buckets, tasks=self.tasks, clock=self.link.clock, settings=settings)
        made.start()
        return made

    async def insist(self, write: Callable[[], Awaitable[object]]) -> None:
        """Try until it works: JetStream is up a little later than its broker."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                try:
                    await write()
                    return
                except LinkError:
                    await asyncio.sleep(0.02)

    async def consumers(self) -> int:
        """On all five streams."""
        total = 0
        buckets = self.buckets
        for bucket in (buckets.info, buckets.state, buckets.heartbeat, buckets.deployment, buckets.status):
            total += int((await streams.api(self.link, f"CONSUMER.LIST.{bucket.config.stream}"))["total"])
        return total


@contextlib.asynccontextmanager
async def side(
    url: str, credentials: Credentials | None = None, settings: BucketSettings | None = None
) -> AsyncIterator[Side]:
    """`url` may be several, with commas between."""
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    context = Context(servers=tuple(url.split(",")), credentials=credentials, tenant=TENANT)
    link = Link(context, clock=SystemClock(), name="test", tasks=tasks, settings=QUICK_LINK)
    link.start()
    try:
        async with asyncio.timeout(LIMIT_S):
            await link.up()
        yield Side(link, tasks, Buckets(link, TENANT, settings), failures)
    finally:
        await tasks.cancel()
        await link.close()
    assert failures == []


async def contents(link: Link, bucket: Bucket) -> dict[str, bytes]:
    """Every key and value of a bucket, read without a consumer, page by page; raises `LinkError`."""
    found: dict[str, bytes] = {}
    prefix = f"$KV.{bucket.config.name}."
    sequence = 1
    while True:
        what = {"batch": PAGE, "seq": sequence, "next_by_subj": f"{prefix}>"}
        batch = await streams.read(link, bucket.config.stream, what)
        for each in batch.messages:
            key = each.subject.removeprefix(prefix)
            found.pop(key, None)
            if each.headers.get("KV-Operation") is None and "Nats-Marker-Reason" not in each.headers:
                found[key] = each.data
            sequence = each.sequence + 1
        if not batch.messages or batch.pending == 0:
            return found


async def counted(link: Link, buckets: Buckets) -> dict[DeploymentName, Figures]:
    """A recount of what the buckets hold; what does not decode is not there."""
    infos: dict[DeviceKey, dict[str, str]] = {}
    states: list[DeviceState] = []
    deployments: list[Deployment] = []
    for key, value in (await contents(link, buckets.info)).items():
        with contextlib.suppress(Malformed):
            info = DeviceInfo.decode(key, value)
            infos[info.device_id] = info.labels
    for key, value in (await contents(link, buckets.state)).items():
        with contextlib.suppress(Malformed):
            states.append(DeviceState.decode(key, value))
    for key, value in (await contents(link, buckets.deployment)).items():
        with contextlib.suppress(Malformed):
            deployments.append(Deployment.decode(key, value))
    return recount(infos, states, deployments)


async def statuses(link: Link, buckets: Buckets) -> dict[DeploymentName, Figures]:
    """What stands in `deployment-status`."""
    found = await contents(link, buckets.status)
    return {DeploymentName(key): figures_of(DeploymentStatus.decode(key, value)) for key, value in found.items()}


def figures_of(status: DeploymentStatus) -> Figures:
    return Figures(status.target, status.succeeded, status.failed, status.pending, status.last_error)


async def converged(link: Link, buckets: Buckets, within: float = LIMIT_S) -> dict[DeploymentName, Figures]:
    """Wait until every status is what a recount gives, and return them; writes should have stopped."""
    wanted: object = None
    got: dict[DeploymentName, Figures] = {}

    async def equal() -> bool:
        nonlocal wanted, got
        wanted, got = await counted(link, buckets), await statuses(link, buckets)
        return wanted == got

    try:
        await eventually(equal, "every status is what a recount gives", within)
    except AssertionError as error:
        raise AssertionError(f"{error}:\nwanted {str(wanted)[:2000]}\ngot    {str(got)[:2000]}") from None
    return got


async def until(holds: Callable[[], object], what: str) -> None:
    """Wait until `holds()`; `what` is what should come."""

    async def asked() -> object:
        return holds()

    await eventually(asked, what)


async def eventually(holds: Callable[[], Awaitable[object]], what: str, within: float = LIMIT_S) -> None:
    """Wait until `holds()` is true of a broker that may be on its way back, and of buckets that may hold nonsense."""
    try:
        async with asyncio.timeout(within):
            while True:
                with contextlib.suppress(LinkError, Malformed):
                    if await holds():
                        return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"it never came that {what}") from None


def info(device: str, **labels: str) -> DeviceInfo:
    return DeviceInfo(device_id=DeviceKey(device), labels=labels, updated_at=Moment(1.0))


def state(device: str, name: str, phase: Phase, at: float, error: str | None = None) -> DeviceState:
    return DeviceState(
        device_id=DeviceKey(device),
        deployment=DeploymentName(name),
        phase=phase,
        last_event_at=Moment(at),
        last_error=error,
    )


def deployment(name: str, **selector: str) -> Deployment:
    return Deployment(name=DeploymentName(name), target_selector=selector, generation=1, created_at=Moment(1.0))
