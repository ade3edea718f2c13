"""Gateways: subscribe first, then read history, then merge by (node, epoch, seq): no gap and no double at the seam.

A fabric without a gateway of ours is an ordinary one: it is said once, and asked again after a reconnect or when a
gateway is heard. Keepalives name the last seq of each family, so that a lost tail is noticed too.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final, TypeVar

from fleetgui.feeds.refusals import RefusalLines
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError, NoResponders
from fleetgui.link.intake import Intake
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import millis, text
from fleetgui.policy.states import BANDS, State
from fleetgui.stores.console import ConsoleState
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_object
from fleetgui.wire.gateway import (
    BandChange,
    Describe,
    Engagement,
    Keepalive,
    Lag,
    LagHistory,
    ThrottleHistory,
    gateway_message,
    validate,
)
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339, to_epoch

HISTORY_S: Final = 3600.0
PAGE: Final = 1_000
MOST_PAGES: Final = 40
PATIENCE_S: Final = 10.0

M = TypeVar("M", Describe, LagHistory, ThrottleHistory)


class GatewayFeed:
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
        self._refusals = RefusalLines(state.journal)

    @property
    def dropped(self) -> int:
        return self._intake.dropped.total() if self._intake else 0

    def start(self) -> None:
        self._intake = Intake(
            self._apply, clock=self._clock, scheduler=asyncio.get_running_loop(), report=self._tasks.report
        )
        self._intake.overflowed.connect(
            lambda family, count: self._state.ledger.lose(family, "intake overflow", count, self._clock.wall())
        )
        self._link.subscribe(self._subjects.gateway_all, self._intake.put)

    def close(self) -> None:
        if self._intake is not None:
            self._intake.close()

    def link_came_up(self) -> None:
        """Read what was missed. The subscription is there already: the link makes it before it says that it is up."""
        if self._reading is None or self._reading.done():
            self._reading = self._tasks.spawn(self._read_history(), name="read gateway history")

    # Live

    def _apply(self, messages: list[Message], now: float) -> None:
        lags: list[Lag] = []
        engagements: list[Engagement] = []
        for message in messages:
            try:
                body = gateway_message(message.data)
            except Malformed:
                self.malformed += 1
                continue
            self._state.lag.heard(body.node, message.received)
            match body:
                case Lag():
                    lags.append(body)
                case Engagement():
                    engagements.append(body)
                case BandChange():
                    self._write_band(body)
                case Keepalive():
                    # What came before it in this batch counts first: it tells of what should have come by now.
                    self._take(lags, engagements, now)
                    lags, engagements = [], []
                    self._count_tail(body)
        self._take(lags, engagements, now)
        if self._state.lag.absent and self._state.lag.nodes:
            self._state.lag.set_absent(False)
            self.link_came_up()

    def _take(self, lags: list[Lag], engagements: list[Engagement], now: float) -> None:
        if lags:
            self._state.lag.apply(lags, now=now)
        if engagements:
            self._state.engagements.apply(engagements, live=True)
        self._refusals.write(engagements, now)

    def _count_tail(self, alive: Keepalive) -> None:
        at = to_epoch(alive.ts) or self._clock.wall()
        self._state.lag.published(alive.node, alive.epoch, alive.last.lag, at)
        self._state.engagements.published(alive.node, alive.epoch, alive.last.throttle, at)

    def _write_band(self, band: BandChange) -> None:
        self._state.journal.write(
            to_epoch(band.ts) or self._clock.wall(),
            BANDS[band.to_band],
            f"gateway {text(band.node, 40)}",
            f"lag band {band.to_band}, was {band.from_band} (p99 {millis(band.p99_ms)})",
        )

    # History

    async def _read_history(self) -> None:
        try:
            described = await self._ask("gateway/describe", {}, Describe)
        except NoResponders:
            self._state.lag.set_absent(True)
            return
        except (LinkError, rpc.RpcError, Malformed) as error:
            self._said_nothing("gateway/describe", error)
            return
        self._state.lag.set_absent(False)
        self._state.lag.describe(described.nodes)
        since = rfc3339(self._clock.wall() - HISTORY_S)
        await self._pages(
            "gateway/lagHistory", since, LagHistory, lambda page: self._state.lag.apply(page.samples, now=None)
        )
        await self._pages(
            "gateway/throttleHistory",
            since,
            ThrottleHistory,
            lambda page: self._state.engagements.apply(page.engagements, live=False),
        )

    async def _pages(self, method: str, since: str | None, kind: type[M], take: Callable[[M], object]) -> None:
        asked: set[str] = set()
        while since is not None and len(asked) < MOST_PAGES and since not in asked:
            asked.add(since)
            try:
                page = await self._ask(method, {"since": since, "limit": PAGE}, kind)
            except (LinkError, rpc.RpcError, Malformed) as error:
                self._said_nothing(method, error)
                return
            take(page)
            since = page.next_since if not isinstance(page, Describe) else None

    async def _ask(self, method: str, params: dict[str, Any], kind: type[M]) -> M:
        request = rpc.request(method, params, f"fleetgui-{secrets.token_hex(4)}")
        reply = await self._link.request(self._subjects.gateway, request, timeout=PATIENCE_S)
        return validate(kind, decode_object(bytes(rpc.result_of(reply))))

    def _said_nothing(self, method: str, error: Exception) -> None:
        sentence = f"{method} was not answered: {text(error, 200)}"
        self._state.journal.write(self._clock.wall(), State.UNKNOWN, "gateway", sentence)
