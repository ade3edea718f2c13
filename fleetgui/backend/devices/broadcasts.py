"""Broadcasts: one call to many devices at once, for which each decides whether it is meant, and answers by an event.

One subscription serves the whole process, as every device hears the same message. A device is meant when it is among
the targets (or there are none) and the condition holds for it; it carries the call out beside whatever else it is at,
since the reference runtime runs broadcasts apart from calls. Nothing that it cannot judge makes it act: a condition
that fails, a time that has passed.

A broadcast comes from anybody: how many wait for their time, and what judging one may cost, is bounded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from fleetgui.backend.devices import functions
from fleetgui.backend.devices.commands import REBOOT_S
from fleetgui.backend.devices.device import Device, Phase
from fleetgui.backend.devices.where import WhereError, compile_where
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.policy.clock import Clock
from fleetgui.wire.broadcast import Broadcast, failed, succeeded
from fleetgui.wire.codec import Malformed, decode
from fleetgui.wire.subjects import NotAddressable, Subjects

if TYPE_CHECKING:
    from fleetgui.backend.devices.fleet import Fleet

MOST_HELD: Final = 64
"""Broadcasts that wait for their time at once; more are dropped."""
MOST_JUDGING_S: Final = 10.0
"""What judging one broadcast's condition may take for all devices together; the rest are not meant."""

Judge = Callable[[dict[str, Any]], bool]


@dataclass
class BroadcastCounters:
    """`heard` broadcasts, of which `malformed` and `dropped` (too many at once) came to nothing. Per device: `unmeant`
    by the condition, `failed` to judge it, `late`, `answered`, `unsent`."""

    heard: int = 0
    malformed: int = 0
    dropped: int = 0
    unmeant: int = 0
    failed: int = 0
    late: int = 0
    answered: int = 0
    unsent: int = 0


@dataclass
class _Round:
    """One broadcast on its way through the fleet. `due` (`Clock.now()`) is when it is carried out; `waiting` are those
    who are meant, with the boot that they were in when they heard of it."""

    broadcast: Broadcast
    judge: Judge | None
    due: float
    judging_s: float = 0.0
    waiting: list[tuple[Device, int]] = field(default_factory=list)


class Broadcasts:
    """Listens from `start` on."""

    def __init__(self, fleet: Fleet, link: Link, subjects: Subjects, clock: Clock) -> None:
        self.counters = BroadcastCounters()
        self._fleet = fleet
        self._link = link
        self._subjects = subjects
        self._clock = clock
        self._schedule = fleet.schedule
        self._held = 0

    def start(self) -> None:
        self._link.subscribe(self._subjects.broadcast, self._heard)

    def _heard(self, message: Message) -> None:
        self.counters.heard += 1
        try:
            broadcast = decode(message.data, Broadcast)
            self._subjects.async_reply("any", str(broadcast.correlation_id))
            judge = compile_where(broadcast.where) if broadcast.where else None
        except (Malformed, NotAddressable, WhereError):
            self.counters.malformed += 1
            return
        if not broadcast.correlation_id or not broadcast.function:
            self.counters.malformed += 1
            return
        hearers = self._hearers(broadcast.targets)
        wait = 0.0 if broadcast.fire_at is None else broadcast.fire_at - self._clock.wall()
        if wait < 0 and broadcast.on_late == "skip":
            self.counters.late += len(hearers)
            return
        if wait > 0 and self._held == MOST_HELD:
            self.counters.dropped += 1
            return
        turn = _Round(broadcast, judge, self._clock.now() + max(0.0, wait))
        self._schedule.each(hearers, partial(self._decide, turn))
        if wait > 0:
            self._held += 1
            self._schedule.at(turn.due, partial(self._fire_those_who_wait, turn))

    def _hearers(self, targets: list[str] | None) -> list[Device]:
        """The devices that hear of a broadcast with such `targets`, each once."""
        by_id = self._fleet.by_id
        devices = [by_id[each] for each in dict.fromkeys(targets) if each in by_id] if targets else self._fleet.devices
        return [device for device in devices if device.is_reached]

    def _decide(self, turn: _Round, device: Device) -> None:
        if turn.judge is not None and not self._is_meant(turn, turn.judge, device):
            return
        if self._clock.now() < turn.due:
            turn.waiting.append((device, device.boots))
        else:
            self._fire(turn.broadcast, (device, device.boots))

    def _is_meant(self, turn: _Round, judge: Judge, device: Device) -> bool:
        began = perf_counter()
        try:
            if turn.judging_s > MOST_JUDGING_S:
                raise WhereError("judging this condition takes too long")
            meant = judge(_context(device) | {"bindings": turn.broadcast.bindings or {}})
        except WhereError:
            self.counters.failed += 1
            return False
        finally:
            turn.judging_s += perf_counter() - began
        self.counters.unmeant += not meant
        return meant

    def _fire_those_who_wait(self, turn: _Round) -> None:
        self._held -= 1
        self._schedule.each(turn.waiting, partial(self._fire, turn.broadcast))

    def _fire(self, broadcast: Broadcast, who: tuple[Device, int]) -> None:
        device, boot = who
        if device.boots != boot or device.phase is Phase.DOWN:
            return
        fired_at = self._clock.wall()
        try:
            work = _begun(device, broadcast)
        except functions.FunctionFailed as failure:
            answer = failed(broadcast.correlation_id, device.spec.device_id, str(failure), fired_at)
            self._answer(who, broadcast, answer)
            return
        answer = succeeded(broadcast.correlation_id, device.spec.device_id, work.result, fired_at)
        if work.seconds > 0:
            self._schedule.after(work.seconds, partial(self._answer, who, broadcast, answer))
            return
        self._answer(who, broadcast, answer)
        if work.reboot_after is not None:
            self._fleet.restart(device, down_for=REBOOT_S, after=work.reboot_after)

    def _answer(self, who: tuple[Device, int], broadcast: Broadcast, answer: bytes) -> None:
        device, boot = who
        if device.boots != boot or not device.is_reached:
            self.counters.unsent += 1
            return
        try:
            self._link.send(self._subjects.async_reply(device.spec.device_id, str(broadcast.correlation_id)), answer)
        except LinkError:
            self.counters.unsent += 1
        else:
            self.counters.answered += 1


def _begun(device: Device, broadcast: Broadcast) -> functions.Work:
    """Raises `FunctionFailed`. The words for a function that there is not are the runtime's own for broadcasts."""
    function = device.spec.kind.function(broadcast.function)
    params = broadcast.params or {}
    if function is None:
        raise functions.FunctionFailed(f"unknown function: {broadcast.function[:100]}")
    if not isinstance(params, dict):
        raise functions.FunctionFailed(f"argument after ** must be a mapping, not {type(params).__name__}")
    return functions.start(device, function, params)


def _context(device: Device) -> dict[str, Any]:
    """What a condition may look at, beside what its sender binds."""
    record = device.spec.record(ttl=0, status=device.live_status())
    return {
        "identity": {"device_id": device.spec.device_id, **record["identity"]},
        "labels": record["capabilities"]["labels"],
        "status": record["status"],
    }
