"""The reference: every figure counted anew from what there is, in the plainest way that can be written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleetgui.backend.deployments.rollup import Figures
from fleetgui.wire.deployments import Deployment, DeploymentName, DeviceKey, DeviceState, LastError, Phase


def recount(
    infos: Mapping[DeviceKey, Mapping[str, str]], states: Iterable[DeviceState], deployments: Iterable[Deployment]
) -> dict[DeploymentName, Figures]:
    """What each deployment's figures must be. `infos` are the labels of each device."""
    by_name: dict[DeploymentName, dict[DeviceKey, DeviceState]] = {}
    for state in states:
        by_name.setdefault(state.deployment, {})[state.device_id] = state
    counted = {}
    for deployment in deployments:
        if deployment.target_devices is not None:
            targets = set(deployment.target_devices)
        else:
            wanted = (deployment.target_selector or {}).items()
            targets = {device for device, labels in infos.items() if wanted <= labels.items()}
        said = [state for device, state in by_name.get(deployment.name, {}).items() if device in targets]
        failed = [state for state in said if state.phase is Phase.FAILED]
        succeeded = sum(state.phase is Phase.RUNNING for state in said)
        last = min(failed, key=lambda state: (-state.last_event_at, state.device_id), default=None)
        counted[deployment.name] = Figures(
            len(targets),
            succeeded,
            len(failed),
            len(targets) - succeeded - len(failed),
            LastError(device_id=last.device_id, message=(last.last_error or "")[:512], at=last.last_event_at)
            if last
            else None,
        )
    return counted
