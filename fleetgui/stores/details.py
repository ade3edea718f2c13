"""The devices whose detail is open: the record as it was fetched, and the events that came while it is open."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from fleetgui.policy.signals import Signal

EVENTS_KEPT: Final = 500


class DetailPhase(Enum):
    FETCHING = "fetching"
    READ = "read"
    ABSENT = "the registry has no such device"
    FAILED = "could not be fetched"


@dataclass(frozen=True)
class SeenEvent:
    """An event: `at` epoch seconds of this machine, `params` None when it did not decode (`note` says why)."""

    at: float
    name: str
    params: dict[str, Any] | None
    note: str | None = None


@dataclass(frozen=True)
class Detail:
    """One open device. `read_at` is `Clock.now()` of the request that brought `record`; `error` a sentence.

    `can_call` None: yes; otherwise why no function can be called (an id that cannot be addressed, a read-only context).
    """

    device_id: str
    phase: DetailPhase = DetailPhase.FETCHING
    record: dict[str, Any] | None = None
    read_at: float | None = None
    error: str | None = None
    can_call: str | None = None
    events: deque[SeenEvent] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT), compare=False)
    events_seen: int = 0


class Details:
    def __init__(self) -> None:
        self.changed = Signal[[str]]()
        """The device id whose detail changed, was opened or closed."""
        self._open: dict[str, Detail] = {}

    def get(self, device_id: str) -> Detail | None:
        return self._open.get(device_id)

    @property
    def open_ids(self) -> list[str]:
        return list(self._open)

    def open(self, device_id: str, *, can_call: str | None = None) -> bool:
        """Open a device; False when it is open already."""
        if device_id in self._open:
            return False
        self._open[device_id] = Detail(device_id, can_call=can_call)
        self.changed.emit(device_id)
        return True

    def close(self, device_id: str) -> None:
        if self._open.pop(device_id, None) is not None:
            self.changed.emit(device_id)

    def update(self, device_id: str, **fields: Any) -> None:
        """Replace fields of an open detail; a closed one ignores what comes late."""
        if (detail := self._open.get(device_id)) is not None:
            self._open[device_id] = replace(detail, **fields)
            self.changed.emit(device_id)

    def events_came(self, device_id: str, events: list[SeenEvent]) -> None:
        if (detail := self._open.get(device_id)) is not None and events:
            detail.events.extend(events)
            self.update(device_id, events_seen=detail.events_seen + len(events))
