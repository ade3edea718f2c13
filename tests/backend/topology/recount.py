"""The facts as they were given, and what follows from them counted anew each time: slow, and too simple to be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetgui.wire.deployments import Deployment, DeploymentName, DeviceKey, DeviceState, Phase
from tests.backend.topology.reader import View


@dataclass
class Facts:
    places: dict[str, str] = field(default_factory=dict)
    online: dict[str, bool] = field(default_factory=dict)
    labels: dict[DeviceKey, dict[str, str]] = field(default_factory=dict)
    deployments: dict[DeploymentName, Deployment] = field(default_factory=dict)
    states: dict[tuple[DeviceKey, DeploymentName], DeviceState] = field(default_factory=dict)

    def means(self, deployment: Deployment, device: str) -> bool:
        if deployment.target_devices is not None:
            return device in deployment.target_devices
        labels = self.labels.get(DeviceKey(device))
        return labels is not None and (deployment.target_selector or {}).items() <= labels.items()

    def services(self, device: str) -> tuple[str, ...]:
        return tuple(
            sorted(
                name for (each, name), state in self.states.items() if each == device and state.phase is Phase.RUNNING
            )
        )

    def mutation(self, deployment: Deployment, site: str) -> str | None:
        meant = [device for device, place in self.places.items() if place == site and self.means(deployment, device)]
        states = [self.states.get((DeviceKey(device), deployment.name)) for device in meant]
        phases = [state.phase for state in states if state is not None]
        if not meant:
            return None
        if not phases:
            return "enqueued"
        if len(phases) < len(meant) or Phase.PENDING in phases:
            return "applying"
        return "failed" if Phase.FAILED in phases else "applied"

    def view(self, site: str) -> View:
        """How the site is, as long as nothing stalls."""
        members = {
            device: (self.online[device], self.services(device))
            for device, place in self.places.items()
            if place == site
        }
        mutations = {f"{name}.{each.generation}": self.mutation(each, site) for name, each in self.deployments.items()}
        in_flight = {name: state for name, state in mutations.items() if state in ("enqueued", "applying")}
        online = sum(each for each, _ in members.values())
        if not members:
            status = "pending"
        elif online < len(members) / 2:
            status = "failed"
        elif "applying" in in_flight.values():
            status = "deploying"
        else:
            status = "active" if online == len(members) else "degraded"
        return View(status, members, in_flight)
