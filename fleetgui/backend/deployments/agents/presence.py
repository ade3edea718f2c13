"""What agents say without being asked: the info of each device at the start, and a heartbeat every 30 seconds.

Heartbeats are spread evenly over the interval, in the order of the devices. Infos are written again when their bucket
is not the one that they were written to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from fleetgui.backend.deployments.agents.writer import Writer
from fleetgui.backend.deployments.buckets import Buckets
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.specs import Spec
from fleetgui.backend.trouble import Trouble
from fleetgui.link.errors import LinkError
from fleetgui.policy.clock import Clock
from fleetgui.wire.deployments import DeviceInfo, DeviceKey, Heartbeat, Moment

FIRST_PAUSE_S: Final = 0.5
TOGETHER_S: Final = 0.25
"""Beats that are due within so long go together: fewer wake-ups."""


class Presence:
    """`run` is all there is to call. `every` is between two heartbeats of a device, `ensure_every` between two looks at
    the buckets; seconds."""

    def __init__(
        self,
        specs: Sequence[Spec],
        buckets: Buckets,
        writer: Writer,
        schedule: Schedule,
        clock: Clock,
        *,
        every: float,
        ensure_every: float,
    ) -> None:
        self._specs = specs
        self._buckets = buckets
        self._writer = writer
        self._schedule = schedule
        self._clock = clock
        self._every = every
        self._ensure_every = ensure_every
        self._began = 0.0
        self._beats = 0
        self._trouble = Trouble("the buckets of deployments cannot be made")

    async def run(self) -> None:
        """Keep the buckets there and the infos in them, until cancelled; beats begin with the first success."""
        told: str | None = None
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._buckets.ensure()
                created = await self._buckets.created(self._buckets.info)
                self._trouble.is_now(None)
                if told is None and self._specs:
                    self._began = self._schedule.now
                    self._beat()
                if created != told:
                    told = created
                    self._schedule.each(range(len(self._specs)), self._want_info)
                pause = self._ensure_every
            except LinkError as error:
                self._trouble.is_now(error)
                pause = min(2 * pause, self._ensure_every)
            await asyncio.sleep(pause)

    def _want_info(self, position: int) -> None:
        self._writer.want(("info", position), partial(self._put_info, position))

    def _beat(self) -> None:
        """Those that are due by now, at most each once."""
        step = self._every / len(self._specs)
        due = int((self._schedule.now - self._began) / step) + 1
        self._beats = max(self._beats, due - len(self._specs))
        while self._beats < due:
            position = self._beats % len(self._specs)
            self._writer.want(("beat", position), partial(self._put_beat, position))
            self._beats += 1
        self._schedule.after(max(step, TOGETHER_S), self._beat)

    async def _put_info(self, position: int) -> None:
        spec = self._specs[position]
        info = DeviceInfo(
            device_id=DeviceKey(spec.device_id),
            labels=spec.labels(),
            inventory=spec.record(ttl=0, status={})["identity"],
            updated_at=Moment(self._clock.wall()),
        )
        await self._buckets.info.put(info.key, info.encode())

    async def _put_beat(self, position: int) -> None:
        beat = Heartbeat(device_id=DeviceKey(self._specs[position].device_id), at=Moment(self._clock.wall()))
        await self._buckets.heartbeat.put(beat.key, beat.encode())
