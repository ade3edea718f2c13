"""A registry that does what a test says, a publisher beside it, and a console that listens, all over a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fleetgui.backend.topology.publisher import Publisher
from fleetgui.link.buckets import Bucket, BucketConfig
from fleetgui.link.messages import Message
from fleetgui.policy.access import AccessPolicy
from fleetgui.policy.clock import Clock
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_object, encode
from fleetgui.wire.deployments import (
    BucketNames,
    Deployment,
    DeploymentName,
    DeviceInfo,
    DeviceKey,
    DeviceState,
    Moment,
    Phase,
)
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.topology import (
    Event,
    Keepalive,
    Snapshot,
    TopologyList,
    TopologySubjects,
    topology_message,
    validate,
)
from tests.backend.links import LIMIT_S, Party, party
from tests.backend.topology.reader import Reader, View


class FakeRegistry:
    """Lists `places` by offset, or by id when it `pages_by_id`; `None` for a place is a record without one."""

    def __init__(self, one: Party, tenant: str = "default") -> None:
        self.places: dict[str, str | None] = {}
        self.methods: list[str] = []
        self.pages_by_id = True
        self.knows_get_device = True
        self.silences = 0
        """So many of the next requests get no answer, as from a process that hangs."""
        self.hidden = 0
        """It counts so many devices more than it lists, as under a policy."""
        self.revision = 1
        self.before_page: Callable[[], object] = lambda: None
        self._link = one.link
        self._subjects = Subjects(tenant)
        self._service = self._link.serve(self._subjects.discovery, "registry", self._answer)

    def _record(self, device_id: str) -> dict[str, Any]:
        return {"device_id": device_id, "status": {"location": self.places[device_id]}}

    def _answer(self, message: Message) -> bytes | None:
        request = decode_object(message.data)
        method, params = request["method"], request["params"]
        self.methods.append(method)
        if self.silences > 0:
            self.silences -= 1
            return None
        if method == "discovery/getDevice":
            if not self.knows_get_device:
                return None
            known = params["device_id"] in self.places
            return rpc.result(request["id"], {"device": self._record(params["device_id"]) if known else None})
        self.before_page()
        ids, limit = sorted(self.places), params["limit"]
        if self.pages_by_id:
            behind = [each for each in ids if each > (params.get("after") or "")]
            page, rest = behind[:limit], behind[limit:]
            facts: dict[str, Any] = {"next_after": page[-1] if rest else None, "applied": ["after"]}
        else:
            offset = params.get("offset", 0)
            page = ids[offset : offset + limit]
            facts = {"next_offset": offset + limit if offset + limit < len(ids) else None}
        facts |= {"revision": self.revision} if self.pages_by_id else {}
        facts["total_matched"] = len(ids) + self.hidden
        return rpc.result(request["id"], {"devices": [self._record(each) for each in page], **facts})

    def online(self, device_id: str) -> None:
        self._edge(device_id, online=True)

    def offline(self, device_id: str) -> None:
        self._edge(device_id, online=False)

    def _edge(self, device_id: str, *, online: bool) -> None:
        subject = self._subjects.online if online else self._subjects.offline
        method = "device/online" if online else "device/offline"
        self._link.send(subject, rpc.notification(method, {"device_id": device_id, "ts": 1.0}))

    def beat(self, device_id: str, body: object) -> None:
        data = body if isinstance(body, bytes) else encode(body)
        self._link.send(self._subjects.heartbeat(device_id), data)

    def close(self) -> None:
        self._service.close()


class Console:
    """Listens to all topologies of a tenant, reads those that are open, and keeps everything that came."""

    def __init__(self, one: Party, tenant: str = "default") -> None:
        self.events: list[Event] = []
        self.subjects_heard: list[str] = []
        self.keepalives: list[Keepalive] = []
        self.readers: dict[str, Reader] = {}
        self._one = one
        self._subjects = TopologySubjects(tenant)
        self._heard = asyncio.Event()
        one.link.subscribe(self._subjects.all, self._take)

    def _take(self, message: Message) -> None:
        event = topology_message(message.subject, message.data)
        if isinstance(event, Keepalive):
            self.keepalives.append(event)
            for reader in self.readers.values():
                reader.heard_last(event.epoch, event.last)
        else:
            self.events.append(event)
            self.subjects_heard.append(message.subject.removeprefix(self._subjects.requests + "."))
            for reader in self.readers.values():
                reader.heard(event)
        self._heard.set()

    async def ask(self, method: str, **params: Any) -> Any:
        """The result; raises `RpcError`, `LinkError`."""
        data = await self._one.link.request(
            self._subjects.requests, rpc.request(f"topology/{method}", params, "c"), timeout=LIMIT_S
        )
        rpc.result_of(data)
        return decode_object(data)["result"]

    async def rows(self) -> dict[str, tuple[str, int, int | None]]:
        """Status, devices and online of every topology."""
        page = validate(TopologyList, await self.ask("list", limit=1_000))
        return {row.topology_id: (row.status, row.devices, row.online) for row in page.topologies}

    async def open(self, topology_id: str) -> Reader:
        """A reader of one topology, with its snapshot taken."""
        reader = self.readers[topology_id] = Reader(topology_id)
        await self.refresh(topology_id)
        return reader

    async def refresh(self, topology_id: str) -> None:
        """Ask for a fresh snapshot, as a reader does that wants one."""
        pages: list[Snapshot] = []
        after = None
        while True:
            page = validate(Snapshot, await self.ask("snapshot", topology_id=topology_id, after=after))
            if pages and page.epoch != pages[0].epoch:
                pages.clear()  # somebody else answers now: from the beginning
                after = None
                continue
            pages.append(page)
            if (after := page.next_after) is None:
                break
        self.readers[topology_id].took_snapshot(pages)

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until `holds()`, looked at whenever something comes."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while not holds():
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            raise AssertionError(f"not within {LIMIT_S:g} s: {what}; heard {self.subjects_heard[-20:]}") from None

    async def until_rows(self, expected: dict[str, tuple[str, int, int | None]]) -> None:
        """Wait until the list is this, asked for after whatever comes."""
        rows: object = None
        try:
            async with asyncio.timeout(LIMIT_S):
                while (rows := await self.rows()) != expected:  # noqa: ASYNC110 - a list sets no event
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{rows} is not {expected}") from None

    async def sees(self, topology_id: str, view: View) -> None:
        """Wait until the reader of the topology has this picture of it, by events alone."""
        reader = self.readers[topology_id]
        await self.until(lambda: reader.view == view, f"{topology_id} is {view}, not {reader.view}")

    def steps(self, topology_id: str) -> list[str]:
        """What came on the subjects below this topology, without those of members."""
        mine = [each.partition(".")[2] for each in self.subjects_heard if each.startswith(f"{topology_id}.")]
        return [each for each in mine if each != "members"]


class Deployer:
    """Writes the buckets, as those who deploy and the agents do."""

    def __init__(self, one: Party, tenant: str = "default") -> None:
        names = BucketNames(tenant)
        self.buckets = {
            name: Bucket(one.link, BucketConfig(name, storage="memory"))
            for name in (names.info, names.state, names.deployment)
        }
        self._info, self._state, self._deployment = self.buckets.values()
        self._at = 0.0

    async def make_buckets(self) -> None:
        for bucket in self.buckets.values():
            await bucket.ensure()

    async def label(self, device_id: str, **labels: str) -> None:
        info = DeviceInfo(device_id=DeviceKey(device_id), labels=labels, updated_at=Moment(1))
        await self._info.put(info.key, info.encode())

    async def deploy(self, name: str, *devices: str, generation: int = 1, **selector: str) -> None:
        deployment = Deployment(
            name=DeploymentName(name),
            generation=generation,
            created_at=Moment(1),
            target_devices=tuple(map(DeviceKey, devices)) if devices else None,
            target_selector=None if devices else selector,
        )
        await self._deployment.put(deployment.key, deployment.encode())

    async def withdraw(self, name: str) -> None:
        await self._deployment.delete(name)

    async def write(self, device_id: str, name: str, phase: Phase, error: str | None = None) -> None:
        self._at += 1
        state = DeviceState(
            device_id=DeviceKey(device_id),
            deployment=DeploymentName(name),
            phase=phase,
            last_event_at=Moment(self._at),
            last_error=error,
        )
        await self._state.put(state.key, state.encode())

    async def erase(self, device_id: str, name: str) -> None:
        await self._state.delete(f"state.{device_id}.{name}")


@asynccontextmanager
async def publisher(
    url: str, *, policy: AccessPolicy | None = None, tenant: str = "default", clock: Clock | None = None
) -> AsyncIterator[tuple[Publisher, Party]]:
    """A publisher in this process, which answers by now."""
    async with party(url, "publisher", clock=clock) as server:
        server.link.context = server.link.context.model_copy(update={"tenant": tenant})
        running = Publisher(server.link, server.clock, server.tasks.report, policy=policy)
        try:
            async with asyncio.timeout(LIMIT_S):
                await running.start()
            await server.link.flush()
            yield running, server
        finally:
            await running.close()
