"""The aggregator: watches over infos, deployments and states go into the roll-up; what changed comes out as statuses.

A start and what follows are one mechanism. A watch tells the value of every key first and each change after that, and
after anything that went wrong it goes on or tells everything anew; either way it is applied as it comes. Nothing is
written before all watches have told what there is, nor while one of them does not hear. What does not decode counts as
not there, for that is what it is to an aggregator that starts now, and is itself counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, TypeVar

from fleetgui.backend.deployments.buckets import Buckets
from fleetgui.backend.deployments.feed import Feed
from fleetgui.backend.deployments.rollup import Rollup
from fleetgui.backend.deployments.statuses import SETTLE_S, Statuses
from fleetgui.backend.trouble import Trouble, log
from fleetgui.link.buckets import Bucket
from fleetgui.link.entries import Entry
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.link.watch import Watch, WatchHandler, WatchPhase, WatchSettings
from fleetgui.policy.clock import Clock
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import (
    ALL_DEPLOYMENTS,
    ALL_INFOS,
    ALL_STATES,
    Deployment,
    DeploymentName,
    DeviceInfo,
    DeviceState,
    device_of_info,
    parts_of_state,
)

AT_ONCE: Final = 64
"""Writes that wait for the broker at the same time."""
FIRST_PAUSE_S: Final = 0.5
_WATCHES: Final = 4


@dataclass(frozen=True)
class AggregatorSettings:
    """Seconds. Statuses are written at most once per `write_every`; after a failure later each time, up to
    `max_backoff`. Every `ensure_every` buckets that are missing are made."""

    write_every: float = 1.0
    max_backoff: float = 15.0
    ensure_every: float = 10.0
    settle: float = SETTLE_S
    watch: WatchSettings = field(default_factory=WatchSettings)


class Aggregator:
    """`malformed` counts what did not decode, by bucket. Use: `start()`, and `await close()`."""

    def __init__(
        self, buckets: Buckets, *, tasks: Tasks, clock: Clock, settings: AggregatorSettings | None = None
    ) -> None:
        self.settings = settings or AggregatorSettings()
        self.rollup = Rollup()
        self.malformed: Counter[str] = Counter()
        self._buckets = buckets
        self._tasks = tasks
        self._clock = clock
        self._watches: list[Watch] = []
        self._made = asyncio.Event()
        self._something = asyncio.Event()
        """Something was told, or a watch has changed its phase."""
        self.statuses = Statuses(buckets.status, clock, settle_s=self.settings.settle, doubted=self._something.set)
        self._no_buckets = Trouble("the buckets of deployments cannot be made")
        self._unheard = Trouble("the deployments are not followed")
        self._unwritten = Trouble("the status of deployments cannot be written")

    def start(self) -> None:
        """Begin, in tasks; whether there is a broker, JetStream or a permission is found out there."""
        for name, run in (("buckets", self._keep_buckets), ("watches", self._follow), ("statuses", self._write)):
            self._tasks.spawn(run(), name=f"the aggregator's {name}")

    async def close(self) -> None:
        """Take the consumers back, as far as that is possible quickly. What `start` began is cancelled by `tasks`."""
        await asyncio.gather(*(watch.close() for watch in self._watches))

    @property
    def is_synced(self) -> bool:
        """Whether everything there is was told, and each change is heard."""
        return len(self._watches) == _WATCHES and all(watch.phase is WatchPhase.LIVE for watch in self._watches)

    # What is told

    async def _follow(self) -> None:
        """Infos and deployments first: then each state is counted once, by whom it is meant."""
        buckets = self._buckets
        await self._made.wait()
        self._watch(buckets.status, ALL_DEPLOYMENTS, self.statuses)
        for bucket, keys, apply in (
            (buckets.info, ALL_INFOS, self._info),
            (buckets.deployment, ALL_DEPLOYMENTS, self._deployment),
            (buckets.state, ALL_STATES, self._state),
        ):
            watch = self._watch(bucket, keys, Feed(bucket.config.name, apply, self._did_not_decode, self._told))
            while watch.phase is not WatchPhase.LIVE:
                await self._wait(None)
        while not self.is_synced:
            await self._wait(None)
        rollup = self.rollup
        log.info(
            "deployments: %d devices, %d deployments, %d states", rollup.devices, len(rollup.deployments), rollup.states
        )

    def _watch(self, bucket: Bucket, keys: str, handler: WatchHandler) -> Watch:
        watch = bucket.watch(keys, handler, settings=self.settings.watch)
        watch.changed.connect(self._phase_changed)
        self._watches.append(watch)
        return watch

    def _phase_changed(self, _phase: WatchPhase) -> None:
        self._something.set()
        errors = [watch.error for watch in self._watches if watch.phase is WatchPhase.WAITING and watch.error]
        if errors or self.is_synced:
            self._unheard.is_now(errors[0] if errors else None)

    def _info(self, entry: Entry, _anew: bool) -> None:
        self._something.set()
        device = device_of_info(entry.key)
        if (info := self._decoded(DeviceInfo, entry)) is None:
            self.rollup.drop_info(device)
        else:
            self.rollup.put_info(device, info.labels)

    def _state(self, entry: Entry, anew: bool) -> None:
        self._something.set()
        device, name = parts_of_state(entry.key)
        if (state := self._decoded(DeviceState, entry)) is None:
            self.rollup.drop_state(device, name)
        else:
            self.rollup.put_state(state, anew=anew)

    def _deployment(self, entry: Entry, _anew: bool) -> None:
        self._something.set()
        name = DeploymentName(entry.key)
        if (deployment := self._decoded(Deployment, entry)) is None:
            self.rollup.drop_deployment(name)
        else:
            self.rollup.put_deployment(deployment)

    def _decoded(self, kind: type[_R], entry: Entry) -> _R | None:
        if entry.value is None:
            return None
        try:
            return kind.decode(entry.key, entry.value)
        except Malformed as error:
            self._did_not_decode(kind.__name__, error)
            return None

    def _told(self, _anew: bool) -> None:
        self._something.set()

    def _did_not_decode(self, what: str, error: Malformed) -> None:
        self.malformed[what] += 1
        if self.malformed[what] == 1 or self.malformed[what] % 1_000 == 0:
            log.warning("a %s does not decode (%d so far): %s", what, self.malformed[what], error)

    # What is written

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        settings = self.settings
        pause = settings.write_every
        while True:
            while not (self.is_synced and self._is_something_due()):
                await self._wait(self.statuses.next_due if self.is_synced else None)
            ends = loop.time() + pause
            pause = settings.write_every if await self.round() else min(2 * pause, settings.max_backoff)
            await asyncio.sleep(ends - loop.time())

    async def round(self) -> bool:
        """Write every status that is not as it should be; whether that was possible. The rest is left for later."""
        names = iter(dict.fromkeys((*self.rollup.take_dirty(), *self.statuses.take_due())))
        failures: list[LinkError] = []

        async def some() -> None:
            for name in names:
                if failures:  # there is no use in waiting for each of the others to fail too
                    self.rollup.mark(name)
                    continue
                try:
                    await self.statuses.settle(name, self.rollup.figures(name))
                except LinkError as error:
                    failures.append(error)
                    self.rollup.mark(name)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        self._unwritten.is_now(failures[0] if failures else None, alike=type(failures[0]) if failures else None)
        return not failures

    def _is_something_due(self) -> bool:
        due = self.statuses.next_due
        return self.rollup.has_dirty or (due is not None and due <= self._clock.now())

    async def _wait(self, until: float | None) -> None:
        """Until something happens, or it is `until` (`Clock.now()`)."""
        self._something.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if until is None else max(0.0, until - self._clock.now())):
                await self._something.wait()

    async def _keep_buckets(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._buckets.ensure()
                self._made.set()
                self._no_buckets.is_now(None)
                pause = self.settings.ensure_every
            except LinkError as error:
                self._no_buckets.is_now(error)
                pause = min(2 * pause, self.settings.ensure_every)
            await asyncio.sleep(pause)


_R = TypeVar("_R", DeviceInfo, DeviceState, Deployment)
