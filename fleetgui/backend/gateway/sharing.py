"""Hits and blocks shared between replicas: each tells the others what every counted decision left behind.

One small message per decision, sent before the device is answered: on one broker it therefore reaches the other
replicas before the device's next try can reach any of them (in a cluster of brokers, within the time that brokers
take to pass it on). Collecting several in a message would break that, because a refusal is answered on the spot.
The subject is outside every tenant's own, so that no device can vouch for itself; nothing is told twice or passed on.

What this cannot bound is a burst of one device that does not wait for its answers: requests that several replicas
hold at the same instant are decided apart, so that each of them lets through as many as one alone would. From the
next request on all of them know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.policy.clock import Clock
from fleetgui.policy.throttle import Decision, Key, Outcome, Throttle
from fleetgui.wire.codec import Malformed, decode, encode

SUBJECT: Final = "gateway-shared.throttle"

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Milliseconds = Annotated[float, msgspec.Meta(ge=0)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Told(msgspec.Struct, frozen=True, gc=False):
    """The message: an `Outcome`, whose it is, and the `epoch` of the process that decided."""

    epoch: _Text
    tenant: _Text
    device_id: Annotated[str, msgspec.Meta(min_length=1)]
    hit: bool
    observed: _Count
    level: _Count
    blocked_ms: _Milliseconds = 0.0
    calm_ms: _Milliseconds | None = None
    session: _Text | None = None


@dataclass
class SharingCounters:
    """Since the start: outcomes `told` to the others, `untold` because the link was down, `adopted`, `malformed`."""

    told: int = 0
    untold: int = 0
    adopted: int = 0
    malformed: int = 0


class Sharing:
    """`epoch` is this process's own: what it said itself is not heard again."""

    def __init__(self, link: Link, throttle: Throttle, clock: Clock, epoch: str) -> None:
        self.counters = SharingCounters()
        self._link = link
        self._throttle = throttle
        self._clock = clock
        self._epoch = epoch

    def start(self) -> None:
        """Hear the others from now on."""
        self._link.subscribe(SUBJECT, self._take)

    def decided(self, key: Key, decision: Decision, now_ms: float) -> None:
        """Tell what `Throttle.check` has just decided; never waits, never raises."""
        outcome = self._throttle.outcome(key, decision, now_ms)
        if outcome is None:
            return
        told = Told(
            self._epoch,
            *key,
            outcome.hit,
            outcome.observed,
            outcome.level,
            outcome.blocked_ms,
            outcome.calm_ms,
            outcome.session,
        )
        try:
            self._link.send(SUBJECT, encode(told))
            self.counters.told += 1
        except (LinkError, Malformed):
            self.counters.untold += 1

    def _take(self, message: Message) -> None:
        try:
            told = decode(message.data, Told)
        except Malformed:
            self.counters.malformed += 1
            return
        if told.epoch == self._epoch:
            return
        outcome = Outcome(told.hit, told.observed, told.level, told.blocked_ms, told.calm_ms, told.session)
        self._throttle.adopt((told.tenant, told.device_id), outcome, self._clock.now() * 1000)
        self.counters.adopted += 1
