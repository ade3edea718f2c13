"""What a registered device says by itself: a heartbeat every third of its lease, and an event now and then.

Beats follow their own due times, not one another, so a late one does not delay those after it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from fleetgui.backend.devices.chance import draw
from fleetgui.backend.devices.device import Device, Phase
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.policy.clock import Clock
from fleetgui.wire import rpc
from fleetgui.wire.codec import encode
from fleetgui.wire.subjects import Subjects

if TYPE_CHECKING:
    from fleetgui.backend.devices.fleet import Fleet


class Pulse:
    """Sends heartbeats and events of `fleet` when they are due; what the link does not take is counted, not kept."""

    def __init__(self, fleet: Fleet, link: Link, subjects: Subjects, clock: Clock) -> None:
        self._fleet = fleet
        self._link = link
        self._subjects = subjects
        self._clock = clock

    def start(self, device: Device, life: int) -> None:
        """Beat now, and go on until that life ends."""
        now = self._clock.now()
        self._beat(device, life, now)
        self._fleet.schedule.at(now + self._until_event(device), partial(self._emit, device, life))

    def _beat(self, device: Device, life: int, due: float) -> None:
        if device.life != life or device.phase is not Phase.UP:
            return
        beat = device.beat(self._clock.wall())
        self._fleet.counters.beats += self._send(self._subjects.heartbeat(device.spec.device_id), encode(beat))
        due = max(due + self._fleet.settings.ttl / 3, self._clock.now())
        self._fleet.schedule.at(due, partial(self._beat, device, life, due))

    def _emit(self, device: Device, life: int) -> None:
        if device.life != life or device.phase is not Phase.UP:
            return
        name, params = device.event(self._clock.wall())
        subject = self._subjects.event(device.spec.device_id, name)
        self._fleet.counters.events += self._send(subject, rpc.notification(name, params))
        self._fleet.schedule.after(self._until_event(device), partial(self._emit, device, life))

    def _until_event(self, device: Device) -> float:
        chance = draw(device.spec.seed, device.spec.index, "pause", device.events)
        return -math.log(1.0 - chance) * self._fleet.settings.event_every

    def _send(self, subject: str, data: bytes) -> bool:
        """Whether it went out; what does not is counted, and lost as it would be for a real device."""
        try:
            self._link.send(subject, data)
        except LinkError:
            self._fleet.counters.unsent += 1
            return False
        return True
