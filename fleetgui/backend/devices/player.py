"""Carries a scenario out on a fleet. What a round does to whom is drawn from seed and round alone (`plan`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fleetgui.backend.devices.chance import Key, choose, draw
from fleetgui.backend.devices.dashboard import Dashboard
from fleetgui.backend.devices.fleet import Fleet
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.specs import Spec
from fleetgui.backend.scenarios import Action, Scenario, Step


@dataclass(frozen=True)
class Planned:
    """One step of one round: `at` seconds after the scenario's start, on `device_ids`, in this order."""

    at: float
    action: Action
    params: Mapping[str, float]
    device_ids: tuple[str, ...] = ()


def plan(scenario: Scenario, number: int, specs: Sequence[Spec], seed: int) -> list[Planned]:
    """What round `number` (from 0) does. The same arguments give the same plan."""
    begins = number * (scenario.period or 0.0)
    return [
        Planned(begins + step.at, step.action, step.params, _targets(step, (seed, number, position), specs))
        for position, step in enumerate(scenario.steps)
    ]


def _targets(step: Step, key: tuple[Key, ...], specs: Sequence[Spec]) -> tuple[str, ...]:
    if not specs or step.action is Action.FLOOD:
        return ()
    if step.action is Action.STORM:
        by_luck = sorted(specs, key=lambda spec: draw(*key, spec.index))
        return tuple(spec.device_id for spec in by_luck[: int(step.params["devices"])])
    site = choose(sorted({spec.site for spec in specs}), *key, "site")
    return tuple(spec.device_id for spec in specs if spec.site == site)


class Player:
    """Plays `scenario` on `fleet`, for ever when it has a period. `played` are the steps that have begun."""

    def __init__(self, scenario: Scenario, fleet: Fleet, dashboard: Dashboard, schedule: Schedule, seed: int) -> None:
        self.played: list[Planned] = []
        self._scenario = scenario
        self._fleet = fleet
        self._dashboard = dashboard
        self._schedule = schedule
        self._seed = seed
        self._specs = [device.spec for device in fleet.devices]
        self._began = 0.0

    def start(self) -> None:
        """Begin now."""
        self._began = self._schedule.now
        self._round(0)

    def _round(self, number: int) -> None:
        for planned in plan(self._scenario, number, self._specs, self._seed):
            self._schedule.at(self._began + planned.at, partial(self._play, planned))
        if self._scenario.period is not None and self._scenario.steps:
            begins = self._began + (number + 1) * self._scenario.period
            self._schedule.at(begins, partial(self._round, number + 1))

    def _play(self, planned: Planned) -> None:
        self.played.append(planned)
        devices = [self._fleet.by_id[device_id] for device_id in planned.device_ids]
        params = planned.params
        match planned.action:
            case Action.STORM:
                for device in devices:
                    self._fleet.storm(device, every=params["every"], seconds=params["seconds"])
            case Action.FLOOD:
                for turn in range(int(params["times"])):
                    self._schedule.after(turn * params["every"], partial(self._dashboard.burst, params["busy_ms"]))
            case Action.RESTART:
                down_for = params["leases"] * self._fleet.settings.ttl
                for turn, device in enumerate(devices):
                    self._fleet.restart(device, down_for=down_for, after=turn * params["every"])
