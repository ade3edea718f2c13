"""Simulated devices on a real nats-server, with the real registry and the real throttle in front of it.

The devices run on a manual clock: the test says when time passes, and waits only for messages to arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fleetgui.backend.devices.device import Device
from fleetgui.backend.devices.fleet import Fleet
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.settings import FleetSettings
from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.gateway.gate import ThrottleGate
from fleetgui.backend.registry.service import RegistryService
from fleetgui.backend.scenarios import Deploy
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.band import Band
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.settings import ThrottleSettings
from fleetgui.policy.throttle import Reject, Throttle
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects
from tests.backend.processes import until
from tests.nats_server import NatsServer

DEVICES = 40


@dataclass
class Fabric:
    clock: ManualClock
    tasks: Tasks
    fleet: Fleet
    schedule: Schedule
    registry: RegistryService
    registry_link: Link
    fleet_link: Link
    client: Link
    subjects: Subjects
    rejects: list[tuple[str, Reject]]
    failures: list[BaseException]
    heard: list[Message] = field(default_factory=list)
    deployed: list[Deploy] = field(default_factory=list)

    async def start_registry(self) -> None:
        await self.registry.start()
        await self.registry_link.flush()

    async def passes(self, seconds: float, step: float = 0.25) -> None:
        """Let `seconds` of the devices' time pass, and every message of each step arrive."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await self.schedule.run_due()
            await self.settled()

    async def settled(self) -> None:
        def quiet() -> bool:
            return not any(name.startswith("registering") for name in self.tasks.names)

        await until(quiet, "every registration was answered")
        await self.fleet_link.flush()  # the broker has what the devices said
        await self.client.flush()  # and the client what the broker had for it

    def device(self, kind: str, *, faulty: bool = False) -> Device:
        matching = (each for each in self.fleet.devices if each.spec.kind.name == kind and each.spec.faulty is faulty)
        return next(matching)

    async def call(self, device: Device, method: str, params: dict[str, Any] | None = None) -> bytes:
        request = rpc.request(method, params or {}, "c-1")
        return await self.client.request(self.subjects.cmd(device.spec.device_id), request, timeout=20)


@contextlib.asynccontextmanager
async def fabric_on(server: NatsServer) -> AsyncIterator[Fabric]:
    tenant = f"t{secrets.token_hex(4)}"
    clock, failures = ManualClock(), list[BaseException]()
    tasks = Tasks(lambda _name, error: failures.append(error))
    context = Context(servers=(server.url,), tenant=tenant)
    links = [Link(context, clock=clock, name=f"test {number}", tasks=tasks) for number in range(3)]
    for link in links:
        link.start()
        async with asyncio.timeout(20):
            await link.up()
    rejects: list[tuple[str, Reject]] = []
    gate = ThrottleGate(
        Throttle(ThrottleSettings(), clock.now() * 1_000),
        clock,
        lambda: Band.NORMAL,
        lambda _tenant, device_id, reject: rejects.append((device_id, reject)),
    )
    registry = RegistryService(links[0], clock=clock, tasks=tasks, gate=gate)
    schedule = Schedule(clock)
    fleet = Fleet(
        Specs(DEVICES, 1),
        links[1],
        tenant=tenant,
        clock=clock,
        schedule=schedule,
        tasks=tasks,
        settings=FleetSettings(register_jitter=0.0),
    )
    made = Fabric(
        clock, tasks, fleet, schedule, registry, links[0], links[1], links[2], Subjects(tenant), rejects, failures
    )
    yield made
    for link in links:
        await link.close()
    assert await tasks.cancel() == []
    assert failures == []
