"""How a device registers: with late timeouts, an ever longer pause after each failure, and obedience when held back.

At most `MOST_REGISTERING` devices of this process ask at once; the rest wait in the order in which they came.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from fleetgui.backend.devices.chance import draw
from fleetgui.backend.devices.device import Device, Phase
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.repeats import is_power_of_ten
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed
from fleetgui.wire.subjects import Subjects

if TYPE_CHECKING:
    from fleetgui.backend.devices.fleet import Fleet

log = logging.getLogger(__name__)

MOST_REGISTERING: Final = 256
FIRST_BACKOFF_S: Final = 1.0
MAX_BACKOFF_S: Final = 30.0


class Registrar:
    """`registered(device, life)` is called when the registry has taken a device."""

    def __init__(
        self, fleet: Fleet, link: Link, subjects: Subjects, tasks: Tasks, registered: Callable[[Device, int], None]
    ) -> None:
        self._fleet = fleet
        self._link = link
        self._subject = subjects.registry
        self._tasks = tasks
        self._done = registered
        self._turn = asyncio.Semaphore(MOST_REGISTERING)

    def register(self, device: Device, life: int) -> None:
        """Register now, unless that life has ended; a failure is tried again by itself."""
        if device.life == life and device.phase is Phase.WAITING:
            device.phase = Phase.REGISTERING
            self._tasks.spawn(self._registering(device, life), name=f"registering {device.spec.device_id}")

    async def _registering(self, device: Device, life: int) -> None:
        fleet, counters = self._fleet, self._fleet.counters
        retry: float | None = None
        try:
            async with self._turn:
                if device.life != life:  # it waited for its turn, and that life is over
                    return
                request_id = f"{device.spec.device_id}-{life}"
                request = rpc.request("registerDevice", fleet.registration(device), request_id)
                reply = await self._link.request(self._subject, request, timeout=fleet.settings.register_timeout)
            rpc.result_of(reply)
        except rpc.RpcError as error:
            if error.code == rpc.RECONNECT_RATE:
                counters.refused += 1
                retry = _retry_after(error.data)
            else:
                counters.failed += 1
                self._report(device, error)
        except (LinkError, Malformed) as error:
            counters.failed += 1
            self._report(device, error)
        else:
            counters.registered += 1
            self._done(device, life)
            return
        if device.life != life or device.storming:
            return
        if retry is None:
            backoff = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0**device.failures)
            retry = backoff * (0.5 + 0.5 * draw(device.spec.seed, device.spec.index, "retry", device.failures))
            device.failures += 1
        device.phase = Phase.WAITING
        fleet.schedule.after(retry, partial(self.register, device, life))

    def _report(self, device: Device, error: Exception) -> None:
        count = self._fleet.counters.failed
        if is_power_of_ten(count):  # a whole fleet fails in the same way
            log.warning("%s could not register (%d failed so far): %s", device.spec.device_id, count, error)


def _retry_after(data: object) -> float:
    """Seconds that the throttle asks to wait; a refusal without a time counts as a second."""
    value = data.get("retry_after_ms") if isinstance(data, dict) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 86_400_000:
        return value / 1_000
    return 1.0
