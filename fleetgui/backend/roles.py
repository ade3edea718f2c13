"""Which processes a backend is made of: each role, what its processes are told, and in which order they start.

A role is a row in `ROLES`. Every process gets the connection (see `connect.py`) beside the settings given here, and
speaks with the supervisor as `parent.py` has it; so any of them may run alone, on any machine that reaches the broker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fleetgui.backend.options import ServeOptions

BROKER: Final = "broker"
DEVICES_PER_PROCESS: Final = 20_000
"""What one core carries with room to spare (tests/bench, `devices`)."""
COMPUTED_ABOVE: Final = 60_000
"""A larger fleet's records are computed when asked for, and a sample of its devices lives."""
COMPUTED_TTL_S: Final = 45


class Stage(Enum):
    """When a role's processes start to work; each stage waits until the one before is ready.

    Processes of the first two are launched at once, because most of a start is a Python that imports. A backend is
    ready with its first stage that is not empty.
    """

    SERVE = 1
    LIVE = 2
    FOLLOW = 3


@dataclass(frozen=True)
class Part:
    """One process: `python -m <module>`, told `settings`. `name` is for people."""

    name: str
    module: str
    settings: dict[str, Any]
    stage: Stage


def _gateways(options: ServeOptions) -> list[dict[str, Any]]:
    return [{"node": node, **_computed(options)} for node in options.nodes]


def _computed(options: ServeOptions) -> dict[str, Any]:
    if options.devices <= COMPUTED_ABOVE:
        return {}
    ttl = options.ttl or COMPUTED_TTL_S
    return {"computed": {"devices": options.devices, "seed": options.seed, "ttl": ttl}}


def _devices(options: ServeOptions) -> list[dict[str, Any]]:
    story = {"seed": options.seed, "scenario": options.scenario, "ttl": options.ttl}
    if options.devices > COMPUTED_ABOVE:
        return [{**story, "computed": options.devices}]
    return [
        {**story, "devices": options.devices, "from": first, "count": min(DEVICES_PER_PROCESS, options.devices - first)}
        for first in range(0, options.devices, DEVICES_PER_PROCESS)
    ]


@dataclass(frozen=True)
class _Role:
    module: str
    stage: Stage
    processes: Callable[[ServeOptions], list[dict[str, Any]]]


ROLES: Final[dict[str, _Role]] = {
    "gateway": _Role("fleetgui.backend.gateway", Stage.SERVE, _gateways),
    "devices": _Role("fleetgui.backend.devices", Stage.LIVE, _devices),
    "deployments": _Role("fleetgui.backend.deployments", Stage.FOLLOW, lambda _: [{}]),
    "agents": _Role("fleetgui.backend.deployments.agents", Stage.FOLLOW, _devices),
    "topology": _Role("fleetgui.backend.topology", Stage.FOLLOW, lambda _: [{}]),
}

NAMES: Final = (BROKER, *ROLES)
"""What `--roles` may name."""
SIMULATED: Final = frozenset({"devices", "agents"})
"""The roles of simulated devices, which have no business on a real fabric unless somebody wants them there."""


def simulated(options: ServeOptions) -> int:
    """How many devices there are that nobody built, those included whose records a gateway computes."""
    return options.devices if "devices" in options.roles or _computed(options) else 0


def parts_of(options: ServeOptions) -> list[Part]:
    """The processes that `options` ask for, beside the broker."""
    parts = []
    for name, role in ROLES.items():
        if name not in options.roles:
            continue
        processes = role.processes(options)
        for number, settings in enumerate(processes, 1):
            label = settings.get("node") or (str(number) if len(processes) > 1 else "")
            parts.append(Part(f"{name} {label}".strip(), role.module, settings, role.stage))
    return parts
