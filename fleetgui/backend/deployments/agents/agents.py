"""The agents of many devices over one link: from what is deployed, and what they have written, to what is to be done.

Both are watched, and whatever is told, the same rule (`decide.py`) says what is next for each device that it concerns.
So a restart, a bucket that was made again, a state that somebody removed and a write that failed are one case: what
stands is not what should. States are written on the condition that nobody else wrote meanwhile.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from fleetgui.backend.deployments.agents.decide import Act, Seen, Wanted, decide, next_moment
from fleetgui.backend.deployments.agents.presence import Presence
from fleetgui.backend.deployments.agents.writer import Writer
from fleetgui.backend.deployments.buckets import Buckets
from fleetgui.backend.deployments.feed import Feed
from fleetgui.backend.devices.chance import between, choose
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.specs import Spec
from fleetgui.backend.trouble import log
from fleetgui.link.buckets import WrongRevision
from fleetgui.link.entries import Entry
from fleetgui.link.tasks import Tasks
from fleetgui.link.watch import Watch, WatchSettings
from fleetgui.policy.clock import Clock
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import (
    ALL_DEPLOYMENTS,
    ALL_STATES,
    HEARTBEAT_EVERY_S,
    Deployment,
    DeploymentName,
    DeviceKey,
    DeviceState,
    Moment,
    Phase,
    parts_of_state,
    state_key,
)

WHY_FAILED: Final = (
    "the new version did not pass its self-test and was taken back",
    "not enough room on the device for the new version",
    "the new version did not start within 30 s",
)
_TOGETHER: Final = 64


@dataclass(frozen=True)
class AgentSettings:
    """Seconds. An agent takes notice of a deployment within `notice`, and works on it for so long as `work` says: from
    and to, drawn from the seed for each device, deployment and generation. `rate` is writes a second of all agents."""

    rate: float = 200.0
    notice: tuple[float, float] = (0.2, 2.0)
    work: tuple[float, float] = (3.0, 18.0)
    heartbeat_every: float = HEARTBEAT_EVERY_S
    ensure_every: float = 10.0
    watch: WatchSettings = field(default_factory=WatchSettings)

    @classmethod
    def of(cls, devices: int, work: object = None) -> AgentSettings:
        """For so many: twice what their heartbeats take, and no less than a small fleet is content with.

        `work` as a settings line has it, None for the default; raises `ValueError` for what it may not be.
        """
        rate = max(200.0, 2 * devices / HEARTBEAT_EVERY_S)
        match work:
            case None:
                return cls(rate=rate)
            case [int() | float() as low, int() | float() as high] if 0 <= low <= high < math.inf:
                return cls(rate=rate, work=(low, high))
            case _:
                raise ValueError(f"work is [from, to] in seconds: {work!r}")


class Agents:
    """One for each of `specs`. `malformed` counts deployments and states that did not decode."""

    def __init__(
        self,
        specs: Sequence[Spec],
        buckets: Buckets,
        *,
        tasks: Tasks,
        clock: Clock,
        schedule: Schedule,
        settings: AgentSettings | None = None,
    ) -> None:
        self.settings = settings or AgentSettings()
        self.malformed = 0
        self.writer = Writer(buckets.link, tasks, rate=self.settings.rate, name="what the agents say")
        self._specs = specs
        self._buckets = buckets
        self._tasks = tasks
        self._clock = clock
        self._schedule = schedule
        self._positions = {spec.device_id: position for position, spec in enumerate(specs)}
        self._labels: list[dict[str, str]] = []
        self._having: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._wanted: dict[DeploymentName, Wanted | None] = {}
        """What is deployed. None: it does not decode, and is left as it is until it does."""
        self._seen: defaultdict[DeploymentName, dict[int, Seen]] = defaultdict(dict)
        self._last_told = 0
        """The last revision of a state that was told. What was told holds, also against the answer to a write."""
        self._due: dict[tuple[int, DeploymentName], float] = {}
        self._watches: list[Watch] = []
        self._synced: set[str] = set()

    def start(self) -> None:
        """Begin, in a task."""
        self.writer.start()
        self._tasks.spawn(self._start(), name="the start of the agents")

    async def close(self) -> None:
        """Take the consumers back, as far as that is possible quickly."""
        await asyncio.gather(*(watch.close() for watch in self._watches))

    async def _start(self) -> None:
        for position, spec in enumerate(self._specs):
            labels = spec.labels()
            self._labels.append(labels)
            for pair in labels.items():
                self._having[pair].append(position)
            if position % _TOGETHER == 0:
                await asyncio.sleep(0)
        settings, buckets = self.settings, self._buckets
        presence = Presence(
            self._specs,
            buckets,
            self.writer,
            self._schedule,
            self._clock,
            every=settings.heartbeat_every,
            ensure_every=settings.ensure_every,
        )
        self._tasks.spawn(presence.run(), name="the presence of the agents")
        for bucket, keys, apply in (
            (buckets.deployment, ALL_DEPLOYMENTS, self._deployment),
            (buckets.state, ALL_STATES, self._state),
        ):
            name = bucket.config.name
            feed = Feed(name, apply, self._did_not_decode, partial(self._told, name))
            self._watches.append(bucket.watch(keys, feed, settings=settings.watch))

    # What is told

    def _told(self, bucket: str, anew: bool) -> None:
        """Nobody acts before all of both buckets was told: what is not there yet is not gone."""
        self._synced.add(bucket)
        if anew and self._is_synced:
            for name in {*self._wanted, *self._seen}:
                self._consider(name)

    @property
    def _is_synced(self) -> bool:
        return len(self._synced) == len(self._watches) > 0

    def _deployment(self, entry: Entry, anew: bool) -> None:
        name = DeploymentName(entry.key)
        if entry.value is None:
            self._wanted.pop(name, None)
        else:
            self._wanted[name] = self._as_wanted(name, entry)
        if not anew:
            self._consider(name)

    def _as_wanted(self, name: DeploymentName, entry: Entry) -> Wanted | None:
        try:
            deployment = Deployment.decode(entry.key, entry.value or b"")
        except Malformed as error:
            self._did_not_decode("deployment", error)
            return None
        before = self._wanted.get(name)
        if before is not None and before.deployment.generation == deployment.generation:
            return replace(before, deployment=deployment)
        return Wanted(deployment, self._clock.wall())

    def _state(self, entry: Entry, anew: bool) -> None:
        self._last_told = entry.revision
        device, name = parts_of_state(entry.key)
        position = self._positions.get(device)
        if position is None:
            return  # another process has that device
        known = self._seen[name].get(position) if name in self._seen else None
        if not anew and known is not None and entry.revision <= known.revision:
            return  # the echo of what was written here
        self._stands(position, name, self._as_seen(entry))
        if not anew:
            self._consider_one(name, position)

    def _as_seen(self, entry: Entry) -> Seen | None:
        if entry.value is None:
            return None
        try:
            state = DeviceState.decode(entry.key, entry.value)
        except Malformed as error:
            self._did_not_decode("state", error)
            return Seen(None, 0.0, entry.revision)
        return Seen(state.phase, state.last_event_at, entry.revision)

    def _did_not_decode(self, what: str, error: Malformed) -> None:
        self.malformed += 1
        if self.malformed == 1 or self.malformed % 1_000 == 0:
            log.warning("agents: a %s does not decode (%d so far): %s", what, self.malformed, error)

    def _stands(self, position: int, name: DeploymentName, seen: Seen | None) -> None:
        if seen is not None:
            self._seen[name][position] = seen
        elif name in self._seen:
            self._seen[name].pop(position, None)
            if not self._seen[name]:
                del self._seen[name]

    # What is to be done

    def _consider(self, name: DeploymentName) -> None:
        """Look at every device that the deployment means, or that has a state of it."""
        if not self._is_synced:
            return
        wanted = self._wanted.get(name)
        concerned = {*(self._meant(wanted.deployment) if wanted else ()), *self._seen.get(name, ())}
        self._schedule.each(sorted(concerned), partial(self._consider_one, name))

    def _meant(self, deployment: Deployment) -> Iterable[int]:
        if deployment.target_devices is not None:
            found = (self._positions.get(device) for device in deployment.target_devices)
            return [position for position in found if position is not None]
        selector = deployment.target_selector or {}
        if not selector:
            return range(len(self._specs))
        rarest = min((self._having.get(pair, []) for pair in selector.items()), key=len)
        return [position for position in rarest if selector.items() <= self._labels[position].items()]

    def _next(self, position: int, name: DeploymentName) -> tuple[Act, Seen | None, Wanted | None]:
        seen = self._seen[name].get(position) if name in self._seen else None
        wanted = self._wanted.get(name)
        if wanted is None:
            unreadable = name in self._wanted
            return (Act.NOTHING if unreadable else decide(seen, None)), seen, None
        deployment = wanted.deployment
        if deployment.target_devices is not None:
            meant = self._specs[position].device_id in deployment.target_devices
        else:
            meant = (deployment.target_selector or {}).items() <= self._labels[position].items()
        return decide(seen, wanted if meant else None), seen, wanted

    def _consider_one(self, name: DeploymentName, position: int) -> None:
        if not self._is_synced:
            return
        act, seen, wanted = self._next(position, name)
        if act is Act.NOTHING:
            if seen is not None and seen.generation is None and wanted is not None:
                self._stands(position, name, replace(seen, generation=wanted.deployment.generation))
        elif act is Act.BEGIN and wanted is not None:
            self._schedule.after(self._drawn("notice", position, wanted), partial(self._want, position, name))
        else:
            self._want(position, name)

    def _want(self, position: int, name: DeploymentName) -> None:
        self.writer.want((position, name), partial(self._act, position, name))

    async def _act(self, position: int, name: DeploymentName) -> None:
        """Do what is next. Raises `LinkError`: then it is tried again."""
        act, seen, wanted = self._next(position, name)
        pair = position, name
        if act is Act.REMOVE:
            self._due.pop(pair, None)
            await self._remove(position, name, seen)
        elif act is Act.BEGIN and wanted is not None:
            if await self._put(position, wanted, seen, Phase.PENDING):
                self._work(position, wanted)
        elif act is Act.FINISH and wanted is not None:
            if pair not in self._due:
                self._work(position, wanted)  # begun by the one that lived before
            elif self._due[pair] <= self._schedule.now:
                outcome = Phase.FAILED if self._specs[position].faulty else Phase.RUNNING
                if await self._put(position, wanted, seen, outcome):
                    self._due.pop(pair, None)

    def _work(self, position: int, wanted: Wanted) -> None:
        name = wanted.deployment.name
        due = self._due[position, name] = self._schedule.now + self._drawn("work", position, wanted)
        self._schedule.at(due, partial(self._want, position, name))

    def _drawn(self, what: str, position: int, wanted: Wanted) -> float:
        """Seconds, the same for the same device, deployment and generation."""
        spec, deployment = self._specs[position], wanted.deployment
        low, high = self.settings.notice if what == "notice" else self.settings.work
        return between(low, high, spec.seed, spec.index, what, str(deployment.name), deployment.generation)

    async def _put(self, position: int, wanted: Wanted, seen: Seen | None, phase: Phase) -> bool:
        """Whether it was stored; if not, somebody else has written, and it is considered anew."""
        spec, deployment = self._specs[position], wanted.deployment
        why = choose(WHY_FAILED, spec.seed, spec.index, "why", str(deployment.name))
        at = next_moment(self._clock.wall(), seen)
        state = DeviceState(
            device_id=DeviceKey(spec.device_id),
            deployment=deployment.name,
            phase=phase,
            last_event_at=Moment(at),
            last_error=why if phase is Phase.FAILED else None,
        )
        try:
            revision = await self._buckets.state.put(state.key, state.encode(), expect=seen.revision if seen else 0)
        except WrongRevision:
            await self._look_again(position, deployment.name)
            return False
        standing = self._seen[deployment.name].get(position) if deployment.name in self._seen else None
        if self._last_told < revision or (standing is not None and standing.revision == revision):
            self._stands(position, deployment.name, Seen(phase, at, revision, deployment.generation))
        return True

    async def _remove(self, position: int, name: DeploymentName, seen: Seen | None) -> None:
        key = state_key(DeviceKey(self._specs[position].device_id), name)
        try:
            await self._buckets.state.delete(key, expect=seen.revision if seen else None)
        except WrongRevision:
            await self._look_again(position, name)
        else:
            self._stands(position, name, None)

    async def _look_again(self, position: int, name: DeploymentName) -> None:
        entry = await self._buckets.state.get(state_key(DeviceKey(self._specs[position].device_id), name))
        self._stands(position, name, self._as_seen(entry) if entry is not None else None)
        self._consider_one(name, position)
