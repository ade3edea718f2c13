"""A small fleet in real processes, faults done to it at random, and a witness of what the console shows meanwhile.

The witness knows, of each source, since when it certainly sends nothing: its process stands or is gone, or the broker
does not pass on what it sends. Ten times a second it looks at what is on the screen. Whatever is shown as live there,
of a source that has been silent for longer than it promised and one second, is a false green.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Self

from fleetgui.app.session import Session
from fleetgui.policy.freshness import BEATS_PER_TTL
from fleetgui.policy.states import BANDS, State
from fleetgui.widgets.parts.chip import Chip
from tests.backend.links import party
from tests.backend.roles import Role, gateway
from tests.nats_server import NatsServer

TTL_S: Final = 6.0
DEVICES: Final = 24
NODES: Final = ("gw-1", "gw-2")
LOOK_S: Final = 0.1
NOTICE_S: Final = 1.0
"""What a figure has for leaving live, beyond the limit that its source declares."""
UNTHROTTLED: Final = {"RECONNECT_HARD_CEILING": "100000000", "RECONNECT_BASE_MAX": "100000000"}
BROKER: Final = "broker"
FLEET: Final = "devices"
GREEN: Final = frozenset({State.LIVE, State.ONLINE, *BANDS.values()})


class Fabric:
    """A broker, two gateways and a process of simulated devices, each to be stopped, killed and brought back."""

    def __init__(self) -> None:
        self.broker = NatsServer(jetstream=True)
        self.roles: dict[str, Role] = {
            **{node: gateway(self.broker.url, node, UNTHROTTLED) for node in NODES},
            FLEET: Role(
                "fleetgui.backend.devices",
                {"url": self.broker.url, "devices": DEVICES, "seed": 3, "scenario": "calm", "ttl": TTL_S},
            ),
        }
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._closing.enter_context(self.broker)
        for role in self.roles.values():
            self._closing.enter_context(role)
        return self

    def __exit__(self, *_: object) -> None:
        for name in (BROKER, *self.roles):  # what stands still cannot end in good order
            self.signal(name, signal.SIGCONT)
        self._closing.close()

    def signal(self, name: str, number: int) -> None:
        if name == BROKER:
            if self.broker.running:
                self.broker._signal(number)
        elif self.roles[name].running:
            os.kill(self.roles[name].pid, number)

    async def kill(self, name: str) -> None:
        await asyncio.to_thread(self.broker.kill if name == BROKER else self.roles[name].kill)

    async def restart(self, name: str) -> None:
        await asyncio.to_thread(self.broker.restart if name == BROKER else self.roles[name].restart)


@dataclass
class Silences:
    """Since when which source is certainly silent. Times are the console's `Clock.now()`."""

    since: dict[str, dict[int, float]] = field(default_factory=dict)

    def begins(self, name: str, fault: int, at: float) -> None:
        self.since.setdefault(name, {})[fault] = at

    def ends(self, name: str, fault: int) -> None:
        self.since.get(name, {}).pop(fault, None)

    def of(self, name: str) -> float | None:
        """A silent broker silences everybody."""
        moments = [*self.since.get(name, {}).values(), *self.since.get(BROKER, {}).values()]
        return min(moments, default=None)


class Witness:
    """Looks at the screen of `session`; `false` is what was shown as live and could not be."""

    def __init__(self, session: Session, silences: Silences) -> None:
        self._session = session
        self._silences = silences
        self.looks = 0
        self.seen_green: set[str] = set()
        self.false: list[str] = []
        self.faults: list[str] = []
        """What is being done, for the message of a failure."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        self.looks += 1
        now = self._session.clock.now()
        for what, source, limit_s, state in self._shown():
            if state not in GREEN:
                continue
            self.seen_green.add(what)
            since = self._silences.of(source)
            if since is not None and now - since > limit_s + NOTICE_S:
                self.false.append(f"{what} is {state.word} {now - since:.1f} s after {self.faults}")

    @property
    def not_green(self) -> list[str]:
        """What stands on the screen and is not live, with its state."""
        return [f"{what} is {state.word}" for what, _source, _limit_s, state in self._shown() if state not in GREEN]

    def _shown(self) -> Iterator[tuple[str, str, float, State]]:
        """(what stands on the screen, whose word it is, how long that may be silent, the state it is shown in)."""
        session = self._session
        assert session.fabric is not None
        header, page = session.window.header, session.pages.devices
        assert page is not None
        ping_s, window_s, beat_s = session.fabric.link.settings.ping_interval, 1.0, TTL_S / BEATS_PER_TTL
        yield "the link", BROKER, 2 * ping_s, shown_by(header.link)
        for name, chip in header.gateways._chips.items():
            yield f"the chip of {name}", name, 2 * window_s, shown_by(chip)
        if header.online._value == 0:  # nobody is: that is the registry's word, which announced each of them offline
            yield "that nobody is online", BROKER, 2 * ping_s, header.online._state
        else:
            yield "the count of those online", FLEET, beat_s, header.online._state
        yield "the total", BROKER, 2 * ping_s, header.registered._state
        model = page.model
        first, last = page.table.first_visible, min(page.table.last_visible, model.rowCount() - 1)
        for row in range(first, last + 1):
            facts = model.facts(row)
            if facts.loaded and facts.presence is not None:
                yield f"the row of {facts.row.device_id}", FLEET, beat_s, facts.presence


def shown_by(chip: Chip) -> State:
    return chip._state


Undo = Callable[[], Awaitable[None]]


class Faults:
    """Does one fault after another, as `chance` has it; each returns what ends it."""

    def __init__(self, fabric: Fabric, silences: Silences, now: Callable[[], float], chance: random.Random) -> None:
        self._fabric = fabric
        self._silences = silences
        self._now = now
        self._chance = chance
        self.done = 0

    async def one(self, free: list[str]) -> tuple[str, str, Undo]:
        """(its name, whom it is done to, how it ends); whom it is done to leaves `free`."""
        self.done += 1
        chance = self._chance
        target = free.pop(chance.randrange(len(free)))
        kind = chance.choices((self._stop, self._kill, self._flood, self._corrupt), (4, 3, 1, 1))[0]
        if kind in (self._flood, self._corrupt) and BROKER not in free:
            kind = self._stop
        return await kind(target)

    async def _stop(self, target: str) -> tuple[str, str, Undo]:
        fault = self.done
        self._fabric.signal(target, signal.SIGSTOP)
        self._silences.begins(target, fault, self._now())

        async def undo() -> None:
            self._silences.ends(target, fault)
            self._fabric.signal(target, signal.SIGCONT)

        return f"{target} stopped", target, undo

    async def _kill(self, target: str) -> tuple[str, str, Undo]:
        fault = self.done
        await self._fabric.kill(target)
        self._silences.begins(target, fault, self._now())

        async def undo() -> None:
            self._silences.ends(target, fault)
            await self._fabric.restart(target)

        return f"{target} killed", target, undo

    async def _flood(self, target: str) -> tuple[str, str, Undo]:
        """Noise in the name of everybody; it is news of nobody, so silences go on."""
        noise = [b"", b"{", b"\xff\xfe", b"[" * 5_000, b'{"device_id":5}', b'{"method":"gateway/lag","params":{}}']
        root = "device-connect.default"
        subjects = [f"{root}.gateway", f"{root}.device.online", f"{root}.camera-0001.heartbeat", f"{root}.x.heartbeat"]
        async with party(self._fabric.broker.url, "noise") as client:
            for number in range(2_000):
                await client.link.publish(subjects[number % 4], noise[number % len(noise)])
            await client.link.flush()
        return "noise", target, nothing

    async def _corrupt(self, target: str) -> tuple[str, str, Undo]:
        """Entries that are none, in the buckets that are read; and every consumer of them goes."""
        async with party(self._fabric.broker.url, "vandal") as client:
            jetstream = client.link.jetstream()
            for stream in await jetstream.streams_info():
                name = stream.config.name or ""
                for consumer in await jetstream.consumers_info(name):
                    if consumer.name:
                        await jetstream.delete_consumer(name, consumer.name)
                if name.startswith("KV_"):
                    for data in (b"", b"{", b'{"device_id":"x"}'):
                        await client.link.publish(f"$KV.{name.removeprefix('KV_')}.camera-9999", data)
            await client.link.flush()
        return "buckets corrupted", target, nothing


async def nothing() -> None:
    """For what ends by itself."""
