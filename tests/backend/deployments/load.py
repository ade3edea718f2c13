"""Devices, deployments and writers for soaks and benchmarks: infos and selectors of a real size, states at a rate.

Every write is repeated until the broker has stored it, and no key is written twice at the same time: what a bucket
holds last is what was written last.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from fleetgui.backend.deployments.buckets import Buckets
from fleetgui.backend.devices.specs import Specs
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.wire.deployments import (
    Deployment,
    DeploymentName,
    DeviceInfo,
    DeviceKey,
    DeviceState,
    Moment,
    Phase,
    state_key,
)

AT_ONCE: Final = 64
LISTED: Final = 50
PHASES: Final = (Phase.PENDING, Phase.RUNNING, Phase.RUNNING, Phase.RUNNING, Phase.FAILED)


class Load:
    """`written` counts writes that were stored, `tried_again` those that had to be repeated."""

    def __init__(self, buckets: Buckets, tasks: Tasks, *, devices: int, deployments: int, seed: int = 1) -> None:
        self.written = 0
        self.tried_again = 0
        self._buckets = buckets
        self._tasks = tasks
        self._chance = random.Random(seed)
        self._labels = [spec.labels() for spec in Specs(devices, seed)]
        self._devices = [DeviceKey(Specs(devices, seed).device_id(index)) for index in range(devices)]
        self._names = [DeploymentName(f"deployment-{number:04d}") for number in range(deployments)]
        self._at = 1_000.0
        self._busy: set[str] = set()

    async def fill(self, states: int) -> None:
        """Every info, every deployment, and so many states."""
        await self._all(self._info(position) for position in range(len(self._devices)))
        await self._all(self._deployment(name) for name in self._names)
        await self._all(self._state() for _ in range(states))

    async def write(self, rate: float, until: asyncio.Event) -> None:
        """`rate` writes a second until `until` is set, and until all of them are stored: states above all; one in a
        hundred moves a device, one in two hundred a deployment's targets, one in fifty removes a state."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not until.is_set():
            due = max(due + 1 / rate, loop.time() - 1.0)
            await asyncio.sleep(max(0.0, due - loop.time()))
            luck = self._chance.random()
            if luck < 0.01:
                write = self._info(self._chance.randrange(len(self._devices)))
            elif luck < 0.015:
                write = self._deployment(self._chance.choice(self._names))
            elif luck < 0.035:
                write = self._removal()
            else:
                write = self._state()
            self._tasks.spawn(write, name="load")
        while self._busy:  # noqa: ASYNC110 - the end of a soak
            await asyncio.sleep(0.05)

    async def _all(self, writes: Iterable[Awaitable[None]]) -> None:
        left = iter(writes)

        async def some() -> None:
            for each in left:
                await each

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def _info(self, position: int) -> None:
        labels = self._chance.choice(self._labels) if self._busy else self._labels[position]
        info = DeviceInfo(device_id=self._devices[position], labels=labels, updated_at=Moment(self._next()))
        await self._insist(info.key, lambda: self._buckets.info.put(info.key, info.encode()))

    async def _deployment(self, name: DeploymentName) -> None:
        labels = self._chance.choice(self._labels)
        keys = self._chance.choice(((), ("ring",), ("site", "ring"), ("type", "site"), ("area",), None))
        deployment = Deployment(
            name=name,
            generation=1,
            created_at=Moment(self._next()),
            target_selector=None if keys is None else {key: labels[key] for key in keys},
            target_devices=None if keys is not None else tuple(self._chance.sample(self._devices, LISTED)),
        )
        await self._insist(name, lambda: self._buckets.deployment.put(name, deployment.encode()))

    async def _state(self) -> None:
        device, name = self._chance.choice(self._devices), self._chance.choice(self._names)
        phase = self._chance.choice(PHASES)

        def put() -> Awaitable[object]:
            at = self._next()
            said = DeviceState(
                device_id=device,
                deployment=name,
                phase=phase,
                last_event_at=Moment(at),
                last_error=f"it broke at {at:g}" if phase is Phase.FAILED else None,
            )
            return self._buckets.state.put(said.key, said.encode())

        await self._insist(state_key(device, name), put)

    async def _removal(self) -> None:
        key = state_key(self._chance.choice(self._devices), self._chance.choice(self._names))
        await self._insist(key, lambda: self._buckets.state.delete(key))

    def _next(self) -> float:
        self._at += 0.25
        return self._at

    async def _insist(self, key: str, write: Callable[[], Awaitable[object]]) -> None:
        if key in self._busy:
            return
        self._busy.add(key)
        try:
            while True:
                try:
                    await write()
                    self.written += 1
                    return
                except LinkError:
                    self.tried_again += 1
                    await self._buckets.link.up()
                    await asyncio.sleep(0.05)
        finally:
            self._busy.discard(key)
