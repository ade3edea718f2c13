"""Gateways: subscribe first, then read history, then merge by (node, epoch, seq): no gap and no double at the seam.

A fabric without a gateway of ours is an ordinary one: it is said once, and asked again after a reconnect or when a
gateway is heard. Keepalives name the last seq of each family, so that a lost tail is noticed too.
"""

from __future__ import annotations

import asyncio
from typing import Final

from fleetgui.feeds.feed import Feed
from fleetgui.feeds.gateway_history import GatewayHistory
from fleetgui.feeds.gateway_lives import GatewayLives
from fleetgui.feeds.gateway_past import GatewayPast
from fleetgui.feeds.refusals import RefusalLines
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkDown, LinkError, NoResponders, OutcomeUnknown, RequestTimeout
from fleetgui.link.intake import Intake
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import millis, text
from fleetgui.policy.states import BANDS, State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.ledger import Cause
from fleetgui.stores.sequences import SEQUENCE_GAP
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed
from fleetgui.wire.gateway import (
    BandChange,
    Engagement,
    Keepalive,
    Lag,
    gateway_message,
)
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import to_epoch

HISTORY_S: Final = 3600.0
OVERLAP_S: Final = 10.0
"""History is read again from so long before the oldest of the nodes' last samples."""
ASK_AGAIN_S: Final = (1.0, 5.0, 15.0, 30.0)
"""Pauses before a gateway that did not answer is asked again; then the next reconnect or gap asks."""
BETWEEN_GAPS_S: Final = 30.0
"""Gaps make history be read again at most so often."""
LOOK_AGAIN_S: Final = (1.0, 5.0)
"""Pauses before history is read again for what it did not have yet: a gateway stores after it publishes."""


class GatewayFeed(Feed):
    """Fills lag, engagements and the journal's gateway lines."""

    def __init__(self, link: Link, subjects: Subjects, state: ConsoleState, clock: Clock, tasks: Tasks) -> None:
        self.malformed = 0
        self._link = link
        self._subjects = subjects
        self._state = state
        self._clock = clock
        self._tasks = tasks
        self._intake: Intake | None = None
        self._reading: asyncio.Task[None] | None = None
        self._wanted_since: float | None = None
        """From when on history is to be read, epoch seconds; None: nothing is missing."""
        self._gap_read_at = float("-inf")
        self._gap_since: float | None = None
        """From when on something is missing that history was not asked for yet."""
        self._lost_before = 0
        self._not_in_history = 0
        """Of what is lost, how much history was asked for as often as it is asked."""
        self._refusals = RefusalLines(state.journal)
        self._lives = GatewayLives(state, clock)
        self._history = GatewayHistory(
            link, subjects, state, lambda: self._lose("gateway history", Cause.TRUNCATION, None)
        )
        self.past = GatewayPast(self._history.ask, state, tasks)
        """What is older than this feed reads by itself."""

    @property
    def intakes(self) -> dict[str, Intake]:
        """By the subject that each takes in."""
        return {} if self._intake is None else {self._subjects.gateway_all: self._intake}

    @property
    def dropped(self) -> int:
        return self._intake.dropped.total() if self._intake else 0

    def start(self) -> None:
        self._intake = Intake(self._apply, clock=self._clock, scheduler=self._link.turns, report=self._tasks.report)
        # Without a count: these are numbered, and what does not come is counted by its number, once.
        self._intake.overflowed.connect(lambda family, _: self._lose(family, Cause.OVERFLOW, None))
        self._intake.broke.connect(lambda family, _: self._lose(family, Cause.FAILED, None))
        subscription = self._link.subscribe(self._subjects.gateway_all, self._intake.put)
        self._link.denied.connect(lambda _: self._state.lag.set_denied(str(subscription.error or "")))

    def close(self) -> None:
        if self._intake is not None:
            self._intake.close()

    def link_came_up(self) -> None:
        """Read what was missed. The subscription is there already: the link makes it before it says that it is up."""
        self._state.lag.set_denied("")
        self._read_since(self._known_until())

    def _known_until(self) -> float:
        """The time, by the gateways' own clocks, up to which nothing is missing; an hour back at most."""
        ends = [to_epoch(node.latest.ts) for node in self._state.lag.nodes.values() if node.latest is not None]
        known = [end for end in ends if end is not None]
        return max(min(known, default=0.0) - OVERLAP_S, self._clock.wall() - HISTORY_S)

    def _lose(self, source: str, cause: Cause, count: int | None) -> None:
        self._state.ledger.lose(source, cause, count, self._clock.wall())

    def _read_since(self, since: float) -> None:
        self._wanted_since = since if self._wanted_since is None else min(since, self._wanted_since)
        if self._reading is None or self._reading.done():
            self._reading = self._tasks.spawn(self._read(), name="read gateway history")

    # Live

    def _apply(self, messages: list[Message], now: float) -> None:
        lags: list[Lag] = []
        engagements: list[Engagement] = []
        known_until = self._known_until()
        epoch = self._clock.wall() - self._clock.now()
        for message in messages:
            try:
                body = _message(message)
            except Malformed:
                self.malformed += 1
                self._lose("gateway", Cause.MALFORMED, 1)
                continue
            self._heard(body, message.received, epoch)
            match body:
                case Lag():
                    lags.append(body)
                case Engagement():
                    engagements.append(body)
                case BandChange():
                    self._state.lag.band_changed(body)
                    self._write_band(body)
                case Keepalive():
                    # What came before it in this batch counts first: it tells of what should have come by now.
                    self._take(lags, engagements, now)
                    lags, engagements = [], []
                    self._count_tail(body)
        self._take(lags, engagements, now)
        self._look_for_gaps(known_until, now)
        if self._heard_any:
            was_offline = self._state.lag.availability is State.OFFLINE
            self._state.lag.set_availability(State.LIVE)
            if was_offline:
                self.link_came_up()

    def _heard(self, body: Lag | BandChange | Engagement | Keepalive, received: float, epoch: float) -> None:
        """A gateway lives. Its clock is compared with ours by what it publishes as it happens."""
        lag, said = self._state.lag, to_epoch(body.ts)
        before = lag.nodes.get(body.node)
        was_skewed = before is not None and before.is_skewed
        told = said is not None and not isinstance(body, Engagement)
        ahead = said - (epoch + received) if told and said is not None else None
        lag.heard(body.node, received, published=said if told else None, skew_s=ahead)
        node = lag.nodes.get(body.node)
        if node is not None:
            self._lives.heard(body.node, body.epoch)
        if node is not None and node.is_skewed and node.skew_s is not None:
            self._state.engagements.skews[body.node] = node.skew_s
        else:
            self._state.engagements.skews.pop(body.node, None)
        if node is not None and node.is_skewed is not was_skewed:
            sentence = f"its clock is {formats.skew_from_ours(node.skew_s)}: its times are not to be relied on"
            self._state.journal.write(
                self._clock.wall(),
                State.LATE if node.is_skewed else State.LIVE,
                f"gateway {text(body.node, 40)}",
                sentence if node.is_skewed else "its clock agrees with this machine's again",
            )

    @property
    def _heard_any(self) -> bool:
        return any(node.heard is not None for node in self._state.lag.nodes.values())

    def _take(self, lags: list[Lag], engagements: list[Engagement], now: float) -> None:
        if lags:
            self._state.lag.apply(lags, live=True)
        if engagements:
            self._state.engagements.apply(engagements, live=True)
        self._refusals.write(engagements, now, self._clock.wall())

    def _look_for_gaps(self, known_until: float, now: float) -> None:
        """Have history read for what a batch showed to be missing; a gap that has to wait is not forgotten."""
        lost = self._lost
        if lost > self._lost_before:
            self._gap_since = known_until if self._gap_since is None else min(known_until, self._gap_since)
        self._lost_before = lost
        if self._gap_since is not None and now - self._gap_read_at >= BETWEEN_GAPS_S:
            since, self._gap_since = self._gap_since, None
            self._gap_read_at = now
            self._read_since(since)

    @property
    def _lost(self) -> int:
        """Messages of every family that were published and are not here."""
        ledger = self._state.ledger
        return sum(ledger.count(f"gateway {name}", SEQUENCE_GAP) for name in self._state.lag.nodes)

    def _count_tail(self, alive: Keepalive) -> None:
        at = to_epoch(alive.ts) or self._clock.wall()
        self._state.lag.published(alive.node, alive.epoch, alive.last.lag, at, last_band=alive.last.band)
        self._state.engagements.published(alive.node, alive.epoch, alive.last.throttle, at)

    def _write_band(self, band: BandChange) -> None:
        self._state.journal.write(
            to_epoch(band.ts) or self._clock.wall(),
            BANDS[band.to_band],
            f"gateway {text(band.node, 40)}",
            f"lag band {band.to_band}, was {band.from_band} (p99 {millis(band.p99_ms)})",
        )

    # History

    async def _read(self) -> None:
        """Read what is wanted, until nothing is; a gateway that cannot answer now is asked again a few times."""
        failures = looks = 0
        while self._wanted_since is not None:
            since, self._wanted_since = self._wanted_since, None
            try:
                await self._history.read(since)
                self.past.reached(since)
            except (LinkDown, OutcomeUnknown):
                self._wanted_since = since  # read again once the link is up
                return
            except NoResponders as error:
                self._state.lag.set_availability(State.LIVE if self._heard_any else State.OFFLINE)
                if not self._heard_any:
                    continue
                # Heard, but not to be asked: it is coming back like us, leaving, or of a kind that only publishes.
                failed: Exception = error
            except (LinkError, rpc.RpcError, Malformed) as error:
                if not _may_pass(error):
                    self._said_nothing(error)
                    continue
                failed = error
            else:
                self._not_in_history = min(self._not_in_history, self._lost)
                if self._lost > self._not_in_history and looks < len(LOOK_AGAIN_S):
                    await asyncio.sleep(LOOK_AGAIN_S[looks])
                    looks += 1
                    self._wanted_since = since if self._wanted_since is None else min(since, self._wanted_since)
                else:
                    self._not_in_history = self._lost
                continue
            if failures == len(ASK_AGAIN_S):
                if not isinstance(failed, NoResponders):
                    self._said_nothing(failed)
                return
            await asyncio.sleep(ASK_AGAIN_S[failures])
            failures += 1
            self._wanted_since = since if self._wanted_since is None else min(since, self._wanted_since)

    def _said_nothing(self, error: Exception) -> None:
        sentence = f"history could not be read: {text(error, 200)}"
        self._state.journal.write(self._clock.wall(), State.UNKNOWN, "gateway", sentence)


def _may_pass(error: Exception) -> bool:
    """Whether the next try may go better: silence, or a gateway whose own history is not there yet."""
    return isinstance(error, RequestTimeout) or (isinstance(error, rpc.RpcError) and error.code == rpc.FAILED)


def _message(message: Message) -> Lag | BandChange | Engagement | Keepalive:
    """What a gateway published; raises `Malformed`, also when it came on another gateway's subject."""
    body = gateway_message(message.data)
    if message.subject.split(".")[3:4] != [body.node]:
        raise Malformed(f"it says that it is from {body.node[:40]!r}, and came on {message.subject[:80]}")
    return body
