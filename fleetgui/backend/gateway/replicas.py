"""Which gateways live, by what they say themselves: every name is one gateway's, and every device has one owner.

Each sends a pulse every two seconds and is dead to the others when three in a row are missing; it needs nothing but a
broker, and no broker stores it. On it stand two rules:

A name belongs to whoever had it first, because histories and operators tell gateways apart by it alone. A gateway
that finds its name taken does not start, and of two that find out later (both started at once, or were parted by the
network) the younger ends. It gets no other name by itself: that would hide the mistake.

A device belongs to one live gateway by rendezvous hashing, so that when one joins or dies only its own share moves.
Views differ for a moment then: ownership avoids work done twice, and is no lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError, NoResponders, RequestTimeout
from fleetgui.link.messages import Message
from fleetgui.policy.clock import Clock
from fleetgui.wire.codec import Malformed, decode, encode
from fleetgui.wire.times import rfc3339

log = logging.getLogger(__name__)

PULSES: Final = "gateway-shared.alive"
NAMES: Final = "gateway-shared.name"
PULSE_EVERY_S: Final = 2.0
DEAD_AFTER_S: Final = 3.5 * PULSE_EVERY_S
CLAIM_WITHIN_S: Final = 2.0
MOST_REPLICAS: Final = 1000

_Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]


class NameTaken(Exception):
    """Another gateway has this one's name. The text is one sentence that says what to do."""


class Pulse(msgspec.Struct, frozen=True, gc=False):
    """`started_at` is in epoch seconds, by that machine's clock; `leaving`: this is the last one."""

    node: _Name
    epoch: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    started_at: float
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class _Heard:
    pulse: Pulse
    at: float


class Replicas:
    """This gateway among the others. `malformed` counts pulses that were none."""

    def __init__(self, link: Link, clock: Clock, node: str, epoch: str, started_at: float) -> None:
        self.malformed = 0
        self._link = link
        self._clock = clock
        self._me = Pulse(node, epoch, started_at)
        self._others: dict[str, _Heard] = {}
        self._lost: asyncio.Future[NameTaken] = asyncio.get_running_loop().create_future()

    async def claim(self) -> None:
        """Make sure that nobody has this name. Raises `NameTaken`, and `LinkError` when nobody can be asked."""
        try:
            reply = await self._link.request(f"{NAMES}.{self._me.node}", encode(self._me), timeout=CLAIM_WITHIN_S)
        except NoResponders:
            return
        except RequestTimeout:
            log.warning("a gateway called %s does not answer; this one takes its name", self._me.node)
            return
        try:
            raise _taken(decode(reply, Pulse))
        except Malformed:
            raise NameTaken(f"Something else answers as the gateway {self._me.node}; choose another name.") from None

    def start(self) -> None:
        """Hear the others, and answer for this name. `run` says that this one lives."""
        self._link.subscribe(f"{PULSES}.*", self._hear)
        self._link.serve(f"{NAMES}.{self._me.node}", "", lambda _: encode(self._me))

    async def run(self) -> None:
        """Send a pulse every few seconds, until cancelled."""
        while True:
            self._send(self._me)
            await asyncio.sleep(PULSE_EVERY_S)

    async def lost(self) -> NameTaken:
        """Why this gateway must end, once it must: an older one has its name."""
        return await asyncio.shield(self._lost)

    def leave(self) -> None:
        """Tell the others not to wait for this one's pulses."""
        self._send(msgspec.structs.replace(self._me, leaving=True))

    def live(self) -> list[str]:
        """The names of those that live, this one included, sorted."""
        dead_before = self._clock.now() - DEAD_AFTER_S
        for node in [node for node, heard in self._others.items() if heard.at < dead_before]:
            del self._others[node]
        return sorted([*self._others, self._me.node])

    def owns(self, tenant: str, device_id: str) -> bool:
        """Whether, of all live gateways, this device is this one's."""
        device = f"{tenant}.{device_id}".encode("utf-8", "surrogatepass")
        return max(self.live(), key=lambda node: _weight(node, device)) == self._me.node

    def _send(self, pulse: Pulse) -> None:
        with contextlib.suppress(LinkError):  # nobody can be told now; the next one is soon
            self._link.send(f"{PULSES}.{pulse.node}", encode(pulse))

    def _hear(self, message: Message) -> None:
        try:
            pulse = decode(message.data, Pulse)
        except Malformed:
            self.malformed += 1
            return
        if pulse.epoch == self._me.epoch:
            return
        if pulse.node == self._me.node:
            self._hear_my_name(pulse)
            return
        known = self._others.get(pulse.node)
        if pulse.leaving:
            if known is not None and known.pulse.epoch == pulse.epoch:
                del self._others[pulse.node]
            return
        if known is None and len(self._others) >= MOST_REPLICAS:
            return
        self._others[pulse.node] = _Heard(pulse, self._clock.now())
        if known is None or known.pulse.epoch != pulse.epoch:
            self._send(self._me)  # a newcomer need not wait to know whom it shares the devices with

    def _hear_my_name(self, pulse: Pulse) -> None:
        older = (pulse.started_at, pulse.epoch) < (self._me.started_at, self._me.epoch)
        if older and not pulse.leaving and not self._lost.done():
            self._lost.set_result(_taken(pulse))


def _taken(pulse: Pulse) -> NameTaken:
    try:
        since = f" since {rfc3339(pulse.started_at)}"
    except (ValueError, OverflowError, OSError):
        since = ""
    return NameTaken(f"A gateway called {pulse.node} runs here{since}; give this one another name with --node.")


def _weight(node: str, device: bytes) -> bytes:
    return hashlib.blake2b(device, digest_size=8, key=node.encode()).digest()
