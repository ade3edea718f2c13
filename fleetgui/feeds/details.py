"""Open devices: the record is fetched when somebody opens one, once, and again when asked or after a reconnect.

Events of an open device come through `PresenceFeed`, which subscribes to all events by one wildcard anyway.
"""

from __future__ import annotations

from typing import Any

from fleetgui.feeds.calls import why_no_calls
from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.feed import Feed
from fleetgui.feeds.registry import RegistryClient
from fleetgui.link.context import Protection
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.stores.details import DetailPhase, Details
from fleetgui.stores.presence import Presence
from fleetgui.stores.roster import Roster
from fleetgui.wire.codec import Malformed, decode_object
from fleetgui.wire.subjects import Subjects


class DetailsFeed(Feed):
    """Fetches what `details` has open."""

    def __init__(
        self,
        registry: RegistryClient,
        subjects: Subjects,
        details: Details,
        presence: Presence,
        clock: Clock,
        tasks: Tasks,
        *,
        protection: Protection = Protection.OPEN,
        roster: Roster | None = None,
    ) -> None:
        """`roster` has the records of registries that are too old to be asked for a single device."""
        self._registry = registry
        self._subjects = subjects
        self._details = details
        self._presence = presence
        self._clock = clock
        self._tasks = tasks
        self._protection = protection
        self._roster = roster
        self._fetching: set[str] = set()

    def open(self, device_id: str) -> None:
        """Open a device and fetch its record; one that is open already is left as it is."""
        if self._details.open(device_id, can_call=why_no_calls(device_id, self._subjects, self._protection)):
            self._fetch(device_id)

    def shut(self, device_id: str) -> None:
        """Keep a device no more: nobody looks at it."""
        self._details.close(device_id)

    def refresh(self, device_id: str) -> None:
        """Fetch an open device's record again; while one fetch is under way there is no second."""
        if self._details.get(device_id) is not None:
            self._fetch(device_id)

    def link_came_up(self) -> None:
        """Read again what is open: it may have changed while nobody listened."""
        for device_id in self._details.open_ids:
            self._fetch(device_id)

    def _fetch(self, device_id: str) -> None:
        if device_id not in self._fetching:
            self._fetching.add(device_id)
            self._tasks.spawn(self._read(device_id), name="read a device")

    async def _read(self, device_id: str) -> None:
        detail = self._details.get(device_id)
        if detail is not None and detail.record is None:
            self._details.update(device_id, phase=DetailPhase.FETCHING, error=None)
        asked_at = self._clock.now()
        try:
            record = await self._registry.get_device(device_id)
        except RegistryError as error:
            if not self._took_from_list(device_id, error):
                self._details.update(device_id, phase=DetailPhase.FAILED, error=str(error))
            return
        finally:
            self._fetching.discard(device_id)
        if record is None:
            self._details.update(device_id, phase=DetailPhase.ABSENT, read_at=asked_at, error=None)
            return
        self._read_record(device_id, record, asked_at)

    def _took_from_list(self, device_id: str, error: RegistryError) -> bool:
        """Whether the record stands in the list that was read: all there is where a registry knows only lists."""
        if error.fault is not Fault.LISTS_ONLY or self._roster is None:
            return False
        offset = self._roster.offset_of(device_id)
        row = None if offset is None else self._roster.row(offset)
        if row is None or row.record is None or row.read_at is None:
            return False
        try:
            record = decode_object(row.record)
        except Malformed:
            return False
        self._read_record(device_id, record, row.read_at)
        return True

    def _read_record(self, device_id: str, record: dict[str, Any], asked_at: float) -> None:
        ttl = record.get("device_ttl")
        known = ttl if isinstance(ttl, int | float) and not isinstance(ttl, bool) else None
        self._presence.listed([(device_id, known)], asked_at)
        self._details.update(device_id, phase=DetailPhase.READ, record=record, read_at=asked_at, error=None)
