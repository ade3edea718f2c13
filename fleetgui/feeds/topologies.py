"""Topologies: the list while somebody looks at it, and the streams of those that are open, over the one link.

Subscribe first, then ask for the snapshot, then apply what came in meanwhile (`stores.topologies.following`). Each open
topology has a subscription and a bounded intake of its own; the publisher's keepalive is subscribed once and goes into
every intake, so that it is read in the order in which it came. Only what is open is followed, and a topology that is
closed costs nothing from then on.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final

import msgspec

from fleetgui.feeds.feed import Feed
from fleetgui.feeds.topology_follower import Follower
from fleetgui.feeds.topology_pages import read_list
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkDown, LinkError, NoResponders, OutcomeUnknown, PermissionDenied
from fleetgui.link.intake import Intake
from fleetgui.link.messages import Message
from fleetgui.link.subscriptions import Subscription
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import text
from fleetgui.policy.states import State
from fleetgui.stores.journal import Journal
from fleetgui.stores.topologies.listing import LIST_EVERY_S, ListPhase
from fleetgui.stores.topologies.store import Topologies
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed
from fleetgui.wire.times import to_epoch
from fleetgui.wire.topology import Listed, TopologyList, TopologySubjects, place_of

PATIENCE_S: Final = 10.0
READ_AFTER_S: Final = LIST_EVERY_S - 3.0
"""The pause between two readings of the list, which leaves time for the reading."""
ASK_AGAIN_S: Final = (1.0, 2.0, 5.0)
"""Pauses after a reading that failed; then as after any other."""
POLITE: Final = 9.0
"""The list is not read again before so many times what reading it took."""
NO_SERVICE: Final = "No topology service answers on {subject}: run one with fleetgui serve --roles topology."
REFUSED: Final = (
    "The topology service lets nobody ask who does not say who they are: its access policy (REGISTRY_ACCESS_POLICY) "
    "shows this console no device."
)


class TopologiesFeed(Feed):
    """Fills `topologies`. `look(True)` while the list is on the screen; `open` and `close` a topology by its id."""

    def __init__(
        self,
        link: Link,
        subjects: TopologySubjects,
        topologies: Topologies,
        journal: Journal,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._link = link
        self._subjects = subjects
        self._topologies = topologies
        self._journal = journal
        self._clock = clock
        self._tasks = tasks
        self._followers: dict[str, Follower] = {}
        self._gone_malformed = 0
        self._gone_dropped = 0
        self._listing: asyncio.Task[None] | None = None
        self._list_now = asyncio.Event()
        self._keepalive: Subscription | None = None
        topologies.crowded_out.connect(self._crowded_out)
        link.denied.connect(lambda _: self._look_at_denials())

    @property
    def malformed(self) -> int:
        """Messages on a topology's subjects that were none of its events."""
        return self._gone_malformed + sum(each.malformed for each in self._followers.values())

    @property
    def dropped(self) -> int:
        """Messages that found no room in a stream's intake; as events they are counted as lost by their numbers."""
        return self._gone_dropped + sum(each.dropped for each in self._followers.values())

    @property
    def intakes(self) -> dict[str, Intake]:
        """By the subject that each takes in."""
        return {self._subjects.events_of(name): each.intake for name, each in self._followers.items()}

    # What somebody wants

    def look(self, looked_at: bool) -> None:
        """Read the list from now on, every few seconds, or no more."""
        self._topologies.looked_at = looked_at
        if looked_at:
            self.refresh()

    def refresh(self) -> None:
        """Read the list now, and what is open too."""
        self._list_now.set()
        if self._listing is None or self._listing.done():
            self._listing = self._tasks.spawn(self._read_lists(), name="read the topologies")
        for follower in self._followers.values():
            follower.read_again()

    def open(self, topology_id: str) -> None:
        """Follow a topology from now on; one that is followed already is looked at again."""
        known = topology_id in self._followers
        following = self._topologies.open(topology_id)
        if known:
            return
        self._subscribe_keepalive()
        self._followers[topology_id] = Follower(
            following, self._link, self._subjects, self.ask, self._explain, self._clock, self._tasks
        )

    def shut(self, topology_id: str) -> None:
        """Follow it no more."""
        self._end(topology_id)
        self._topologies.close(topology_id)

    # What the link does

    def link_came_up(self) -> None:
        """Whatever happened while nobody listened: everything is unconfirmed until it is read again."""
        for follower in self._followers.values():
            follower.link_came_up()
        self._topologies.keepalive_denied = None
        if self._topologies.looked_at:
            self.refresh()

    def close(self) -> None:
        """End every subscription."""
        for topology_id in list(self._followers):
            self._end(topology_id)

    # The list

    async def _read_lists(self) -> None:
        """Read it while it is looked at; a link that is down brings it again when it comes up."""
        failures = 0
        while self._list_now.is_set() or self._topologies.looked_at:
            self._list_now.clear()
            began = self._clock.now()
            try:
                await self._read_list(began)
            except (LinkDown, OutcomeUnknown):
                if not self._link.is_up:
                    return
            except (LinkError, rpc.RpcError, Malformed) as error:
                self._topologies.listing.failed(*self._why_no_list(error))
            failures = 0 if self._topologies.listing.phase is ListPhase.READ else failures + 1
            pause = READ_AFTER_S
            if 0 < failures <= len(ASK_AGAIN_S):
                pause = min(pause, ASK_AGAIN_S[failures - 1])
            if failures == 0:  # what nobody answered cost nobody anything
                pause = max(pause, POLITE * (self._clock.now() - began))
            try:
                async with asyncio.timeout(pause):
                    await self._list_now.wait()
            except TimeoutError:
                continue

    async def _read_list(self, began: float) -> None:
        rows: list[Listed] = []
        last: TopologyList | None = None
        async for facts, page in read_list(self.ask):
            rows.extend(page)
            last = facts
        if last is not None:
            cut = last.next_offset is not None
            self._topologies.listing.took(rows, began, as_of=to_epoch(last.as_of), behind=last.stale, cut=cut)
            for topology_id in self._followers:
                following = self._topologies.get(topology_id)
                if following is not None:
                    following.set_membership_behind(last.stale)

    def _why_no_list(self, error: Exception) -> tuple[ListPhase, str]:
        if isinstance(error, NoResponders):
            for follower in self._followers.values():
                follower.read_again()  # nobody publishes, and nobody will tell us so
            return ListPhase.NO_SERVICE, self._explain(error)
        refused = isinstance(error, PermissionDenied) or _is_refusal(error)
        return ListPhase.REFUSED if refused else ListPhase.FAILED, self._explain(error)

    async def ask(self, method: str, params: dict[str, Any]) -> msgspec.Raw:
        """The undecoded result of one request; raises `LinkError`, `RpcError`, `Malformed`."""
        request = rpc.request(method, params, f"fleetgui-{secrets.token_hex(4)}")
        return rpc.result_of(await self._link.request(self._subjects.requests, request, timeout=PATIENCE_S))

    def _explain(self, error: Exception) -> str:
        """One sentence for people: what is wrong, and what helps."""
        if isinstance(error, NoResponders):
            return NO_SERVICE.format(subject=self._subjects.requests)
        if _is_refusal(error):
            return REFUSED
        if isinstance(error, rpc.RpcError):
            return f"The topology service failed: {text(error.message, 200)}."
        if isinstance(error, Malformed):
            return f"The topology service's answer cannot be read: {text(error, 200)}."
        return text(error, 300)

    # Streams

    def _subscribe_keepalive(self) -> None:
        if self._keepalive is None:
            self._keepalive = self._link.subscribe(self._subjects.keepalive, self._heard_keepalive)

    def _heard_keepalive(self, message: Message) -> None:
        for follower in self._followers.values():
            follower.put(message)

    def _look_at_denials(self) -> None:
        for follower in self._followers.values():
            follower.look_at_denial()
        if self._keepalive is not None and self._keepalive.error is not None:
            self._topologies.keepalive_denied = str(self._keepalive.error)

    def _crowded_out(self, topology_id: str) -> None:
        self._end(topology_id)
        sentence = f"{text(place_of(topology_id), 60)} is followed no more: it was looked at longest ago"
        self._journal.write(self._clock.wall(), State.PAUSED, "topology", sentence)

    def _end(self, topology_id: str) -> None:
        follower = self._followers.pop(topology_id, None)
        if follower is None:
            return
        follower.close()
        self._gone_malformed += follower.malformed
        self._gone_dropped += follower.dropped
        if not self._followers and self._keepalive is not None:
            self._keepalive.close()
            self._keepalive = None


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, rpc.RpcError) and error.code == rpc.NOT_PERMITTED
