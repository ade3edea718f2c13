"""The roll-up of each deployment as it stands in the buckets: what is deployed, and what the aggregator counted of it.

The figures are the aggregator's, from the bucket `deployment-status`. A deployment that is on record in `deployment`
without such a roll-up is there all the same, with figures that nobody has counted: unknown, not zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State
from fleetgui.stores.deployments.reading import Reading
from fleetgui.stores.sources import Sources
from fleetgui.wire.deployments import Deployment, DeploymentStatus

STATUSES: Final = "deployment-status"
DEFINITIONS: Final = "deployment"
"""Names among the sources; the buckets themselves carry the tenant."""

MOST_DEPLOYMENTS: Final = 20_000
"""Twice what a fabric is planned for. What goes beyond is not held, and that is said."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What is on record of a deployment, without the names of its targets: those are read of the one that is open.

    `targets` is how many devices it names, None where it selects them by `selector`.
    """

    generation: int
    created_at: float
    targets: int | None
    selector: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, deployment: Deployment) -> Definition:
        named, selector = deployment.target_devices, deployment.target_selector
        return cls(
            deployment.generation,
            float(deployment.created_at),
            None if named is None else len(named),
            tuple(sorted((selector or {}).items())),
        )


@dataclass(frozen=True, slots=True)
class Rollup:
    """One deployment. `status` and `definition` are None where no such record is there; a text says why it is not
    readable."""

    name: str
    status: DeploymentStatus | str | None = None
    definition: Definition | str | None = None

    @property
    def counted(self) -> DeploymentStatus | None:
        """The figures, None where nobody has counted or what stands there cannot be read."""
        return self.status if isinstance(self.status, DeploymentStatus) else None

    @property
    def on_record(self) -> Definition | None:
        return self.definition if isinstance(self.definition, Definition) else None

    @property
    def state(self) -> State:
        """The worst that holds of its devices."""
        figures = self.counted
        if figures is None:
            return State.UNKNOWN
        if figures.failed:
            return State.FAILED
        if figures.pending:
            return State.PENDING
        return State.RUNNING if figures.target else State.UNTARGETED


class Rollups:
    """`changed(names)` after a batch; `rows` by name, in no order. `failing`: how many have a device that failed.

    `malformed` counts records that could not be read, `beyond` those that found no room.
    """

    def __init__(self, sources: Sources) -> None:
        self.changed = Signal[[frozenset[str]]]()
        self.rows: dict[str, Rollup] = {}
        self.failing = 0
        self.malformed = 0
        self.beyond = 0
        self.statuses = Reading(STATUSES, sources)
        self.definitions = Reading(DEFINITIONS, sources)

    def apply_statuses(self, batch: Iterable[tuple[str, DeploymentStatus | str | None]]) -> None:
        """What stands under each name now: a roll-up, why it cannot be read, or nothing."""
        changed = set()
        for name, status in batch:
            self.malformed += isinstance(status, str)
            if self._put(name, replace(self.rows.get(name) or Rollup(name), status=status)):
                changed.add(name)
        self._tell(changed)

    def apply_definitions(self, batch: Iterable[tuple[str, Definition | str | None]]) -> None:
        changed = set()
        for name, definition in batch:
            self.malformed += isinstance(definition, str)
            if self._put(name, replace(self.rows.get(name) or Rollup(name), definition=definition)):
                changed.add(name)
        self._tell(changed)

    @property
    def uncounted(self) -> int:
        """Deployments that nobody rolls up, as far as is known once both buckets were read."""
        if not (self.statuses.is_read and self.definitions.is_read):
            return 0
        return sum(row.status is None for row in self.rows.values())

    def _put(self, name: str, row: Rollup) -> bool:
        before = self.rows.get(name)
        if row == before:
            return False
        if row.status is None and row.definition is None:
            if before is None:
                return False
            del self.rows[name]
        elif before is None and len(self.rows) >= MOST_DEPLOYMENTS:
            self.beyond += 1
            return False
        else:
            self.rows[name] = row
            self.failing += row.state is State.FAILED
        self.failing -= before is not None and before.state is State.FAILED
        return True

    def _tell(self, changed: set[str]) -> None:
        if changed:
            self.changed.emit(frozenset(changed))
