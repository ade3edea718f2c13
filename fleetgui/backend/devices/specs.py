"""A fleet from a seed: which devices there are, and what each says of itself. Same seed, same fleet, everywhere.

`Specs` holds a number and a seed, nothing per device: a spec is computed when asked for, so a fleet of a million costs
as little as one of ten. `columns.py` computes the same facts of all of them at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import floor
from typing import TYPE_CHECKING, Any, Final, overload

from fleetgui.backend.devices.catalogue import KINDS
from fleetgui.backend.devices.chance import between, choose, draw
from fleetgui.backend.devices.kinds import Kind

if TYPE_CHECKING:
    from fleetgui.backend.devices.columns import Columns

SITES: Final = tuple(f"site-{number:02d}" for number in range(1, 41))
ARCHES: Final = ("aarch64", "armv7l", "x86_64")
FIRMWARES: Final = ("2.8.4", "2.9.0", "2.9.1", "3.0.0-rc2")
FAULTY_SHARE: Final = 0.05
"""The share of devices whose `self_test` fails, and on which a deployment does."""
RINGS: Final = (("canary", 0.02), ("early", 0.20), ("broad", 1.0))
"""In which order a careful operator rolls out: ring and the share of the fleet up to and including it."""
BATTERY_PERCENT: Final = (12.0, 100.0)
MOST_BUSY: Final = 0.5
"""Bounds of the battery and the load that a device starts with."""

_TOTAL_SHARE: Final = sum(kind.share for kind in KINDS)
_LEAST_DIGITS: Final = 4


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

    @property
    def location(self) -> str:
        """`site/area`, as the label says it; the status carries the site alone."""
        return f"{self.site}/{self.area}"

    @property
    def ring(self) -> str:
        luck = draw(self.seed, self.index, "ring")
        return next(name for name, share in RINGS if luck < share)

    @property
    def battery(self) -> float | None:
        """Percent at the start; None for a device on mains."""
        if not self.kind.battery:
            return None
        return floor(10 * between(*BATTERY_PERCENT, self.seed, self.index, "battery")) / 10

    @property
    def busy(self) -> float:
        """The load at the start, 0 to 1."""
        return floor(100 * between(0.0, MOST_BUSY, self.seed, self.index, "busy")) / 100

    def labels(self) -> dict[str, str]:
        """What a deployment selects by."""
        return {
            "site": self.site,
            "area": self.area,
            "type": self.kind.name,
            "category": self.kind.category,
            "ring": self.ring,
        }

    def record(self, *, ttl: float, status: dict[str, Any]) -> dict[str, Any]:
        """What the device registers (the params of `registerDevice`); `ttl` in seconds, `status` as it is now."""
        maker, model = choose(self.kind.makers, self.seed, self.index, "model")
        return {
            "device_id": self.device_id,
            "device_ttl": ttl,
            "capabilities": {
                "description": self.kind.description,
                "functions": self.kind.functions_as_wire,
                "events": self.kind.events_as_wire,
                "labels": {"category": self.kind.category, "location": [self.location]},
            },
            "identity": {
                "device_type": self.kind.name,
                "manufacturer": maker,
                "model": model,
                "serial_number": f"{maker[:2].upper()}{int(draw(self.seed, self.index, 'serial') * 10**8):08d}",
                "firmware_version": choose(FIRMWARES, self.seed, self.index, "firmware"),
                "arch": choose(ARCHES, self.seed, model, "arch"),
            },
            "status": {"location": self.site, **status},
        }


@dataclass(frozen=True)
class Specs(Sequence[Spec]):
    """`devices` of a seed, in the order of their ids, which is that of their kinds and numbers.

    Every kind has its share, however many there are; `specs[i]` and `index_of` cost the same for ten and for a million.
    """

    devices: int
    seed: int

    def __post_init__(self) -> None:
        if self.devices < 0:
            raise ValueError(f"a fleet cannot have {self.devices} devices")

    def __len__(self) -> int:
        return self.devices

    @overload
    def __getitem__(self, index: int) -> Spec: ...
    @overload
    def __getitem__(self, index: slice) -> list[Spec]: ...
    def __getitem__(self, index: int | slice) -> Spec | list[Spec]:
        if isinstance(index, slice):
            return [self._spec(each) for each in range(*index.indices(self.devices))]
        if not -self.devices <= index < self.devices:
            raise IndexError(f"there is no device {index} in a fleet of {self.devices}")
        return self._spec(index % self.devices)

    def index_of(self, device_id: str) -> int | None:
        """Where `device_id` stands; None for an id that is not of this fleet."""
        name, dash, digits = device_id.rpartition("-")
        position = _POSITIONS.get(name)
        if not dash or position is None or len(digits) != self.digits or not (digits.isascii() and digits.isdigit()):
            return None
        index = self.starts[position] + int(digits) - 1
        return index if self.starts[position] <= index < self.starts[position + 1] else None

    def device_id(self, index: int) -> str:
        """The id at `index` (from 0), without the rest of the spec."""
        position = bisect_right(self.starts, index) - 1
        return f"{KINDS[position].name}-{index - self.starts[position] + 1:0{self.digits}d}"

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first index of each of `KINDS`, then the number of all.

        Shares round down; what that leaves over goes to the first kinds, one each.
        """
        counts = [self.devices * kind.share // _TOTAL_SHARE for kind in KINDS]
        missing = self.devices - sum(counts)
        return tuple(accumulate((each + (turn < missing) for turn, each in enumerate(counts)), initial=0))

    @cached_property
    def digits(self) -> int:
        """How many digits every id ends with: as many as the largest number needs, so that ids sort as they count."""
        largest = max((after - before for before, after in zip(self.starts, self.starts[1:], strict=False)), default=0)
        return max(_LEAST_DIGITS, len(str(largest)))

    @cached_property
    def columns(self) -> Columns:
        """The same facts, of all devices at once."""
        from fleetgui.backend.devices.columns import Columns  # numpy, which the devices' process can do without

        return Columns(self)

    def _spec(self, index: int) -> Spec:
        position = bisect_right(self.starts, index) - 1
        kind, seed = KINDS[position], self.seed
        return Spec(
            index=index,
            seed=seed,
            device_id=self.device_id(index),
            kind=kind,
            number=index - self.starts[position] + 1,
            site=choose(SITES, seed, index, "site"),
            area=choose(kind.areas, seed, index, "area"),
            faulty=draw(seed, index, "faulty") < FAULTY_SHARE,
        )


_POSITIONS: Final = {kind.name: position for position, kind in enumerate(KINDS)}
