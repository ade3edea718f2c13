"""The devices of the one deployment that is open: what each of them says, counted here and not by the aggregator.

The states are those of `state.*.<deployment>`, and nobody else's. Of a deployment that names its devices, those that
have said nothing are pending, and those that are not named count nowhere; where a selector means them, only the
aggregator knows the labels of a whole fleet, and what is counted here are the devices that have spoken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State
from fleetgui.stores.deployments.reading import Reading
from fleetgui.stores.sources import Sources
from fleetgui.wire.deployments import Deployment, DeviceState, Phase

STATES: Final = "device-state"
"""The name among the sources."""
MOST_DEVICES: Final = 200_000

_STATES: Final = {Phase.RUNNING: State.RUNNING, Phase.FAILED: State.FAILED, Phase.PENDING: State.PENDING}


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device. `said` is its record, None for one that is meant and has said nothing, a text where it cannot be
    read."""

    device_id: str
    said: DeviceState | str | None
    is_target: bool = True

    @property
    def state(self) -> State:
        if not self.is_target:
            return State.UNTARGETED
        if isinstance(self.said, DeviceState):
            return _STATES[self.said.phase]
        return State.PENDING if self.said is None else State.UNKNOWN

    @property
    def error(self) -> str:
        """What went wrong, "" where nothing did."""
        if isinstance(self.said, DeviceState):
            return self.said.last_error or ""
        return self.said or ""

    @property
    def since(self) -> float | None:
        """Epoch seconds of the device's clock, None for one that has said nothing."""
        return float(self.said.last_event_at) if isinstance(self.said, DeviceState) else None


class Counted(NamedTuple):
    """What was counted here. `target` None: only the aggregator knows whom the deployment means."""

    target: int | None
    succeeded: int
    failed: int
    pending: int
    unreadable: int


class Opened:
    """`changed(device ids)` after a batch; `rows` by device id. `beyond`: devices that found no room."""

    def __init__(self, name: str, sources: Sources) -> None:
        self.changed = Signal[[frozenset[str]]]()
        self.name = name
        self.rows: dict[str, DeviceRow] = {}
        self.beyond = 0
        self.malformed = 0
        self.spoke_at: float | None = None
        """The last that any device said, epoch seconds of its clock; None: nobody said anything."""
        self.reading = Reading(STATES, sources)
        self._targets: frozenset[str] | None = None
        self._counts: Counter[State] = Counter()

    @property
    def counted(self) -> Counted:
        counts = self._counts
        return Counted(
            None if self._targets is None else len(self._targets),
            counts[State.RUNNING],
            counts[State.FAILED],
            counts[State.PENDING],
            counts[State.UNKNOWN],
        )

    def apply_states(self, batch: Iterable[tuple[str, DeviceState | str | None]], *, anew: bool) -> None:
        """What stands under each device's key. What is older than known says nothing new, unless all is read `anew`."""
        changed = set()
        for device, said in batch:
            before = self.rows.get(device)
            known = before.said if before is not None else None
            self.malformed += isinstance(said, str)
            if not anew and _is_old(said, known):
                continue
            if isinstance(said, DeviceState):
                self.spoke_at = max(self.spoke_at or 0.0, float(said.last_event_at))
            if self._put(device, said):
                changed.add(device)
        self._tell(changed)

    def apply_definition(self, deployment: Deployment | None) -> None:
        """Whom it means. None: it is not on record (any more), or cannot be read."""
        named = deployment.target_devices if deployment is not None else None
        targets = None if named is None else frozenset(map(str, named))
        if targets == self._targets:
            return
        before, self._targets = self._targets, targets
        concerned = set(self.rows) | (before or frozenset()) | (targets or frozenset())
        self._tell({device for device in concerned if self._put(device, self._said(device))})

    def _said(self, device: str) -> DeviceState | str | None:
        row = self.rows.get(device)
        return None if row is None else row.said

    def _put(self, device: str, said: DeviceState | str | None) -> bool:
        before = self.rows.get(device)
        is_target = self._targets is None or device in self._targets
        row = None
        if said is not None or (self._targets is not None and is_target):
            row = DeviceRow(device, said, is_target)
        if row == before:
            return False
        if row is None:
            del self.rows[device]
        elif before is None and len(self.rows) >= MOST_DEVICES:
            self.beyond += 1
            return False
        else:
            self.rows[device] = row
            self._counts[row.state] += 1
        if before is not None:
            self._counts[before.state] -= 1
        return True

    def _tell(self, changed: set[str]) -> None:
        if changed:
            self.changed.emit(frozenset(changed))


def _is_old(said: DeviceState | str | None, known: DeviceState | str | None) -> bool:
    if not isinstance(said, DeviceState) or not isinstance(known, DeviceState):
        return False
    return said.last_event_at <= known.last_event_at
