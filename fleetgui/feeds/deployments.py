"""Deployments out of their buckets: all roll-ups, what is on record, and the devices of the one that is open.

Watches over the one link; they go on or begin anew after whatever happened to the link, the consumer or the bucket
(`link.watch`). What they tell is decoded within their share of a turn and applied to the stores as one batch after it.
The states of devices are followed for the deployment that is open and for no other: the whole bucket is as large as
the fleet. Nothing is written, and no bucket is made.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from fleetgui.feeds.batches import Batches
from fleetgui.feeds.counting import Counting
from fleetgui.feeds.feed import Feed
from fleetgui.link.buckets import Bucket, BucketConfig
from fleetgui.link.connection import Link
from fleetgui.link.entries import Entry
from fleetgui.link.errors import LinkDown, LinkError, NoResponders, OutcomeUnknown, PermissionDenied
from fleetgui.link.streams import StreamFailed
from fleetgui.link.tasks import Tasks
from fleetgui.link.watch import Watch, WatchPhase, WatchSettings
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import text
from fleetgui.stores.deployments.opened import Opened
from fleetgui.stores.deployments.reading import HEARTBEAT_S, Reading, ReadPhase
from fleetgui.stores.deployments.rollups import Definition
from fleetgui.stores.deployments.store import Deployments
from fleetgui.stores.ledger import Ledger
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import (
    ALL_DEPLOYMENTS,
    BucketNames,
    Deployment,
    DeploymentName,
    DeploymentStatus,
    DeviceState,
    parts_of_state,
    rights_to_read,
    states_of,
)
from fleetgui.wire.subjects import NotAddressable

SETTINGS: Final = WatchSettings(heartbeat=HEARTBEAT_S, max_backoff=10.0, denied_pause=30.0)
"""A fabric without deployments is asked for them a few times a minute, one where they come is seen within the 15 s."""
CLOSE_WITHIN_S: Final = 0.5
"""The broker removes by itself what could not be taken back in this time."""

_NO_SUCH_STREAM: Final = 10059
_NO_JETSTREAM: Final = (10039, 10076)

S = TypeVar("S")


class DeploymentsFeed(Feed):
    """Fills `deployments`. `start` follows the roll-ups, `open` and `shut` the devices of one of them."""

    def __init__(
        self,
        link: Link,
        tenant: str,
        deployments: Deployments,
        ledger: Ledger,
        clock: Clock,
        tasks: Tasks,
        settings: WatchSettings = SETTINGS,
    ) -> None:
        self.malformed = 0
        self._link = link
        self._tenant = tenant
        self._deployments = deployments
        self._ledger = ledger
        self._clock = clock
        self._tasks = tasks
        self._settings = settings
        self._names: BucketNames | None = None
        self._rollups: list[Watch] = []
        self._opened: list[Watch] = []
        self._counting: Counting | None = None

    def start(self) -> None:
        """Begin; may be called before the link is up. Again after `look_again`, harmless."""
        rollups = self._deployments.rollups
        try:
            names = self._names = BucketNames(self._tenant)
        except NotAddressable as error:
            for reading in (rollups.statuses, rollups.definitions):
                reading.broke(ReadPhase.FAILED, f"{_sentence(error)}.")
            return
        publish, subscribe = rights_to_read(names)
        self._deployments.rights = "\n".join(
            [*(f"publish {subject}" for subject in publish), *(f"subscribe {subject}" for subject in subscribe), ""]
        )
        if self._counting is None:
            self._counting = Counting(self._link, names.state, rollups)
            self._tasks.spawn(self._counting.run(), name="ask whether roll-ups are counted")
        self._rollups = [
            self._watch(
                names.status,
                ALL_DEPLOYMENTS,
                rollups.statuses,
                Batches[DeploymentStatus | str](
                    self._status, lambda batch, _: rollups.apply_statuses(batch), self._bad, lambda: rollups.rows
                ),
            ),
            self._watch(
                names.deployment,
                ALL_DEPLOYMENTS,
                rollups.definitions,
                Batches[Definition | str](
                    self._definition, lambda batch, _: rollups.apply_definitions(batch), self._bad, lambda: rollups.rows
                ),
            ),
        ]

    def look_again(self) -> None:
        """Begin anew, now: what was missing or not permitted may be there."""
        self._end(self._rollups)
        self.start()
        if self._deployments.opened is not None:
            self._follow(self._deployments.opened)

    def open(self, name: str) -> None:
        """Follow the devices of `name`, instead of those of the one before."""
        opened = self._deployments.opened
        if opened is None or opened.name != name:
            self._follow(self._deployments.open(name))

    def shut(self) -> None:
        """Follow the devices of none."""
        self._end(self._opened)
        self._deployments.close()

    async def give_back(self) -> None:
        """End the watches, and with each the consumer that the broker keeps for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await asyncio.gather(*(watch.close() for watch in (*self._rollups, *self._opened)))

    # The one that is open

    def _follow(self, opened: Opened) -> None:
        self._end(self._opened)
        names = self._names
        try:
            name = DeploymentName(opened.name)
        except Malformed as error:
            opened.reading.broke(ReadPhase.FAILED, f"{_sentence(error)}.")
            return
        if names is None:
            return
        states = Batches[DeviceState | str](
            self._state,
            lambda batch, anew: opened.apply_states(batch, anew=anew),
            self._bad,
            lambda: opened.rows,
        )
        meant = Batches[Deployment](
            self._deployment,
            lambda batch, _: opened.apply_definition(batch[-1][1]),
            lambda error: None,  # counted where all deployments are read
            lambda: (name,),
        )
        self._opened = [
            self._watch(names.deployment, str(name), None, meant),
            self._watch(names.state, states_of(name), opened.reading, states),
        ]

    def _watch(self, bucket: str, keys: str, reading: Reading | None, handler: Batches[S]) -> Watch:
        watch = Bucket(self._link, BucketConfig(bucket)).watch(keys, handler, settings=self._settings)
        if reading is not None:
            watch.changed.connect(lambda _phase: self._phase_changed(bucket, watch, reading))
        return watch

    def _end(self, watches: list[Watch]) -> None:
        for watch in watches:
            self._tasks.spawn(watch.close(), name="the end of a watch")
        watches.clear()

    def _phase_changed(self, bucket: str, watch: Watch, reading: Reading) -> None:
        if watch not in self._rollups and watch not in self._opened:
            return  # it was ended, and another one fills what it filled
        error = watch.error
        if watch.phase is WatchPhase.LIVE:
            reading.follows(lambda: watch.heard_at)
        elif watch.phase is not WatchPhase.WAITING or error is None or isinstance(error, LinkDown | OutcomeUnknown):
            reading.fell_behind()
        else:
            reading.broke(*_trouble(bucket, error))

    # What stands under a key

    def _status(self, entry: Entry) -> tuple[str, DeploymentStatus | str | None]:
        if self._counting is not None:
            self._counting.wrote(entry.written)
        return self._read(entry, DeploymentName(entry.key), partial(DeploymentStatus.decode, entry.key))

    def _definition(self, entry: Entry) -> tuple[str, Definition | str | None]:
        def read(value: bytes) -> Definition:
            return Definition.of(Deployment.decode(entry.key, value))

        return self._read(entry, DeploymentName(entry.key), read)

    def _deployment(self, entry: Entry) -> tuple[str, Deployment | None]:
        if entry.value is not None:
            with contextlib.suppress(Malformed):
                return entry.key, Deployment.decode(entry.key, entry.value)
        return entry.key, None

    def _state(self, entry: Entry) -> tuple[str, DeviceState | str | None]:
        device, _name = parts_of_state(entry.key)
        return self._read(entry, device, partial(DeviceState.decode, entry.key))

    def _read(self, entry: Entry, name: str, decode: Callable[[bytes], S]) -> tuple[str, S | str | None]:
        if entry.value is None:
            return str(name), None
        try:
            return str(name), decode(entry.value)
        except Malformed as error:
            self._bad(error)
            return str(name), f"The record cannot be read: {_sentence(error)}."

    def _bad(self, _error: Malformed) -> None:
        self.malformed += 1
        self._ledger.lose("deployments", "malformed", 1, self._clock.wall())


def _trouble(bucket: str, error: LinkError) -> tuple[ReadPhase, str]:
    match error:
        case PermissionDenied():
            return ReadPhase.DENIED, str(error)
        case NoResponders():
            return ReadPhase.NO_STREAMS, "The broker offers this credential no JetStream, where deployments are kept."
        case StreamFailed(code=code) if code == _NO_SUCH_STREAM:
            return ReadPhase.NO_BUCKET, f"There is no bucket {bucket} on this fabric."
        case StreamFailed(code=code) if code in _NO_JETSTREAM:
            return ReadPhase.NO_STREAMS, "The broker offers this account no JetStream, where deployments are kept."
        case _:
            return ReadPhase.FAILED, f"The bucket {bucket} cannot be read: {_sentence(error)}"


def _sentence(error: Exception) -> str:
    return text(error, 200)
