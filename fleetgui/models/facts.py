"""What is known of one row at one moment: the record as it was read, and what was heard of the device since.

Made when a row is first drawn, kept until something about the row changes; every column of the row is computed from
it, so that a row is looked up and its heartbeat decoded once a change, not once a cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from fleetgui.policy.filters.checks import labels_in
from fleetgui.policy.states import State
from fleetgui.stores.engagements import Refusal
from fleetgui.stores.roster import Row, RowKind
from fleetgui.wire.payload import LABELS, Path, is_left_out, value_at, value_within
from fleetgui.wire.query import Value


@dataclass(frozen=True, slots=True)
class Facts:
    """One row. `now` is `Clock.now()`, `wall` epoch seconds; the other times are on the clock of `now`.

    `presence` is None for a row without a device. `heard` holds the status fields of the last heartbeat where that is
    newer than the record: they win over the record's.
    """

    row: Row
    now: float
    wall: float
    presence: State | None = None
    last_beat: float | None = None
    offline_since: float | None = None
    publisher_ts: float | None = None
    skew_s: float | None = None
    """How far the device's clock was ahead of this machine's; negative: behind."""
    held: Refusal | None = None
    heard: dict[str, Any] = field(default_factory=dict)

    @property
    def loaded(self) -> bool:
        return self.row.kind is RowKind.LOADED

    def status(self, name: str) -> Any:
        """A status field: from the last heartbeat, else from the record's summary, else None."""
        if name in self.heard:
            return self.heard[name]
        return getattr(self.row.summary, name, None)

    def field(self, name: str) -> Any:
        """A field of the record's summary."""
        return getattr(self.row.summary, name, None)

    def payload(self, path: str, steps: Path) -> Value | Unread:
        """What stands at a path of the record, `steps` being its own; from the last heartbeat where it says more."""
        if steps[0] == "status" and self.heard:
            heard = value_within(self.heard, steps)
            if heard is not None or steps[1] in self.heard:
                return heard
        row = self.row
        if row.record is not None:
            return Unread.UNREAD if is_left_out(path) and not row.whole else value_at(row.record, steps)
        if row.values is not None and path in row.values:
            return row.values[path]
        if path.startswith(LABELS) and row.summary is not None:
            return next((value for key, value in labels_in(row.summary.labels) if LABELS + key == path), None) or None
        return Unread.UNREAD


class Unread(Enum):
    """What stands for a value that nobody has read: it may be missing, or be anything."""

    UNREAD = "not read"


def number(value: object) -> float | None:
    """`value` where it is a finite number; None for anything else, since devices may send anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None
