"""Asks gateways what they are and what they measured: described first, then every page of lag and engagements.

Pages go into the stores as they come, which know by number what they have; a page that comes twice changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final, TypeVar

from fleetgui.link.connection import Link
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_object
from fleetgui.wire.gateway import Describe, LagHistory, ThrottleHistory, validate
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339

PAGE: Final = 1_000
MOST_PAGES: Final = 40
PATIENCE_S: Final = 10.0

M = TypeVar("M", Describe, LagHistory, ThrottleHistory)


class GatewayHistory:
    """`truncated` is called where there was more than `MOST_PAGES` of a family."""

    def __init__(self, link: Link, subjects: Subjects, state: ConsoleState, truncated: Callable[[], object]) -> None:
        self._link = link
        self._subjects = subjects
        self._state = state
        self._truncated = truncated

    async def read(self, since: float) -> None:
        """All from epoch second `since` on; raises as `ask`."""
        described = await self.ask("gateway/describe", {}, Describe)
        self._state.lag.set_availability(State.LIVE)
        self._state.lag.describe(described.nodes)
        await self._pages(
            "gateway/lagHistory", since, LagHistory, lambda page: self._state.lag.apply(page.samples, live=False)
        )
        await self._pages(
            "gateway/throttleHistory",
            since,
            ThrottleHistory,
            lambda page: self._state.engagements.apply(page.engagements, live=False),
        )

    async def ask(self, method: str, params: dict[str, Any], kind: type[M]) -> M:
        """One answer; raises `LinkError`, `rpc.RpcError`, `Malformed`."""
        request = rpc.request(method, params, f"fleetgui-{secrets.token_hex(4)}")
        reply = await self._link.request(self._subjects.gateway, request, timeout=PATIENCE_S)
        return validate(kind, decode_object(bytes(rpc.result_of(reply))))

    async def _pages(self, method: str, since: float, kind: type[M], take: Callable[[M], object]) -> None:
        """Every page from epoch second `since` on; a pointer that comes twice ends it, as does `MOST_PAGES`."""
        asked: set[str] = set()
        following: str | None = rfc3339(since)
        while following is not None and len(asked) < MOST_PAGES and following not in asked:
            asked.add(following)
            page = await self.ask(method, {"since": following, "limit": PAGE}, kind)
            take(page)
            following = page.next_since if not isinstance(page, Describe) else None
        if following is not None:
            self._truncated()
