"""The fleet on the fabric: devices register, beat and emit events over one link, timed by one schedule.

What is scheduled for a device carries the life it was scheduled in: whatever ends a life (a reconnect, going down)
makes it void, and nothing has to be cancelled. Runs on the loop of the devices' process alone.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from fleetgui.backend.devices.chance import draw
from fleetgui.backend.devices.commands import Commands
from fleetgui.backend.devices.device import Device, Phase
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.settings import FleetSettings
from fleetgui.backend.devices.specs import Spec
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.subscriptions import Subscription
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, encode
from fleetgui.wire.subjects import Subjects

log = logging.getLogger(__name__)

MOST_REGISTERING: Final = 256
FIRST_BACKOFF_S: Final = 1.0
MAX_BACKOFF_S: Final = 30.0


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
        self.commands = Commands(self, link, schedule)
        self._link = link
        self._clock = clock
        self._tasks = tasks
        self._subjects = Subjects(tenant)
        self._subscriptions: dict[str, Subscription] = {}
        self._turn = asyncio.Semaphore(MOST_REGISTERING)
        self._phase = link.state.phase

    # Lives

    def start(self) -> None:
        """Bring every device up, spread over the jitter; the link should be up."""
        for device in self.devices:
            self._open(device, self._jitter(device))
        self._link.state_changed.connect(self._link_changed)

    def bring_up(self, device: Device) -> None:
        """Start a device that is down; it registers at once. Harmless for one that is up."""
        if device.phase is Phase.DOWN:
            self._open(device, 0.0)

    def take_down(self, device: Device) -> None:
        """Silence a device: no subscription, no beat, no word to anybody. Harmless twice."""
        device.life += 1
        device.phase = Phase.DOWN
        device.storming = False
        device.working = None
        device.calls.clear()
        if (subscription := self._subscriptions.pop(device.spec.device_id, None)) is not None:
            subscription.close()

    def reconnect(self, device: Device, after: float = 0.0) -> None:
        """A new connection, as the registry sees it: a new session, registered `after` so many seconds."""
        if device.phase is not Phase.DOWN:
            self._begin_life(device, after)

    def restart(self, device: Device, *, down_for: float, after: float = 0.0) -> None:
        """Down `after` so many seconds, up again `down_for` seconds later."""
        self.schedule.after(after, partial(self.take_down, device))
        self.schedule.after(after + down_for, partial(self.bring_up, device))

    def storm(self, device: Device, *, every: float, seconds: float) -> None:
        """Reconnect `every` so many seconds for `seconds`, whatever the registry answers; then behave again."""
        if device.phase is Phase.DOWN or device.storming:
            return
        device.storming = True
        self._storm(device, every, self._clock.now() + seconds)

    def _storm(self, device: Device, every: float, until: float) -> None:
        if not device.storming:  # it was taken down meanwhile
            return
        device.storming = self._clock.now() < until
        self.reconnect(device)
        if device.storming:
            self.schedule.after(every, partial(self._storm, device, every, until))

    def _open(self, device: Device, after: float) -> None:
        device_id = device.spec.device_id
        take = partial(self.commands.received, device)
        self._subscriptions[device_id] = self._link.subscribe(self._subjects.cmd(device_id), take)
        self._begin_life(device, after)

    def _begin_life(self, device: Device, after: float) -> None:
        device.life += 1
        device.phase = Phase.WAITING
        device.session = secrets.token_hex(8)
        device.failures = 0
        if after > 0:
            self.schedule.after(after, partial(self._register, device, device.life))
        else:
            self._register(device, device.life)

    def _link_changed(self, state: LinkState) -> None:
        """Whoever lost the broker has a new connection when it is back, and registers anew like a whole fleet does."""
        before, self._phase = self._phase, state.phase
        if state.phase is LinkPhase.UP and before is not LinkPhase.UP:
            for device in self.devices:
                self.reconnect(device, self._jitter(device))

    def _jitter(self, device: Device) -> float:
        spread = self.settings.register_jitter
        return spread * draw(device.spec.seed, device.spec.index, "jitter", device.life) if spread else 0.0

    # Registering

    def registration(self, device: Device) -> dict[str, object]:
        """What the device says of itself now."""
        return device.registration(ttl=self.settings.ttl, wall=self._clock.wall())

    def _register(self, device: Device, life: int) -> None:
        if device.life == life and device.phase is Phase.WAITING:
            device.phase = Phase.REGISTERING
            self._tasks.spawn(self._registering(device, life), name=f"registering {device.spec.device_id}")

    async def _registering(self, device: Device, life: int) -> None:
        retry: float | None = None
        try:
            async with self._turn:
                request_id = f"{device.spec.device_id}-{life}"
                request = rpc.request("registerDevice", self.registration(device), request_id)
                reply = await self._link.request(
                    self._subjects.registry, request, timeout=self.settings.register_timeout
                )
            rpc.result_of(reply)
        except rpc.RpcError as error:
            if error.code == rpc.RECONNECT_RATE:
                self.counters.refused += 1
                retry = _retry_after(error.data)
            else:
                self.counters.failed += 1
                self._report(device, error)
        except (LinkError, Malformed) as error:
            self.counters.failed += 1
            self._report(device, error)
        else:
            self._registered(device, life)
            return
        if device.life != life or device.storming:
            return
        if retry is None:
            backoff = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0**device.failures)
            retry = backoff * (0.5 + 0.5 * draw(device.spec.seed, device.spec.index, "retry", device.failures))
            device.failures += 1
        device.phase = Phase.WAITING
        self.schedule.after(retry, partial(self._register, device, life))

    def _registered(self, device: Device, life: int) -> None:
        self.counters.registered += 1
        self.first_registered.set()
        if device.life == life:
            device.phase = Phase.UP
            device.failures = 0
            now = self._clock.now()
            self._beat(device, life, now)
            self.schedule.at(now + self._until_event(device), partial(self._emit, device, life))

    def _report(self, device: Device, error: Exception) -> None:
        count = self.counters.failed
        if str(count).strip("0") == "1":  # the 1st, 10th, 100th …: a whole fleet fails in the same way
            log.warning("%s could not register (%d failed so far): %s", device.spec.device_id, count, error)

    # Living

    def _beat(self, device: Device, life: int, due: float) -> None:
        if device.life != life or device.phase is not Phase.UP:
            return
        beat = device.beat(self._clock.wall())
        self.counters.beats += self._send(self._subjects.heartbeat(device.spec.device_id), encode(beat))
        due = max(due + self.settings.ttl / 3, self._clock.now())
        self.schedule.at(due, partial(self._beat, device, life, due))

    def _emit(self, device: Device, life: int) -> None:
        if device.life != life or device.phase is not Phase.UP:
            return
        name, params = device.event(self._clock.wall())
        subject = self._subjects.event(device.spec.device_id, name)
        self.counters.events += self._send(subject, rpc.notification(name, params))
        self.schedule.after(self._until_event(device), partial(self._emit, device, life))

    def _until_event(self, device: Device) -> float:
        chance = draw(device.spec.seed, device.spec.index, "pause", device.events)
        return -math.log(1.0 - chance) * self.settings.event_every

    def _send(self, subject: str, data: bytes) -> bool:
        """Whether it went out; what does not is counted, and lost as it would be for a real device."""
        try:
            self._link.send(subject, data)
        except LinkError:
            self.counters.unsent += 1
            return False
        return True


def _retry_after(data: object) -> float:
    """Seconds that the throttle asks to wait; a refusal without a time counts as a second."""
    value = data.get("retry_after_ms") if isinstance(data, dict) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 86_400_000:
        return value / 1_000
    return 1.0
