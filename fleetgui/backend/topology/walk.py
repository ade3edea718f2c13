"""The walk over a registry: every device's place, page after page, whatever registry it is.

Asks for what a registry of ours can do: pages by device id, records as summaries, those that are gone lately too. Any
other ignores that, which its reply shows, and is walked by offset with full records. No reply is believed before it
was checked: pages may be short, empty or cut, must lead on, and one that does not fit is asked for again by halves.
One that does not come is asked for again, because the next request may reach another process than the one that hangs.
The walk waits three times as long as each page took, so that it has a quarter of one registry process at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import msgspec

from fleetgui.link.errors import LinkError, RequestTimeout, TooLarge
from fleetgui.policy.clock import Clock
from fleetgui.policy.pages import LARGEST_PAGE, PageSizer
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode
from fleetgui.wire.records import Page, page_of
from fleetgui.wire.times import to_epoch

Ask = Callable[[str, dict[str, Any], float], Awaitable[bytes]]
"""(method, params, patience in seconds) → the reply; raises `LinkError`."""

PATIENCE_S: Final = (3.0, 3.0, 6.0, 6.0, 12.0)
"""How long a page is waited for, try by try: one process of two that hangs costs half of the requests."""
TAKEN_FOR_SIZE: Final = 2
"""After so many tries, silence on a page that is larger than any that ever came is taken for a reply too large."""
POLITE: Final = 3.0
LONGEST_PAUSE_S: Final = 5.0
MOST_RECORDS: Final = 5_000_000
MOST_CRUMBS: Final = 1_000
"""Pages in a row that bring nothing: with more of them a walk would take days."""

_TOO_LARGE_TEXTS: Final = ("maximum payload", "max_payload", "max payload")


class WalkFailed(Exception):
    """The registry cannot be walked now. The text is one sentence."""


class _Status(msgspec.Struct, frozen=True, gc=False):
    location: Any = None
    online: Any = None
    offline_since: Any = None


class _Record(msgspec.Struct, frozen=True, gc=False):
    device_id: str
    status: _Status | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A device that is listed. `location` None: its record names none. `gone_since` (epoch seconds) while offline."""

    device_id: str
    location: str | None
    online: bool
    gone_since: float | None = None


@dataclass(slots=True)
class Coverage:
    """What a walk saw. `complete`: it came to the end, and nothing was in its way, so what was not seen is not there.

    `overtaken`: devices registered or left meanwhile. `by_id`: such changes skipped nobody.
    """

    pages: int = 0
    records: int = 0
    malformed: int = 0
    unreadable: int = 0
    ended: bool = False
    overtaken: bool = False
    by_id: bool = False

    @property
    def complete(self) -> bool:
        return self.ended and not self.malformed and not self.unreadable and (self.by_id or not self.overtaken)


def found_in(record: bytes | msgspec.Raw, *, knows_offline: bool) -> Found:
    """The device of one encoded record; raises `Malformed`.

    `knows_offline`: the registry says with `status.online` whether a device is gone. Elsewhere it is the device's own
    word, and a device that is listed is there.
    """
    found = decode(bytes(record), _Record)
    status = found.status or _Status()
    location = status.location if isinstance(status.location, str) else None
    if knows_offline and status.online is False:
        return Found(found.device_id, location, online=False, gone_since=to_epoch(status.offline_since))
    return Found(found.device_id, location, online=True)


class Walk:
    """One walk. Iterate over `pages()`; `coverage` grows meanwhile. Raises `WalkFailed`."""

    def __init__(self, ask: Ask, sizer: PageSizer, clock: Clock) -> None:
        self.coverage = Coverage()
        self._ask = ask
        self._sizer = sizer
        self._clock = clock
        self._revision: int | None = None
        self._total: int | None = None
        self._crumbs = 0
        self._page_s: list[float] = []

    @property
    def took(self) -> float:
        """Seconds that the walk would have taken with every page as quick as the median: what a process that hung
        kept back says nothing about what a walk costs."""
        return 0.0 if not self._page_s else (1 + POLITE) * median(self._page_s) * len(self._page_s)

    async def pages(self) -> AsyncGenerator[list[Found], None]:
        """The devices page by page; one may come twice where offsets shift."""
        where: dict[str, Any] | None = {"after": None}
        while where is not None:
            page = await self._read(where)
            devices, where = ([], self._past(where)) if page is None else self._took(page, where)
            yield devices
            if where is not None:
                took = self._page_s[-1] if page is not None else 0.0
                await asyncio.sleep(min(POLITE * took, LONGEST_PAUSE_S))
        self.coverage.ended = True

    async def _read(self, where: dict[str, Any]) -> Page | None:
        """What comes next, as much as fits; None when a single record does not."""
        tries = 0
        while True:
            limit = min(self._sizer.size, LARGEST_PAGE)
            params = {"limit": limit, "projection": "summary", "include_offline": True, **where}
            began = self._clock.now()
            try:
                reply = await self._ask("discovery/listDevices", params, PATIENCE_S[tries])
                page = page_of(reply)
            except TooLarge as error:
                raise WalkFailed(str(error)) from None
            except RequestTimeout as error:
                tries += 1
                if tries < TAKEN_FOR_SIZE or not 0 < self._sizer.largest_arrived < limit:
                    if tries == len(PATIENCE_S):
                        raise WalkFailed(f"the registry does not answer: {error}") from None
                    continue
                tries = 0
            except LinkError as error:
                raise WalkFailed(str(error)) from None
            except Malformed as error:
                raise WalkFailed(f"the registry's answer is no page: {error}") from None
            except rpc.RpcError as error:
                if not any(each in error.message.lower() for each in _TOO_LARGE_TEXTS):
                    raise WalkFailed(f"the registry refuses: {error}") from None
            else:
                self._sizer.page_arrived(len(page.devices), len(reply), asked=limit)
                self._page_s.append(max(0.0, self._clock.now() - began))
                return page
            if not self._sizer.page_did_not_fit(limit):
                if self._sizer.largest_arrived == 0:
                    raise WalkFailed("the registry answers no page, however small")
                self._sizer.record_did_not_fit()
                return None

    def _past(self, where: dict[str, Any]) -> dict[str, Any]:
        """Behind a record that does not fit. By id that is not possible: nobody knows whose it is."""
        self.coverage.unreadable += 1
        if "offset" not in where:
            raise WalkFailed("the record behind " + repr(where["after"])[:80] + " does not fit into a message")
        return {"offset": where["offset"] + 1}

    def _took(self, page: Page, where: dict[str, Any]) -> tuple[list[Found], dict[str, Any] | None]:
        """The devices of a page, and where the next one begins."""
        coverage = self.coverage
        coverage.pages += 1
        coverage.records += len(page.devices)
        if coverage.records > MOST_RECORDS:
            raise WalkFailed(f"the registry sent more than {MOST_RECORDS:,} records")
        for before, now in ((self._revision, page.revision), (self._total, page.total_matched)):
            coverage.overtaken |= before is not None and now is not None and before != now
        self._revision, self._total = page.revision, page.total_matched
        applied = page.applied or []
        devices = []
        for record in page.devices:
            try:
                devices.append(found_in(record, knows_offline="include_offline" in applied))
            except Malformed:
                coverage.malformed += 1
        coverage.by_id = "after" in applied and "after" in where
        return devices, self._next(page, where)

    def _next(self, page: Page, where: dict[str, Any]) -> dict[str, Any] | None:
        """Where to go on, None at the end."""
        self._crumbs = 0 if page.devices else self._crumbs + 1
        if self._crumbs > MOST_CRUMBS:
            raise WalkFailed(f"the registry is at fault: {self._crumbs} pages in a row were empty")
        if self.coverage.by_id:
            if page.next_after is None:
                return None
            if page.next_after <= (where["after"] or ""):
                raise WalkFailed("the registry is at fault: a page points back, which would never end")
            return {"after": page.next_after}
        next_offset = page.next_offset
        if not isinstance(next_offset, int):
            return None  # the end, or a registry too old to page, whose whole list this was
        if next_offset <= where.get("offset", 0):
            raise WalkFailed("the registry is at fault: a page points back, which would never end")
        return {"offset": next_offset}
