"""Deployments as a fabric has them, put into the stores through their own apply methods, the same every time."""

from __future__ import annotations

from fleetgui.policy.clock import ManualClock
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.deployments.rollups import Definition
from fleetgui.wire.deployments import (
    Deployment,
    DeploymentName,
    DeploymentStatus,
    DeviceKey,
    DeviceState,
    LastError,
    Moment,
    Phase,
)

ERROR = "image registry.example/vision:2.4.1 could not be pulled: no space left on device"


def status(
    name: str, *, running: int = 0, failed: int = 0, pending: int = 0, at: float = 0.0, error: str = ERROR
) -> DeploymentStatus:
    """A roll-up; one with failures has a last error."""
    last = LastError(device_id=DeviceKey("camera-0147"), message=error, at=Moment(at)) if failed else None
    return DeploymentStatus(
        name=DeploymentName(name),
        target=running + failed + pending,
        succeeded=running,
        failed=failed,
        pending=pending,
        updated_at=Moment(at),
        last_error=last,
    )


def said(device: str, name: str, phase: Phase, at: float, error: str | None = None) -> DeviceState:
    return DeviceState(
        device_id=DeviceKey(device),
        deployment=DeploymentName(name),
        phase=phase,
        last_event_at=Moment(at),
        last_error=error,
    )


def deployment(name: str, devices: list[str] | None = None, at: float = 0.0) -> Deployment:
    """One that names its devices, or means every device."""
    named = None if devices is None else tuple(DeviceKey(device) for device in devices)
    selector: dict[str, str] | None = {} if named is None else None
    return Deployment(
        name=DeploymentName(name),
        generation=1,
        created_at=Moment(at),
        target_selector=selector,
        target_devices=named,
    )


def deployed(state: ConsoleState, clock: ManualClock, count: int = 24) -> None:
    """`count` deployments in every condition, read and followed."""
    rollups, wall = state.deployments.rollups, clock.wall()
    statuses, definitions = [], []
    for number in range(count):
        name = f"{('vision', 'telemetry', 'firmware', 'door-rules')[number % 4]}-{number:03d}"
        at = wall - 7.0 * number - 3.0
        selector = (("site", f"{number % 24:02d}"), ("type", "camera"))
        definitions.append((name, Definition(1 + number % 3, at - 3600, None, selector)))
        match number % 8:
            case 0:
                made = status(name, running=400 + number, failed=1 + number % 5, pending=12, at=at)
            case 3:
                made = status(name, running=1_088 - number, pending=30 + number, at=at)
            case 7 if number % 16 == 7:
                continue
            case 5 if number % 16 == 5:
                made = status(name, at=at)
            case _:
                made = status(name, running=200 + 31 * number, at=at)
        statuses.append((name, made))
    rollups.apply_statuses(statuses)
    rollups.apply_definitions(definitions)
    rollups.statuses.follows(clock.now)
    rollups.definitions.follows(clock.now)


def opened(state: ConsoleState, clock: ManualClock, name: str = "vision-000", count: int = 417) -> None:
    """The devices of one of them, read and followed."""
    store, wall = state.deployments.open(name), clock.wall()
    devices = [f"camera-{number:04d}" for number in range(count)]
    store.apply_definition(deployment(name, devices, wall - 3600))
    batch = []
    for number, device in enumerate(devices):
        if number % 35 == 0:
            continue
        phase = Phase.FAILED if number % 97 == 1 else Phase.RUNNING
        batch.append((device, said(device, name, phase, wall - number, ERROR if phase is Phase.FAILED else None)))
    store.apply_states(batch, anew=True)
    store.reading.follows(clock.now)
