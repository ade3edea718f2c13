"""The gate in front of registrations: the throttle's rule, applied with the gateway's own clock and band."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final

from fleetgui.backend.registry.registration import Refusal
from fleetgui.policy.band import Band
from fleetgui.policy.clock import Clock
from fleetgui.policy.throttle import Allow, Decision, Key, Reject, Throttle
from fleetgui.wire import rpc

log = logging.getLogger(__name__)

SWEPT_AT_ONCE: Final = 1000
TOLD_EVERY_S: Final = 10.0

Engaged = Callable[[str, str, Reject], None]
"""(tenant, device id, reject); must not wait."""

Decided = Callable[[Key, Decision, float], None]
"""(whose, what, when in ms); must not wait."""


class ThrottleGate:
    """Told of each registration by the registry; tells `decided` of each decision, and `engaged` of each reject."""

    def __init__(
        self,
        throttle: Throttle,
        clock: Clock,
        band: Callable[[], Band],
        engaged: Engaged,
        decided: Decided | None = None,
    ) -> None:
        self._throttle = throttle
        self._clock = clock
        self._band = band
        self._engaged = engaged
        self._decided = decided
        self._refused: dict[Key, int] = {}
        """Refusals since the last line of the log, by whose they were."""
        self._told_at = float("-inf")

    def admit(self, tenant: str, device_id: str, session: str | None) -> Refusal | None:
        """Count one registration; the refusal says when to come back."""
        key, now_ms = (tenant, device_id), self._now_ms()
        decision = self._throttle.check(key, now_ms, self._band(), session)
        if self._decided is not None:
            self._decided(key, decision, now_ms)
        if isinstance(decision, Allow):
            return None
        self._refused[key] = self._refused.get(key, 0) + 1
        self._engaged(tenant, device_id, decision)
        return Refusal(
            rpc.RECONNECT_RATE,
            "reconnect_rate",
            {
                "retry_after_ms": math.ceil(decision.backoff_ms),
                "reason": decision.reason,
                "observed": decision.observed,
                "allowed": decision.allowed,
                "band": decision.band.value,
                "level": decision.level,
            },
        )

    def may_pull(self, tenant: str, device_id: str) -> bool:
        """A device in backoff does not get in by beating either."""
        return not self._throttle.blocked((tenant, device_id), self._now_ms())

    def sweep(self) -> None:
        """Forget some devices that have been calm for long, and log what was refused; called now and then."""
        self._throttle.sweep(self._now_ms(), SWEPT_AT_ONCE)
        if self._refused and self._clock.now() >= self._told_at + TOLD_EVERY_S:
            self._told_at = self._clock.now()
            self._tell()

    def _tell(self) -> None:
        """One line for all of them: a storm must not fill the log. Each is an engagement besides."""
        refused, self._refused = self._refused, {}
        (tenant, device_id), most = max(refused.items(), key=lambda item: item[1])
        log.info(
            "registrations refused: %d, of devices: %d, most often %r (tenant %s): %d",
            sum(refused.values()),
            len(refused),
            device_id[:64],
            tenant,
            most,
        )

    def _now_ms(self) -> float:
        return self._clock.now() * 1000
