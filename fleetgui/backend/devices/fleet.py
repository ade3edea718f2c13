"""The fleet on the fabric: when each device is there, when it is not, and over which connection.

What is scheduled for a device carries the life it was scheduled in: whatever ends a life (a reconnect, going down)
makes it void, and nothing has to be cancelled. Runs on the loop of the devices' process alone, over one link.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fleetgui.backend.devices.broadcasts import Broadcasts
from fleetgui.backend.devices.chance import draw
from fleetgui.backend.devices.commands import Commands
from fleetgui.backend.devices.device import Device, Phase
from fleetgui.backend.devices.pulse import Pulse
from fleetgui.backend.devices.registrar import Registrar
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.settings import FleetSettings
from fleetgui.backend.devices.specs import Spec
from fleetgui.link.connection import Link
from fleetgui.link.subscriptions import Subscription
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.wire.subjects import Subjects


@dataclass
class FleetCounters:
    """What happened since the start. `refused` registrations got −32029, `failed` any other error or no answer."""

    registered: int = 0
    refused: int = 0
    failed: int = 0
    beats: int = 0
    events: int = 0
    unsent: int = 0


class Fleet:
    """`first_registered` is set once the registry has taken the first device."""

    def __init__(
        self,
        specs: Sequence[Spec],
        link: Link,
        *,
        tenant: str,
        clock: Clock,
        schedule: Schedule,
        tasks: Tasks,
        settings: FleetSettings,
    ) -> None:
        self.devices = [Device(spec) for spec in specs]
        self.by_id = {device.spec.device_id: device for device in self.devices}
        self.settings = settings
        self.schedule = schedule
        self.counters = FleetCounters()
        self.first_registered = asyncio.Event()
        self._link = link
        self._clock = clock
        self._subjects = Subjects(tenant)
        self.commands = Commands(self, link, schedule)
        self.broadcasts = Broadcasts(self, link, self._subjects, clock)
        self._registrar = Registrar(self, link, self._subjects, tasks, self._registered)
        self._pulse = Pulse(self, link, self._subjects, clock)
        self._subscriptions: dict[str, Subscription] = {}
        self._phase = link.state.phase

    # Being there

    def start(self) -> None:
        """Bring every device up, spread over the jitter; the link should be up."""
        self.broadcasts.start()
        for device in self.devices:
            self._open(device, self.jitter(device))
        self._link.state_changed.connect(self._link_changed)

    def bring_up(self, device: Device, after: float = 0.0) -> None:
        """Start a device that is down; it registers `after` so many seconds, or once the network is there again.
        Harmless for one that is up."""
        if device.phase is not Phase.DOWN:
            return
        if self._clock.now() < device.cut_until:
            self.schedule.at(device.cut_until, partial(self.bring_up, device, self.jitter(device)))
        else:
            self._open(device, after)

    def take_down(self, device: Device) -> None:
        """Silence a device: no subscription, no beat, no word to anybody. Harmless twice."""
        device.boots += 1
        self._end_life(device, Phase.DOWN)
        self._close(device)

    def cut_off(self, device: Device, *, seconds: float, noticed_after: float) -> None:
        """The network loses a device for so long. The broker notices `noticed_after`: from then on there is no
        responder; until then calls go unanswered. With the network the device comes back as after any reconnect; one
        that is down meanwhile stays so until there is a network."""
        if device.phase is Phase.CUT_OFF:
            return
        device.cut_until = self._clock.now() + seconds
        if device.phase is Phase.DOWN:
            return
        self._end_life(device, Phase.CUT_OFF)
        life = device.life

        def noticed() -> None:
            if device.life == life:
                self._close(device)

        def back() -> None:
            if device.life == life:
                self._close(device)
                self._open(device, self.jitter(device))

        self.schedule.after(min(noticed_after, seconds), noticed)
        self.schedule.at(device.cut_until, back)

    def reconnect(self, device: Device, after: float = 0.0) -> None:
        """A new connection, as the registry sees it: a new session, registered `after` so many seconds."""
        if device.is_reached:
            self._begin_life(device, after)

    def restart(self, device: Device, *, down_for: float, after: float = 0.0, spread: bool = False) -> None:
        """Down `after` so many seconds, up again `down_for` seconds later. With `spread` it then waits for a moment
        of its own before it registers, as each of many that start together does."""
        self.schedule.after(after, partial(self.take_down, device))
        self.schedule.after(after + down_for, lambda: self.bring_up(device, self.jitter(device) if spread else 0.0))

    def storm(self, device: Device, *, every: float, seconds: float) -> None:
        """Reconnect `every` so many seconds for `seconds`, whatever the registry answers; then behave again."""
        if device.is_reached and not device.storming:
            device.storming = True
            self._storm(device, every, self._clock.now() + seconds)

    def _storm(self, device: Device, every: float, until: float) -> None:
        if not device.storming:  # it was taken down meanwhile
            return
        device.storming = self._clock.now() < until
        self.reconnect(device)
        if device.storming:
            self.schedule.after(every, partial(self._storm, device, every, until))

    def jitter(self, device: Device) -> float:
        """How long a device of many that start together waits before it registers, in seconds."""
        spread = self.settings.register_jitter
        return spread * draw(device.spec.seed, device.spec.index, "jitter", device.life) if spread else 0.0

    def registration(self, device: Device) -> dict[str, object]:
        """What the device says of itself now."""
        return device.registration(ttl=self.settings.ttl, wall=self._clock.wall())

    # Lives

    def _open(self, device: Device, after: float) -> None:
        device_id = device.spec.device_id
        take = partial(self.commands.received, device)
        self._subscriptions[device_id] = self._link.subscribe(self._subjects.cmd(device_id), take)
        self._begin_life(device, after)

    def _close(self, device: Device) -> None:
        if (subscription := self._subscriptions.pop(device.spec.device_id, None)) is not None:
            subscription.close()

    def _begin_life(self, device: Device, after: float) -> None:
        device.life += 1
        device.phase = Phase.WAITING
        device.session = secrets.token_hex(8)
        device.failures = 0
        if after > 0:
            self.schedule.after(after, partial(self._registrar.register, device, device.life))
        else:
            self._registrar.register(device, device.life)

    def _end_life(self, device: Device, phase: Phase) -> None:
        device.life += 1
        device.phase = phase
        device.storming = False
        device.working = None
        device.calls.clear()

    def _registered(self, device: Device, life: int) -> None:
        self.first_registered.set()
        if device.life == life:
            device.phase = Phase.UP
            device.failures = 0
            self._pulse.start(device, life)

    def _link_changed(self, state: LinkState) -> None:
        """Whoever lost the broker has a new connection when it is back, and registers anew like a whole fleet does."""
        before, self._phase = self._phase, state.phase
        if state.phase is LinkPhase.UP and before is not LinkPhase.UP:
            self.schedule.each(self.devices, lambda device: self.reconnect(device, self.jitter(device)))
