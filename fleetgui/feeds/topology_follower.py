"""One open topology's stream: its subscription, its intake, and the task that asks for a snapshot whenever one is due.

Between a stream that breaks again and again and its publisher stands a pause that grows; a publisher that cannot be
reached is asked again every now and then, and at once when it is heard.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from fleetgui.feeds.topology_pages import Ask, Overtaken, read_snapshot
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkDown, LinkError, OutcomeUnknown, PermissionDenied
from fleetgui.link.intake import Intake
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import text
from fleetgui.stores.ledger import Cause
from fleetgui.stores.topologies.following import READ_EVERY_S, Following, Heard, Phase
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed
from fleetgui.wire.topology import TopologySubjects, place_of, topology_message

QUEUE: Final = 256
"""Messages of one stream that wait at most; beyond, the oldest go, and their numbers are missed."""
AGAIN_S: Final = (0.0, 0.1, 0.5, 2.0, 5.0, 10.0)
"""Pauses before snapshots that follow each other; after `CALM_S` without one they begin anew."""
CALM_S: Final = 5.0
ASK_AGAIN_S: Final = (1.0, 2.0, 5.0, 15.0)
"""Pauses before somebody who cannot answer is asked again; the last one from then on."""


class Follower:
    """Follows `following` from now until `close`. `explain` makes a sentence of why a snapshot cannot be had."""

    def __init__(
        self,
        following: Following,
        link: Link,
        subjects: TopologySubjects,
        ask: Ask,
        explain: Callable[[Exception], str],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self.malformed = 0
        self._following = following
        self._link = link
        self._ask = ask
        self._explain = explain
        self._clock = clock
        self._tasks = tasks
        self.intake = Intake(
            self._apply,
            clock=clock,
            scheduler=link.turns,
            report=tasks.report,
            max_messages=QUEUE,
        )
        self.intake.overflowed.connect(lambda _family, _count: following.missed(Cause.OVERFLOW, clock.wall()))
        self._subscription = link.subscribe(subjects.events_of(following.topology_id), self.intake.put)
        self._wake = asyncio.Event()
        self._applied = asyncio.Event()
        self._reads_in_a_row = 0
        self._read_last = float("-inf")
        self._reading = tasks.spawn(self._keep_reading(), name=f"follow {text(following.topology_id, 60)}")

    @property
    def dropped(self) -> int:
        return self.intake.dropped.total()

    def put(self, message: Message) -> None:
        """A message that concerns all topologies."""
        self.intake.put(message)

    def read_again(self) -> None:
        """Somebody wants a snapshot, whatever is known; also where it was refused."""
        self._following.want()
        self._wake.set()

    def link_came_up(self) -> None:
        self._following.denied = None
        self._following.want(broken=True)
        self._wake.set()

    def look_at_denial(self) -> None:
        error = self._subscription.error
        if error is not None and self._following.denied is None:
            self._following.denied = str(error)
            self._following.changed.emit()
            self._wake.set()

    def close(self) -> None:
        """Nothing is heard or asked for from now on."""
        self._subscription.close()
        self.intake.close()
        self._reading.cancel()

    # What comes

    def _apply(self, messages: list[Message], now: float) -> None:
        wall = self._clock.wall()
        batch = []
        for message in messages:
            try:
                heard = topology_message(message.subject, message.data)
            except Malformed:
                self.malformed += 1
                self._following.missed(Cause.MALFORMED, wall)
                continue
            batch.append(Heard(heard, message.received, wall - (now - message.received)))
        self._following.hear(batch)
        self._applied.set()
        if batch and self._following.wants_snapshot:
            self._wake.set()

    # What is asked for

    async def _keep_reading(self) -> None:
        """A snapshot whenever one is due, until cancelled."""
        following, failures = self._following, 0
        while True:
            self._wake.clear()
            pause: float | None = None
            if following.wants_snapshot and self._link.is_up:
                await asyncio.sleep(self._distance())  # not ended by what comes: that is what has to be waited for
                await self._read()
                failed = following.phase is Phase.FAILED
                failures = failures + 1 if failed else 0
                if failed:
                    pause = ASK_AGAIN_S[min(failures, len(ASK_AGAIN_S)) - 1]
            if not (following.phase is Phase.WANTED and self._link.is_up):
                await self._wait(pause if pause is not None else self._until_read_again())
                if following.denied is not None and following.phase is Phase.FOLLOWED:
                    following.want()

    async def _wait(self, seconds: float | None) -> None:
        """Until something happens, or so many seconds are over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _until_read_again(self) -> float | None:
        return None if self._following.denied is None else READ_EVERY_S

    def _distance(self) -> float:
        """How long a snapshot has to wait, so that a stream that always breaks does not ask without end."""
        now = self._clock.now()
        if now - self._read_last > CALM_S:
            self._reads_in_a_row = 0
        pause = AGAIN_S[min(self._reads_in_a_row, len(AGAIN_S) - 1)]
        self._reads_in_a_row += 1
        return pause

    async def _read(self) -> None:
        """Ask for one snapshot and take it in, or why there is none."""
        following = self._following
        following.reading()
        asked_at = self._clock.now()
        try:
            picture = await read_snapshot(self._ask, following.topology_id)
            await self._applied_so_far()
        except (LinkDown, OutcomeUnknown, Overtaken):
            following.want()
        except (LinkError, rpc.RpcError, Malformed) as error:
            phase, why = self._failure(error)
            following.failed(phase, why, self._clock.wall())
        else:
            following.took(picture.head, picture.members, asked_at, self._clock.wall(), picture.cut_after)
        self._read_last = self._clock.now()

    async def _applied_so_far(self) -> None:
        """What came before the snapshot's reply is told before it is, or it would count as lost."""
        intake = self.intake
        goal = intake.taken + intake.pending + self.dropped
        while intake.taken + self.dropped < goal:
            self._applied.clear()
            await self._applied.wait()

    def _failure(self, error: Exception) -> tuple[Phase, str]:
        if isinstance(error, rpc.RpcError) and error.code == rpc.UNKNOWN_TOPOLOGY:
            place = text(place_of(self._following.topology_id), 60)
            return Phase.ABSENT, f"There is no topology {place}: nobody says to be there."
        refused = isinstance(error, PermissionDenied) or (
            isinstance(error, rpc.RpcError) and error.code == rpc.NOT_PERMITTED
        )
        return Phase.REFUSED if refused else Phase.FAILED, self._explain(error)
