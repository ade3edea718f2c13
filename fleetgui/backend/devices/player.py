"""Plays a scenario on the fleet: picks whom each step strikes, and strikes at its time.

Whom a step strikes is drawn from seed, round and step, among all devices that live anywhere: processes that share a
fleet make the same plan, and each carries out what concerns its own devices. What does not concern single devices
(dashboards, deployments) is done by one of them, which leads.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from fleetgui.backend.devices.chance import Key, draw
from fleetgui.backend.devices.dashboard import Dashboard
from fleetgui.backend.devices.device import Device
from fleetgui.backend.devices.fleet import Fleet
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.specs import Spec
from fleetgui.backend.scenarios import Action, Deploy, Flap, Flood, Herd, Partition, Restart, Scenario, Storm

log = logging.getLogger("fleetgui.devices")

_ENOUGH: Final = 400
"""Devices, evenly spread over the fleet, that are looked at to learn which sites there are."""


@dataclass(frozen=True)
class Planned:
    """One step of one round: `at` seconds after the scenario's start, on `device_ids`, or on all of `sites`."""

    at: float
    action: Action
    note: str
    device_ids: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


def plan(scenario: Scenario, number: int, cast: Sequence[Spec], seed: int) -> list[Planned]:
    """What round `number` (from 0) does to `cast`, all devices that live. The same arguments give the same plan."""
    begins = number * (scenario.period or 0.0)
    planned = []
    for position, step in enumerate(scenario.steps):
        key: tuple[Key, ...] = (seed, scenario.name, number, position)
        device_ids: tuple[str, ...] = ()
        sites: tuple[str, ...] = ()
        match step.action:
            case Storm(devices=wanted) | Flap(devices=wanted):
                device_ids = _some(cast, wanted, key)
            case Restart():
                sites = _sites(cast, key)[:1]
            case Partition(share=share):
                sites = _sites(cast, key)
                sites = sites[: max(1, round(share * len(sites)))]
        planned.append(Planned(begins + step.at, step.action, step.note, device_ids, sites))
    return planned


def _some(cast: Sequence[Spec], wanted: int, key: tuple[Key, ...]) -> tuple[str, ...]:
    """The ids of `wanted` devices, or of as many as there are, in the order in which they were drawn."""
    drawn: dict[int, None] = {}
    turn = 0
    while len(drawn) < min(wanted, len(cast)):
        drawn[int(draw(*key, turn) * len(cast))] = None
        turn += 1
    return tuple(cast[position].device_id for position in drawn)


def _sites(cast: Sequence[Spec], key: tuple[Key, ...]) -> tuple[str, ...]:
    """The sites where there are devices, by luck."""
    some = cast[:: max(1, len(cast) // _ENOUGH)]
    return tuple(sorted({spec.site for spec in some}, key=lambda site: draw(*key, site)))


class Player:
    """Plays `scenario` on `fleet`, for ever when it has a period. `played` are the last round's steps that have begun.

    `cast` are all devices that live, in this process or another. `dashboard` is None where another process leads, and
    so is `deploy`, which is to put a deployment on record; without it that step is told, and nothing else.
    """

    def __init__(
        self,
        scenario: Scenario,
        fleet: Fleet,
        schedule: Schedule,
        *,
        cast: Sequence[Spec],
        seed: int,
        dashboard: Dashboard | None = None,
        deploy: Callable[[Deploy], None] | None = None,
    ) -> None:
        self.played: list[Planned] = []
        self._scenario = scenario
        self._fleet = fleet
        self._schedule = schedule
        self._cast = cast
        self._seed = seed
        self._dashboard = dashboard
        self._deploy = deploy
        self._at_site: dict[str, list[Device]] = defaultdict(list)
        for device in fleet.devices:
            self._at_site[device.spec.site].append(device)
        self._began = 0.0

    def start(self) -> None:
        """Begin now."""
        self._began = self._schedule.now
        self._round(0)

    def _round(self, number: int) -> None:
        self.played.clear()
        for planned in plan(self._scenario, number, self._cast, self._seed):
            self._schedule.at(self._began + planned.at, partial(self._play, planned))
        if self._scenario.period is not None and self._scenario.steps:
            begins = self._began + (number + 1) * self._scenario.period
            self._schedule.at(begins, partial(self._round, number + 1))

    def _struck(self, planned: Planned) -> list[Device]:
        """Those of this process's devices that the step strikes."""
        by_id = self._fleet.by_id
        named = [by_id[device_id] for device_id in planned.device_ids if device_id in by_id]
        return named + [device for site in planned.sites for device in self._at_site.get(site, ())]

    def _play(self, planned: Planned) -> None:
        self.played.append(planned)
        if self._dashboard is not None:
            log.info("scenario %s, %.0f s: %s", self._scenario.name, planned.at, planned.note)
        fleet, struck, ttl = self._fleet, self._struck(planned), self._fleet.settings.ttl
        match planned.action:
            case Storm(every=every, seconds=seconds):
                for device in struck:
                    fleet.storm(device, every=every, seconds=seconds)
            case Flood(busy_ms=busy_ms, times=times, every=every):
                if self._dashboard is not None:
                    for turn in range(times):
                        self._schedule.after(turn * every, partial(self._dashboard.burst, busy_ms))
            case Restart(every=every, within=within, leases=leases):
                pause = min(every, within / max(1, len(struck)))
                for turn, device in enumerate(struck):
                    fleet.restart(device, down_for=leases * ttl, after=turn * pause)
            case Herd(down_for=down_for):
                self._schedule.each(fleet.devices, lambda device: fleet.restart(device, down_for=down_for, spread=True))
            case Flap(times=times, leases=leases, up=up):
                for device in struck:
                    late = up * ttl * draw(device.spec.seed, device.spec.index, "flap")
                    for turn in range(times):
                        after = late + turn * (leases + up) * ttl
                        fleet.restart(device, down_for=leases * ttl, after=after)
            case Partition(leases=leases, noticed_after=noticed_after):
                seconds = leases * ttl
                self._schedule.each(
                    struck, lambda device: fleet.cut_off(device, seconds=seconds, noticed_after=noticed_after)
                )
            case Deploy():
                if self._deploy is not None:
                    self._deploy(planned.action)
