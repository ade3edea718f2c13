"""Asking the registry: one page or one device at a time, every failure a typed error with a sentence for people.

A page may cost the real registry a scan of the whole fleet, so there is one such request at a time, with patience, and
none is repeated blindly. What a reply says is believed once `registry_page` has checked it.

A reply over the broker's `max_payload` never arrives; depending on the server there is an error or silence.
`read_from` halves the page then, and goes on to one record, which it reports as unreadable. Silence counts as "too
large" only if a larger page was asked for than ever came, and the registry answers an empty one meanwhile.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.registry_page import PageRead, believable, checked, checked_by_id, malformed, unreadable_page
from fleetgui.link.connection import Link
from fleetgui.link.errors import (
    LinkDown,
    LinkError,
    NoResponders,
    OutcomeUnknown,
    PermissionDenied,
    RequestTimeout,
)
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import text
from fleetgui.policy.pages import PageSizer
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed
from fleetgui.wire.question import EVERYTHING, Behind, Place, Question, params_of
from fleetgui.wire.records import Listed, PageFrame, device_of, hint_of, listed_in, page_of
from fleetgui.wire.subjects import Subjects

PATIENCE_S: Final = 30.0
"""A cold page of a large fleet takes the real registry up to ten seconds."""

DEVICE_PATIENCE_S: Final = 10.0
"""An old registry does not know `discovery/getDevice` and keeps quiet about it."""

MOST_AT_ONCE: Final = 8
"""Pages under way to a quick registry."""

BEYOND: Final = 2_000_000_000
"""An offset behind every fleet: its page is empty, and fits into any message."""

COMPARED: Final = 100
"""Records of the page that tells whether a registry fails whatever it is asked."""

_TOO_LARGE_TEXTS: Final = ("maximum payload", "max_payload", "max payload")


LeadsOn = Callable[[Place], bool]


async def leaves() -> None:
    """Return once a request begun just now is written: reading a page first would hold it up for as long."""
    await asyncio.sleep(0)  # the task begins, and hands its request to the link
    await asyncio.sleep(0)  # the link writes what it was handed in the turn before


class RegistryClient:
    """The registry of one tenant, over `link`. `sizer` learns how large pages may be."""

    def __init__(
        self, link: Link, subjects: Subjects, clock: Clock, sizer: PageSizer, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.sizer = sizer
        self.requests = 0
        self.max_at_once = 0
        """The most pages that were ever under way together; stays at 1 unless the registry is quick."""
        self._link = link
        self._subjects = subjects
        self._clock = clock
        self._patience_s = patience_s
        self.quick = False
        """Whether a page costs the registry little, as one that honours our extensions: several may be under way."""
        self._scan = asyncio.Lock()
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._scans = 0
        self._knows_get_device: bool | None = None

    @property
    def round_trip_s(self) -> float:
        """Seconds of the way to the broker and back, as last measured; 0 while it was not."""
        return (self._link.state.rtt_ms or 0.0) / 1_000

    async def list_page(
        self,
        place: Place,
        limit: int,
        question: Question = EVERYTHING,
        *,
        listed: bool = False,
        leads_on: LeadsOn | None = None,
        patience_s: float | None = None,
    ) -> PageRead:
        """One page, asked for once. Waits for its turn behind other pages. Raises `RegistryError`.

        `listed`: nobody needs the records as they came, but what summaries are made of. `leads_on` is told where the
        next page seems to begin before this one is read; when it says that it asked for it, that goes out first.
        `Fault.UNABLE` when the registry is one that cannot answer the question, and sent something else.
        """
        params: dict[str, Any] = params_of(place) | {"limit": limit} | question.params()
        async with self._turn():
            self._scans += 1
            self.max_at_once = max(self.max_at_once, self._scans)
            try:
                asked_at = self._clock.now()
                reply = await self._ask("discovery/listDevices", params, patience_s or self._patience_s)
            finally:
                self._scans -= 1
        hint = None if leads_on is None else hint_of(reply)
        if leads_on is not None and hint is not None and leads_on(Behind(hint) if isinstance(hint, str) else hint):
            await leaves()
        page, records = self._page(reply, listed)
        applied = frozenset(page.applied or ())
        by_id = isinstance(place, Behind) and "after" in applied
        unmet = question.unmet(applied)
        if isinstance(place, Behind) and place.device_id is not None and not by_id:
            unmet = (*unmet, "after")
        if unmet:
            raise RegistryError(
                Fault.UNABLE, f"This registry lists devices and does not know {', '.join(unmet)}: that is done here."
            )
        self.quick = bool(applied) or (self.quick and not question.params())
        if by_id:
            behind = place.device_id if isinstance(place, Behind) else None
            read = checked_by_id(page, records, behind, limit, asked_at)
        else:
            read = checked(page, records, 0 if isinstance(place, Behind) else place, limit, asked_at)
        self.sizer.page_arrived(len(read.records), len(reply), asked=limit)
        return replace(read, took_s=max(0.0, self._clock.now() - asked_at), reply_bytes=len(reply))

    async def read_from(
        self,
        place: Place,
        most: int,
        question: Question = EVERYTHING,
        *,
        listed: bool = False,
        leads_on: LeadsOn | None = None,
    ) -> PageRead:
        """What the registry has from `place` on, at most about `most` records, as much as fits into a reply.

        A record that does not fit by itself is an empty page with `unreadable`. Raises `RegistryError`; its fault is
        `FALLS_OVER` when the registry failed twice over a question, and answers where it has to pick nothing.
        """
        self.sizer.max_payload = self._link.max_payload or self.sizer.max_payload
        patience = self._patience_s
        silent_on_size = False
        while True:
            limit = max(1, min(self.sizer.size, most))
            try:
                return await self.list_page(
                    place, limit, question, listed=listed, leads_on=leads_on, patience_s=patience
                )
            except RegistryError as error:
                failed = error
            if failed.fault is Fault.FAILED and question.picks:
                return await self._compared(failed, place, limit, question, listed=listed)
            if failed.fault is Fault.SILENT:
                if not silent_on_size:
                    if limit <= self.sizer.largest_arrived:
                        raise failed
                    beyond = await self._page_beyond(question, failed)
                    silent_on_size = True
                    patience = min(self._patience_s, max(5.0, 4 * beyond.took_s))
            elif failed.fault is not Fault.TOO_LARGE:
                raise failed
            if not self.sizer.page_did_not_fit(limit):
                beyond = await self._page_beyond(question, failed)
                self.sizer.record_did_not_fit()
                if isinstance(place, Behind):
                    raise failed  # without its id nothing leads past it; by offset something does
                return unreadable_page(place, beyond)

    def begin_to_read(
        self,
        place: Place,
        most: int,
        question: Question = EVERYTHING,
        *,
        listed: bool = False,
        leads_on: LeadsOn | None = None,
    ) -> asyncio.Task[PageRead]:
        """`read_from` as a task, so that something else can be done meanwhile; its failure is its awaiter's alone."""
        reading = self.read_from(place, most, question, listed=listed, leads_on=leads_on)
        return self._link.tasks.spawn(reading, name="a page of the registry", on_failure=lambda _name, _error: None)

    async def get_device(self, device_id: str) -> dict[str, Any] | None:
        """One record, None when the registry has no such device. Raises `RegistryError`.

        `Fault.LISTS_ONLY` when the registry is too old to know how.
        """
        if self._knows_get_device is False:
            raise self._too_old()
        patience = min(DEVICE_PATIENCE_S, self._patience_s)
        try:
            reply = await self._ask("discovery/getDevice", {"device_id": device_id}, patience)
        except RegistryError as error:
            if error.fault is Fault.SILENT and self._knows_get_device is None:
                await self.list_page(BEYOND, 1)  # raises when the registry is silent altogether
                self._knows_get_device = False
                raise self._too_old() from None
            raise
        try:
            device = device_of(reply)
        except rpc.RpcError as error:
            raise self._refused(error) from None
        except Malformed as error:
            raise malformed(str(error)) from None
        self._knows_get_device = True
        if device is not None and device.get("device_id") != device_id:
            raise RegistryError(
                Fault.MALFORMED,
                f"The registry is at fault: asked for {text(device_id, 64)} it sent the record of "
                f"{text(device.get('device_id'), 64)}.",
            )
        return device

    def forget_what_it_knows(self) -> None:
        """After a reconnect another registry may be there."""
        self._knows_get_device = None

    # Within

    def _turn(self) -> asyncio.Lock | asyncio.Semaphore:
        return self._at_once if self.quick else self._scan

    async def _compared(
        self, failed: RegistryError, place: Place, limit: int, question: Question, *, listed: bool
    ) -> PageRead:
        """The page that failed, once more, where one of everything does not: some record may be too much to look into.

        Raises `failed` where the registry fails whatever it is asked.
        """
        try:
            await self.list_page(0, min(limit, COMPARED), Question(summary=question.summary), listed=listed)
        except RegistryError:
            raise failed from None
        try:
            return await self.list_page(place, limit, question, listed=listed)
        except RegistryError as error:
            if error.fault is not Fault.FAILED:
                raise
            raise RegistryError(
                Fault.FALLS_OVER, f"The registry lists its devices and fails over a filter: {error.said}.", error.said
            ) from None

    async def _page_beyond(self, question: Question, error: RegistryError) -> PageRead:
        """An empty page, which fits into any reply; when not even that comes, raises what that says about `error`."""
        try:
            patience_s = min(DEVICE_PATIENCE_S, self._patience_s)
            return await self.list_page(BEYOND, 1, question, patience_s=patience_s)
        except RegistryError as second:
            if error.fault is Fault.TOO_LARGE and second.fault is Fault.TOO_LARGE:
                raise RegistryError(
                    Fault.TOO_LARGE,
                    "The registry sends more than a message may hold, whatever page is asked for: it is too old to "
                    "send pages, and the fleet has outgrown that; it needs to be updated.",
                ) from None
            raise error from None

    async def _ask(self, method: str, params: dict[str, Any], patience_s: float) -> bytes:
        self.requests += 1
        try:
            request = rpc.request(method, params, f"fleetgui-{secrets.token_hex(4)}")
        except Malformed as error:
            raise RegistryError(Fault.REFUSED, f"The registry was not asked: {error}.") from None
        try:
            return await self._link.request(self._subjects.discovery, request, timeout=patience_s)
        except NoResponders:
            raise RegistryError(
                Fault.NO_REGISTRY, f"No registry is listening on tenant {text(self._subjects.tenant, 64)}."
            ) from None
        except RequestTimeout:
            raise RegistryError(
                Fault.SILENT, f"The registry is there and did not answer within {patience_s:g} s."
            ) from None
        except PermissionDenied as error:
            raise RegistryError(Fault.DENIED, f"The registry cannot be asked: {error}") from None
        except (LinkDown, OutcomeUnknown):
            raise RegistryError(Fault.LINK_DOWN, "There is no broker now, so the registry cannot be asked.") from None
        except LinkError as error:
            raise RegistryError(Fault.BUSY, f"The registry was not asked: {error}") from None

    def _page(self, reply: bytes, listed: bool) -> tuple[PageFrame, Sequence[Listed | bytes]]:
        try:
            if listed:
                return believable(*listed_in(reply))
            page = page_of(reply)
            # Copies: a slice of the reply would keep all of it alive for as long as one of its records is shown.
            return believable(page, [bytes(record) for record in page.devices])
        except rpc.RpcError as error:
            raise self._refused(error) from None
        except Malformed as error:
            raise malformed(str(error)) from None

    def _refused(self, error: rpc.RpcError) -> RegistryError:
        said = text(error.message, 160) if error.message else f"error {error.code} without a text"
        if any(each in error.message.lower() for each in _TOO_LARGE_TEXTS):
            return RegistryError(Fault.TOO_LARGE, f"The answer does not fit into one message: {said}.")
        if error.code in (rpc.INVALID_PARAMS, rpc.METHOD_NOT_FOUND):
            return RegistryError(Fault.REFUSED, f"The registry calls the request wrong: {said}.")
        if not error.message:
            said = "an error without a text; its database may be down"
        return RegistryError(Fault.FAILED, f"The registry failed: {said}.", said)

    def _too_old(self) -> RegistryError:
        return RegistryError(Fault.LISTS_ONLY, "This registry lists devices but does not answer for a single one.")
