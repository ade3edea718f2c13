"""Where registrations are kept so that they outlive this process: in a bucket, or nowhere.

In the bucket they outlive every replica, and every replica follows it: a write is confirmed by the broker before a
device is told that it is registered, and told to all by the watch. Without one (`REGISTRY_STORAGE=none`) a registry
stands alone, and its devices come back by their heartbeats after a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from fleetgui.backend.registry import kept
from fleetgui.backend.registry.kept import Kept
from fleetgui.backend.registry.leases import Key
from fleetgui.backend.registry.mirror import Mirror
from fleetgui.backend.registry.records import Record
from fleetgui.backend.trouble import Trouble
from fleetgui.link.buckets import Bucket, BucketConfig
from fleetgui.link.connection import Link
from fleetgui.link.entries import Entry
from fleetgui.link.errors import LinkError, NoResponders
from fleetgui.link.tasks import Tasks
from fleetgui.link.watch import Watch, WatchPhase, WatchSettings
from fleetgui.policy.clock import Clock
from fleetgui.policy.settings import number_from
from fleetgui.wire.codec import Malformed

log = logging.getLogger(__name__)

Storage = Literal["file", "memory", "none"]

FIRST_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 5.0
DAY_S: Final = 86_400
MOST_COPIES: Final = 5
"""JetStream keeps no more."""


@dataclass(frozen=True, slots=True)
class KeepingSettings:
    """`REGISTRY_STORAGE`, `REGISTRY_REPLICAS` (on how many brokers of a cluster), `REGISTRY_RETENTION_S` (how long a
    device whose lease ended can be asked for), `REGISTRY_MAX_ENDED` (of how many of them, the latest)."""

    storage: Storage = "none"
    replicas: int = 1
    retention_s: int = DAY_S
    max_ended: int = 100_000

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> KeepingSettings:
        """What the environment asks for, `file` where it says nothing or nothing that is known; never raises."""
        match environ.get("REGISTRY_STORAGE", "").strip().lower():
            case "memory" | "none" as known:
                storage: Storage = known
            case _:
                storage = "file"
        return cls(
            storage,
            min(MOST_COPIES, int(number_from(environ, "REGISTRY_REPLICAS", cls().replicas))),
            int(number_from(environ, "REGISTRY_RETENTION_S", cls().retention_s)),
            int(number_from(environ, "REGISTRY_MAX_ENDED", cls().max_ended)),
        )


class Keeper(Protocol):
    """Each call returns the revision of the change, and raises `LinkError` when it may not have been kept."""

    async def register(self, tenant: str, record: Record) -> int:
        """Keep a device's new record, in the place of any that is there."""

    async def end(self, tenant: str, ended: Kept, expected: int) -> int:
        """Keep that its lease ended; raises `WrongRevision` unless `expected` is the last word on the device."""

    async def forget(self, key: Key, expected: int) -> int:
        """Keep nothing of it any more; raises as `end` does."""

    async def drop(self, key: Key, known: int) -> None:
        """As `forget`, where there is no room even for a word that it is gone; what is newer than `known` stays."""

    async def status(self, tenant: str, record: Record) -> None:
        """Keep what heartbeats have made of its status."""


class NoKeeper:
    """Keeps nothing: this process is the only one that knows."""

    def __init__(self) -> None:
        self._revisions = itertools.count(1)

    async def register(self, tenant: str, record: Record) -> int:
        return next(self._revisions)

    async def end(self, tenant: str, ended: Kept, expected: int) -> int:
        return next(self._revisions)

    async def forget(self, key: Key, expected: int) -> int:
        return next(self._revisions)

    async def drop(self, key: Key, known: int) -> None:
        return

    async def status(self, tenant: str, record: Record) -> None:
        return


class BucketKeeper:
    """Keeps the fleet in the bucket `registry`, and tells `mirror` what anybody has put there.

    `malformed` counts entries that say nothing. A bucket that somebody deleted is made again, empty; devices that
    live come back into it by their heartbeats.
    """

    def __init__(
        self,
        link: Link,
        settings: KeepingSettings,
        mirror: Mirror,
        clock: Clock,
        tasks: Tasks,
        watch_settings: WatchSettings | None = None,
    ) -> None:
        self.malformed = 0
        self._link = link
        self._mirror = mirror
        self._clock = clock
        self._tasks = tasks
        storage: Literal["file", "memory"] = "memory" if settings.storage == "memory" else "file"
        self._bucket = Bucket(link, BucketConfig(kept.BUCKET, replicas=settings.replicas, storage=storage))
        self._watch_settings = watch_settings
        self._watch: Watch | None = None
        self._disturbed = asyncio.Event()
        self._known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._trouble: LinkError | None = None
        self._reaching = Trouble("the registry's bucket cannot be reached", log)

    # Following

    async def run(self) -> None:
        """Make the bucket and follow it, and make it again when it is gone; until cancelled."""
        while True:
            self._disturbed.clear()
            await self._ensure()
            if self._watch is None:
                self._watch = self._bucket.watch([kept.RECORDS, kept.STATUSES], self, settings=self._watch_settings)
                self._watch.changed.connect(self._watch_changed)
            await self._disturbed.wait()

    async def ready(self, within: float) -> None:
        """Return once everything that is kept is known here.

        Raises `LinkError`, which says what to do, when the bucket could not even be begun to be read in `within` s.
        """
        while not self._known.done():
            await asyncio.wait({self._known}, timeout=within)
            if not self._known.done() and (self._watch is None or self._watch.phase is WatchPhase.WAITING):
                why = self._trouble or (self._watch and self._watch.error) or "it does not answer."
                raise LinkError(
                    f"The registry's bucket cannot be read: {why} Give the broker JetStream and this user the right to "
                    f"use it, or set REGISTRY_STORAGE=none to keep the records in this process alone."
                )

    async def close(self) -> None:
        """Leave no consumer behind."""
        if self._watch is not None:
            await self._watch.close()

    async def _ensure(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._link.up()
                await self._bucket.ensure()
            except LinkError as error:
                self._reaching.is_now(error, alike=type(error))
                self._trouble = error
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE_S)
            else:
                self._reaching.is_now(None)
                self._trouble = None
                return

    def _watch_changed(self, phase: WatchPhase) -> None:
        if phase is WatchPhase.WAITING and self._link.is_up:
            self._disturbed.set()

    # The watch's handler

    def read_began(self) -> None:
        self._mirror.read_began()

    def entry(self, entry: Entry) -> None:
        try:
            family, key = kept.parsed(entry.key)
            if family == "record":
                self._record_told(key, entry)
            elif entry.value is not None:
                self._mirror.status(key, kept.status_in(entry.value))
        except Malformed as error:
            self.malformed += 1
            log.info("an entry of the registry's bucket says nothing: %s", error)

    def synced(self) -> None:
        self._mirror.read_ended()
        if not self._known.done():
            self._known.set_result(None)

    def _record_told(self, key: Key, entry: Entry) -> None:
        if entry.value is None:
            self._mirror.forgotten(key, entry.revision)
            return
        if entry.revision <= self._mirror.revision(key):
            return  # our own word mostly; not worth to be read again
        found = kept.kept_in(entry.value)
        if found.record.device_id != key[1]:
            raise Malformed(f"the record of {found.record.device_id[:64]!r} lies under {key[1][:64]!r}")
        if found.ended_at is None:
            self._mirror.registered(key[0], found.record, entry.revision)
        else:
            self._mirror.ended(key[0], found, entry.revision)

    # Writing

    async def register(self, tenant: str, record: Record) -> int:
        value = kept.registered_entry(record, self._clock.wall())
        return await self._put(kept.record_key((tenant, record.device_id)), value)

    async def end(self, tenant: str, ended: Kept, expected: int) -> int:
        value = kept.ended_entry(ended.record, ended.ended_at or 0.0)
        return await self._put(kept.record_key((tenant, ended.record.device_id)), value, expected)

    async def forget(self, key: Key, expected: int) -> int:
        revision = await self._bucket.delete(kept.record_key(key), expect=expected)
        with contextlib.suppress(LinkError):  # it says nothing without the record
            await self._bucket.delete(kept.status_key(key))
        return revision

    async def drop(self, key: Key, known: int) -> None:
        for each in (kept.record_key(key), kept.status_key(key)):
            await self._bucket.purge(each, up_to=known)

    async def status(self, tenant: str, record: Record) -> None:
        await self._put(kept.status_key((tenant, record.device_id)), kept.status_entry(record))

    async def _put(self, key: str, value: bytes, expected: int | None = None) -> int:
        try:
            return await self._bucket.put(key, value, expect=expected)
        except NoResponders:
            self._disturbed.set()  # there is no such bucket any more: it is made again
            raise
