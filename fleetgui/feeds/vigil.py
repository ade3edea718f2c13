"""What only time tells, looked at ten times a second: sources that fell silent, a program or machine that stood.

A source that says nothing causes no event, so somebody has to look; a loop that was held, or a laptop that slept,
notices by its own lateness. What was missed goes into the ledger, and the ledger's episodes into the journal.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from fleetgui.feeds.failing import FailingLines
from fleetgui.feeds.feed import Feed
from fleetgui.link.connection import Link
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import age, count, text
from fleetgui.policy.freshness import link_limits
from fleetgui.policy.states import LinkPhase, State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.ledger import Cause, Span
from fleetgui.stores.sources import LINK

LOOK_S: Final = 0.1
"""With `freshness.GRACE_S`, and the tenth of a second after which a change is painted, 0.7 of the second in which a
figure has to leave live: the rest is for a loop that runs late on a busy machine."""
FROZEN_S: Final = 3.0
"""A loop that was held for so long is a gap: the broker throws out who takes nothing for a few seconds more."""
SLEPT_S: Final = 1.0

MOST_DENIALS: Final = 100
"""Subjects told of as denied; a console that opens many topologies without a right need not fill the journal."""

CONSOLE: Final = "this console"
MACHINE: Final = "this machine"


class Vigil(Feed):
    """`start`, then it runs as a task of `tasks`; `look` is one turn of it."""

    def __init__(self, link: Link, state: ConsoleState, clock: Clock, tasks: Tasks) -> None:
        self._link = link
        self._state = state
        self._clock = clock
        self._tasks = tasks
        self._looked_at = clock.now()
        self._slept = clock.slept()
        self._gap: tuple[float, Cause] | None = None
        """When the broker was last heard before the link dropped, and why; None while it is up, and before it was."""
        self._counters: list[tuple[str, Cause, Callable[[], int]]] = [
            (LINK, Cause.MALFORMED, lambda: link.counters.malformed),
            (LINK, Cause.FAILED, lambda: link.counters.handler_failures),
            ("heartbeat", Cause.TRUNCATION, lambda: state.presence.refused),
            ("gateway", Cause.TRUNCATION, lambda: state.lag.refused),
        ]
        self._counted = [0] * len(self._counters)
        limits = link_limits(link.settings.ping_interval)
        state.sources.hear_broker(lambda: link.heard_at, limits)
        state.ledger.began.connect(self._tell)
        state.ledger.ended.connect(partial(self._tell, whole=True))
        state.ledger.recovered.connect(self._came_after_all)
        self._recovered: Counter[tuple[str, str]] = Counter()
        """(source, cause) → came after all since the last look: history brings them one by one."""
        self._failing = FailingLines(state.deployments.rollups, state.journal)
        self._denied: set[str] = set()
        """Subjects whose denial is in the journal: each reconnect is denied them again."""
        link.denied.connect(lambda _: self._tell_denials())

    def start(self) -> None:
        self._tasks.spawn(self._run(), name="vigil")

    async def _run(self) -> None:
        self._looked_at = self._clock.now()
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Look around once."""
        now, wall = self._clock.now(), self._clock.wall()
        self._stood_still(now, wall)
        self._no_broker(now, wall)
        for index, (source, cause, counter) in enumerate(self._counters):
            new, self._counted[index] = counter() - self._counted[index], counter()
            if new > 0:
                self._state.ledger.lose(source, cause, new, wall)
        self._state.ledger.settle(wall)
        for (source, gap), came in self._recovered.items():
            sentence = f"{gap}: {count(came)} of those counted as lost came after all"
            self._state.journal.write(wall, State.LIVE, text(source, 60), sentence)
        self._recovered.clear()
        self._failing.write(now, wall)
        self._state.sources.look(now)
        self._state.device_states.look(now)

    def link_changed(self) -> None:
        """The link's state in the stores is another than before."""
        now, wall, link = self._clock.now(), self._clock.wall(), self._state.link.state
        if link.phase is LinkPhase.UP:
            self._no_broker(now, wall)
            self._gap = None
        elif link.lost_at is not None and self._gap is None:
            slow = "slow consumer" in (link.error or "").lower()
            self._gap = self._link.heard_at, Cause.SLOW_CONSUMER if slow else Cause.RECONNECT
            self._no_broker(now, wall)
        self._state.sources.look(now)

    def _no_broker(self, now: float, wall: float) -> None:
        """A gap without a broker grows while it lasts, so that it is in the ledger whenever somebody looks."""
        if self._gap is not None:
            since, cause = self._gap
            self._state.ledger.lose(LINK, cause, None, wall, since=wall - (now - since), until=wall)

    def _stood_still(self, now: float, wall: float) -> None:
        slept = self._clock.slept()
        asleep, away = slept - self._slept, now - self._looked_at
        self._slept, self._looked_at = slept, now
        if asleep > SLEPT_S:
            self._state.ledger.lose(MACHINE, Cause.SUSPEND, None, wall, since=wall - away, until=wall)
            # The broker gave us up long ago, and its silence would be noticed only after some pings.
            self._link.reconnect_now(f"this machine slept for {age(asleep)}")
        elif away > FROZEN_S:
            self._state.ledger.lose(CONSOLE, Cause.FREEZE, None, wall, since=wall - away, until=wall)

    def _tell(self, span: Span, *, whole: bool = False) -> None:
        """A line when an episode begins, and one when it is over and had grown: of the `whole`, the first line's too.
        The link writes its own."""
        if span.source == LINK and span.cause in (Cause.RECONNECT, Cause.SLOW_CONSUMER):
            return
        lasted = f" in {age(span.ends - span.begins)}" if span.ends - span.begins >= 1 else ""
        many = "" if span.count is None else f"{count(span.count)} lost{' in all' if whole else ''}"
        parts = [part for part in (f"{span.cause}{lasted}", many) if part]
        self._state.journal.write(self._clock.wall(), State.LATE, text(span.source, 60), ": ".join(parts))

    def _came_after_all(self, source: str, cause: str, came: int) -> None:
        self._recovered[source, cause] += came

    def _tell_denials(self) -> None:
        """A line for each subject that may not be heard: its silence would look as if there were nothing to hear.

        Whoever asked for an answer or a bucket says by itself what it may not; inboxes are theirs.
        """
        for each in self._link.subscriptions:
            subject, error = each.subject, each.error
            told = subject in self._denied or len(self._denied) >= MOST_DENIALS
            if error is None or told or subject.startswith("_INBOX."):
                continue
            self._denied.add(subject)
            self._state.journal.write(self._clock.wall(), State.UNKNOWN, LINK, f"not heard: {text(error, 250)}")
