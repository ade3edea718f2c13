"""A fleet from a seed: which devices there are, and what each says of itself. Same seed, same fleet, everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fleetgui.backend.devices.catalogue import KINDS, Kind
from fleetgui.backend.devices.chance import choose, draw

SITES: Final = tuple(f"site-{number:02d}" for number in range(1, 41))
_TOTAL_SHARE: Final = sum(kind.share for kind in KINDS)
_ARCHES: Final = ("aarch64", "armv7l", "x86_64")
_FIRMWARES: Final = ("2.8.4", "2.9.0", "2.9.1", "3.0.0-rc2")
FAULTY_SHARE: Final = 0.05
"""The share of devices whose `self_test` fails."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What never changes about one simulated device. `number` counts within its kind, from 1; `index` in the fleet."""

    index: int
    seed: int
    device_id: str
    kind: Kind
    number: int
    site: str
    area: str
    faulty: bool

    def record(self, *, ttl: float, status: dict[str, Any]) -> dict[str, Any]:
        """What the device registers (the params of `registerDevice`); `ttl` in seconds, `status` as it is now."""
        maker, model = choose(self.kind.makers, self.seed, self.index, "model")
        location: list[str] = [f"{self.site}/{self.area}"]
        return {
            "device_id": self.device_id,
            "device_ttl": ttl,
            "capabilities": {
                "description": self.kind.description,
                "functions": [function.as_wire() for function in self.kind.functions],
                "events": [event.as_wire() for event in self.kind.events],
                "labels": {"category": self.kind.category, "location": location},
            },
            "identity": {
                "device_type": self.kind.name,
                "manufacturer": maker,
                "model": model,
                "serial_number": f"{maker[:2].upper()}{int(draw(self.seed, self.index, 'serial') * 10**8):08d}",
                "firmware_version": choose(_FIRMWARES, self.seed, self.index, "firmware"),
                "arch": choose(_ARCHES, self.seed, model, "arch"),
            },
            "status": {"location": self.site, **status},
        }


def make_fleet(count: int, seed: int) -> list[Spec]:
    """`count` devices in the order of their kinds and numbers, spread over the sites."""
    counts = _counts(count)
    width = max(4, len(str(max(counts.values(), default=0))))
    fleet: list[Spec] = []
    for kind in KINDS:
        for number in range(1, counts[kind.name] + 1):
            index = len(fleet)
            fleet.append(
                Spec(
                    index=index,
                    seed=seed,
                    device_id=f"{kind.name}-{number:0{width}d}",
                    kind=kind,
                    number=number,
                    site=choose(SITES, seed, index, "site"),
                    area=choose(kind.areas, seed, index, "area"),
                    faulty=draw(seed, index, "faulty") < FAULTY_SHARE,
                )
            )
    return fleet


def _counts(total: int) -> dict[str, int]:
    """How many of each kind, by share; what rounding leaves goes to the first kinds, so that the sum is `total`."""
    counts = {kind.name: total * kind.share // _TOTAL_SHARE for kind in KINDS}
    missing = total - sum(counts.values())
    for kind in KINDS[:missing]:
        counts[kind.name] += 1
    return counts
