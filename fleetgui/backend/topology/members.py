"""Who is at which site: from the registry's list, and from what is heard after it.

The list is walked once, and again after the link was lost, when devices came and went during a walk by offset, and
when the registry counts other devices than are known here (`agreement.py`); between walks `device/online` and
`device/offline` say who is there, and heartbeats who moves. A device that comes online is looked up by its id, because
only its record says where it is, whether a walk is due or under way or not; when many come at once, walking the list is
cheaper, and is done as well, in good time (`pace.py`). What is found and heard becomes a place in `whereabouts.py`.
Runs on the loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from fleetgui.backend.topology.agreement import Agreement
from fleetgui.backend.topology.look_ups import MOST_LOOK_UPS, LookUps
from fleetgui.backend.topology.pace import Pace
from fleetgui.backend.topology.picture import Picture
from fleetgui.backend.topology.walk import Walk, WalkFailed, found_in
from fleetgui.backend.topology.whereabouts import Whereabouts
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError, RequestTimeout
from fleetgui.link.messages import Message
from fleetgui.link.subscriptions import Subscription
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.pages import PageSizer
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode
from fleetgui.wire.devices import presence_of
from fleetgui.wire.records import page_of
from fleetgui.wire.subjects import Subjects, device_of

log = logging.getLogger(__name__)

PATIENCE_S: Final = 2.0
"""How long one device's record, or the number of devices, is waited for: the next request may reach another process."""
HEAD_START_S: Final = 3.0
"""Devices too many to be looked up are left to the walk that begins now, unless it has taken so long."""
TICK_S: Final = 0.5
_SLICE: Final = 5_000
"""Members looked at without a pause."""


@dataclass
class MemberCounters:
    """Since the start: walks that `walked` to their end or `failed`, devices `looked_up`, how often the registry and
    this process `disagreed` on how many there are, and what was `malformed`."""

    walked: int = 0
    failed: int = 0
    looked_up: int = 0
    disagreed: int = 0
    malformed: int = 0


class _Beat(msgspec.Struct, frozen=True, gc=False):
    device_id: str
    location: Any = msgspec.UNSET


class _Device(msgspec.Struct, frozen=True):
    device: msgspec.Raw = msgspec.Raw(b"null")


class Members:
    """Keeps `picture`'s members. `settled` is set after the first walk, or the first try that failed."""

    def __init__(
        self,
        link: Link,
        picture: Picture,
        clock: Clock,
        tasks: Tasks,
        *,
        requester: str = "",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.counters = MemberCounters()
        self.settled = asyncio.Event()
        self.whereabouts = Whereabouts(picture, clock)
        self._link = link
        self._subjects = Subjects(link.context.tenant)
        self._picture = picture
        self._clock = clock
        self._tasks = tasks
        self._who = {"requester_id": requester} if requester else {}
        self._sizer = PageSizer(environ)
        self.look_ups = LookUps()
        self._asked: set[str] = set()
        """Whose records have been asked for, and have not come."""
        self._edges: dict[str, bool] | None = None
        """Who came online or went offline since the walk that is under way began, None while none is."""
        self.pace = Pace(clock)
        self._agreement = Agreement(clock)
        self._left_to_walk_until = float("-inf")
        self._can_look_up = False
        """Whether the registry ever answered for one device: one too old to know how never does."""
        self._silent = False
        self._said_stale = False
        self._phase = link.state.phase
        self._subscriptions: list[Subscription] = []
        self._disconnect: Callable[[], None] | None = None

    def start(self) -> None:
        """Hear presence and heartbeats, and walk, from now on."""
        self._disconnect = self._link.state_changed.connect(self._link_changed)
        self._subscriptions = [
            self._link.subscribe(self._subjects.presence, self._edge),
            self._link.subscribe(self._subjects.all_heartbeats, self._beat),
        ]
        self._tasks.spawn(self._follow(), name="topology: members")
        self._tasks.spawn(self._walk_on(), name="topology: walks")

    def close(self) -> None:
        """Hear nothing more; the tasks are their owner's to cancel."""
        if self._disconnect is not None:
            self._disconnect()
        for subscription in self._subscriptions:
            subscription.close()

    # What is heard

    def _link_changed(self, state: LinkState) -> None:
        came_up = state.phase is LinkPhase.UP and self._phase is not LinkPhase.UP
        self._phase = state.phase
        if came_up:
            self.pace.want_at_once()

    def _edge(self, message: Message) -> None:
        try:
            online, params = presence_of(message.data)
        except Malformed:
            self.counters.malformed += 1
            return
        device_id = params.device_id
        if self._edges is not None:
            self._edges[device_id] = online
        self.whereabouts.set_online(device_id, online)
        if online:
            self.look_ups.want(device_id)
        else:
            self.look_ups.done(device_id)
            self.whereabouts.nowhere.pop(device_id, None)

    def _beat(self, message: Message) -> None:
        if b'"location"' not in message.data:
            return  # nearly all of them: nothing is decoded
        device_id = device_of(message.subject)
        if not self.whereabouts.knows(device_id):
            return  # the registry does not know it yet, or it announces it
        try:
            beat = decode(message.data, _Beat)
        except Malformed:
            self.counters.malformed += 1
            return
        if beat.device_id != device_id:
            self.counters.malformed += 1
        elif beat.location is not msgspec.UNSET:
            self.whereabouts.move(device_id, beat.location if isinstance(beat.location, str) else None)

    # What is asked

    async def _follow(self) -> None:
        """Whatever is done between walks goes on while one is due or under way: it may be for long."""
        while True:
            if self._link.is_up and not self._is_left_to_walk:
                self._look_up()
            self.whereabouts.let_go()
            self._heed_agreement()
            self._say_how_old_it_is()
            await asyncio.sleep(TICK_S)

    async def _walk_on(self) -> None:
        while True:
            if self.look_ups.too_many:
                self.pace.want()
            if self.pace.due:
                self._agreement.put_off()
            if self._link.is_up:
                if self.pace.may_walk:
                    await self._walk()
                elif self._agreement.due:
                    await self._compare()
            await asyncio.sleep(TICK_S)

    @property
    def _is_left_to_walk(self) -> bool:
        """Whether a walk that finds everybody who waits to be looked up is about to begin, or to end."""
        if self.pace.walking:
            return self._clock.now() < self._left_to_walk_until
        return self.look_ups.too_many and self.pace.may_walk

    async def _compare(self) -> None:
        self._agreement.put_off()
        try:
            page = page_of(await self._ask("discovery/listDevices", {"limit": 1, "projection": "summary"}, PATIENCE_S))
        except (LinkError, Malformed, rpc.RpcError):
            return  # it is asked again soon enough; what is wrong with it, the next walk says
        if page.total_matched is not None:
            self._agreement.told(page.total_matched, page.revision, self.whereabouts.count)

    def _heed_agreement(self) -> None:
        match self._agreement.holds(self.whereabouts.count):
            case True:
                self.pace.agreed()
            case False:
                self.counters.disagreed += 1
                self.pace.want()

    def _say_how_old_it_is(self) -> None:
        if self.pace.stale is self._said_stale:
            return
        self._said_stale = self.pace.stale
        if self._said_stale:
            log.warning("the members are behind: the registry was to be walked %.0f s ago", self.pace.behind_s)
        else:
            log.info("the members have caught up with the registry")

    async def _ask(self, method: str, params: dict[str, Any], patience: float) -> bytes:
        request = rpc.request(method, {**params, **self._who}, f"topology-{secrets.token_hex(4)}")
        return await self._link.request(self._subjects.discovery, request, timeout=patience)

    async def _walk(self) -> None:
        if self.look_ups.too_many:
            self._left_to_walk_until = self._clock.now() + HEAD_START_S
        self.pace.began()
        self._sizer.max_payload = self._link.max_payload
        walk = Walk(self._ask, self._sizer, self._clock)
        edges: dict[str, bool] = {}
        self._edges = edges
        waiting = self.look_ups.walk_began()
        seen: set[str] = set()
        try:
            async for page in walk.pages():
                for found in page:
                    seen.add(found.device_id)
                    online = edges.get(found.device_id, found.online)
                    self.whereabouts.place(replace(found, online=online))
                    if found.device_id not in edges:
                        self.look_ups.done(found.device_id)
            # By offset, whoever leaves makes the next page skip somebody.
            if walk.coverage.complete and (walk.coverage.by_id or not edges):
                await self._miss(seen, edges)
        except WalkFailed as error:
            self._walk_failed(error)
            return
        finally:
            self._edges = None
            self.counters.malformed += walk.coverage.malformed
            self.settled.set()
        for device_id in waiting:
            if device_id not in edges and device_id not in seen:
                self.look_ups.tried(device_id)
        self._walk_succeeded(walk)

    def _walk_succeeded(self, walk: Walk) -> None:
        self.counters.walked += 1
        # By id, a change that its event told of has skipped nobody.
        self.pace.succeeded(walk.took, whole=walk.coverage.by_id or not walk.coverage.overtaken)
        if self._silent or self.counters.walked == 1:
            self._silent = False
            log.info("%d devices of the registry at %d sites", walk.coverage.records, len(self._picture.sites))

    def _walk_failed(self, error: WalkFailed) -> None:
        self.counters.failed += 1
        if not self._silent:
            self._silent = True
            log.warning("the members are not known to be complete: %s; it is tried again", error)
        self.pace.failed()

    async def _miss(self, seen: set[str], edges: dict[str, bool]) -> None:
        """Whoever was not in a complete list is not there, even if nobody said so."""
        for number, device_id in enumerate(self._picture.sites.member_ids):
            if device_id not in seen and device_id not in edges:
                self.whereabouts.set_online(device_id, False)
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
        nowhere = self.whereabouts.nowhere
        for device_id in [each for each in nowhere if each not in seen and each not in edges]:
            del nowhere[device_id]

    def _look_up(self) -> None:
        """Ask for the next ones that wait; those for whom nobody answers keep only their own places in the line."""
        room = MOST_LOOK_UPS - len(self._asked)
        for device_id in [each for each in self.look_ups.waiting() if each not in self._asked][:room]:
            self._asked.add(device_id)
            self._tasks.spawn(self._look_one_up(device_id), name="topology: look-up")

    async def _look_one_up(self, device_id: str) -> None:
        """Read one record and place its device."""
        try:
            await self._read_one(device_id)
        finally:
            self._asked.discard(device_id)

    async def _read_one(self, device_id: str) -> None:
        try:
            reply = await self._ask("discovery/getDevice", {"device_id": device_id}, PATIENCE_S)
            device = bytes(decode(bytes(rpc.result_of(reply)), _Device).device)
            found = None if device == b"null" else found_in(device, knows_offline=False)
        except RequestTimeout:
            if self._can_look_up:
                self.look_ups.put_last(device_id)
            else:
                self.pace.want()
                self.look_ups.tried(device_id)
            return
        except LinkError:
            return
        except (Malformed, rpc.RpcError):
            self.counters.malformed += 1
            found = None
        self._can_look_up = True
        self.counters.looked_up += 1
        if found is None or found.device_id != device_id:
            self.look_ups.tried(device_id)
        elif self.look_ups.done(device_id):  # else it went offline meanwhile
            if self._edges is not None:  # a page may come from a process that does not know it yet
                self._edges.setdefault(device_id, True)
            self.whereabouts.place(found)
