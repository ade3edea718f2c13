"""What one replica of the registry holds: the records as the bucket last had them, and a lease of its own for each.

Changes come from two sides, from this replica's own writes and from the watch that tells everybody's, in any order
and some of them twice. The revision of an entry decides: an older word than the one that is known changes nothing.
Plain state: no network, no waiting; the clock is passed in.
"""

from __future__ import annotations

from collections.abc import Callable

from fleetgui.backend.registry.kept import Kept, KeptStatus
from fleetgui.backend.registry.leases import Key, Leases
from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.store import RecordStore
from fleetgui.policy.clock import Clock


class Mirror:
    """Fills `store` and `leases`, which others read. `vanished` is told whose record went without its lease's end."""

    def __init__(
        self, store: RecordStore, leases: Leases, clock: Clock, vanished: Callable[[Key], None] = lambda _key: None
    ) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._vanished = vanished
        self._revisions: dict[Key, int] = {}
        self._before: dict[Key, int] = {}
        """Those from before the full read under way: what it does not name again is gone."""
        self._ended: dict[str, dict[str, float]] = {}
        """When each of a tenant's ended devices ended (epoch s), in the order in which that was told: oldest first."""
        self._read_now: set[Key] | None = None
        """Records that came with the full read under way: their kept status is newer than what they came with."""

    def revision(self, key: Key) -> int:
        """The last entry known of this device, 0 for none."""
        return self._revisions.get(key, 0)

    def ended_before(self, tenant: str, before: float, most: int) -> list[str]:
        """Of a tenant's ended devices those that ended `before` (epoch s), and the oldest beyond `most`."""
        ended = self._ended.get(tenant, {})
        found: list[str] = []
        for device_id, at in ended.items():
            if at >= before and len(ended) - len(found) <= most:
                break
            found.append(device_id)
        return found

    def read_began(self) -> None:
        """Everything is told anew, by a bucket that may be another: what its entries say counts again."""
        self._before |= self._revisions
        self._revisions = {}
        self._read_now = set()

    def read_ended(self) -> None:
        """Everything has been told."""
        before, self._before, self._read_now = self._before, {}, None
        for key, revision in before.items():
            if key not in self._revisions:
                self.forgotten(key, revision)

    def registered(self, tenant: str, record: Record, revision: int) -> bool:
        """The device has registered; its lease starts now. False for an older word than the one that is known."""
        key = (tenant, record.device_id)
        if not self._is_news(key, revision):
            return False
        present = self._store.get(*key)
        if present is not None and present.registration_id == record.registration_id:
            record = present  # heartbeats have made more of it since
        elif self._read_now is not None:
            self._read_now.add(key)
        self._store.put(tenant, record, revision)
        self._no_longer_ended(key)
        self._leases.grant(key, record.ttl, self._clock.now())
        return True

    def ended(self, tenant: str, kept: Kept, revision: int) -> bool:
        """The device's lease has ended. False as with `registered`."""
        key = (tenant, kept.record.device_id)
        if kept.ended_at is None or not self._is_news(key, revision):
            return False
        self._leases.drop(key)
        self._store.put(tenant, kept.record, revision)
        self._store.end(*key, revision, ended_at=kept.ended_at)
        self._no_longer_ended(key)
        self._ended.setdefault(tenant, {})[key[1]] = kept.ended_at
        return True

    def forgotten(self, key: Key, revision: int) -> bool:
        """Nothing is kept of the device any more. False as with `registered`."""
        if revision < self.revision(key):
            return False
        self._revisions.pop(key, None)
        self._no_longer_ended(key)
        self._leases.drop(key)
        if self._store.remove(*key, revision) is not None:
            self._vanished(key)
        return True

    def status(self, key: Key, kept: KeptStatus) -> None:
        """The device's kept status. Raises `Malformed` when it is too large.

        It counts after a full read alone: later on, this replica has heard the same heartbeats itself.
        """
        if self._read_now is None or key not in self._read_now:
            return
        record = self._store.get(*key)
        if record is not None and record.registration_id == kept.registration_id:
            self._store.merge_status(*key, kept.status)

    def _no_longer_ended(self, key: Key) -> None:
        ended = self._ended.get(key[0])
        if ended is not None and ended.pop(key[1], None) is not None and not ended:
            del self._ended[key[0]]

    def _is_news(self, key: Key, revision: int) -> bool:
        if revision <= self.revision(key):
            return False
        self._revisions[key] = revision
        return True
