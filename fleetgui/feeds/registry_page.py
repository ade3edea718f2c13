"""A page of the registry's answer, as far as it can be believed.

Nothing that a reply says is believed before it was checked: a page that does not lead on, or that cannot be told from
a part of one, is a fault and never "the whole fleet". Pure: what was asked and what came go in, a `PageRead` or a
`RegistryError` comes out; `registry` asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import msgspec

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.policy.formats import text
from fleetgui.wire.records import Listed, PageFrame

MOST_DEVICES: Final = 50_000_000
"""More than a table can show; a larger total or offset in a reply is a fault of the server."""

MOST_RECORDS: Final = 200_000
"""Records believed in one reply."""

Records = TypeVar("Records", bound=Sequence[Listed | bytes])


@dataclass(frozen=True)
class PageRead:
    """A page, checked. `asked_at` is `Clock.now()` of the request: what is newer than that is not in it.

    `offset` is where its first record stands: as asked for, or 0 where an old server sent its whole list at once
    (`paging` False). `next_offset` is None at the end. `total` is an upper bound, None where the server gave none.
    `unreadable` says why the record at `offset` could not be read, and the page is then empty.
    `records` are as they came; where only what a summary needs was asked for (`listed`), they are read already, but
    for those that do not fit.
    """

    offset: int
    limit: int
    records: Sequence[Listed | bytes]
    next_offset: int | None
    total: int | None
    asked_at: float
    took_s: float = 0.0
    reply_bytes: int = 0
    paging: bool = True
    revision: int | None = None
    unreadable: str | None = None
    next_after: str | None = None
    """The id behind which the next page begins, where pages were asked for by id."""
    applied: frozenset[str] = frozenset()
    """The extensions that the registry honoured."""

    def as_they_came(self) -> list[bytes]:
        """The records of a page that was not asked for as `listed`."""
        return [record for record in self.records if isinstance(record, bytes)]


def checked(page: PageFrame, records: Sequence[Listed | bytes], offset: int, limit: int, asked_at: float) -> PageRead:
    """`page` as far as it can be believed; raises `RegistryError`."""
    total, next_offset = page.total_matched, page.next_offset
    applied = frozenset(page.applied or ())
    if isinstance(next_offset, msgspec.UnsetType):
        if total is None:
            return PageRead(
                0, limit, records, None, None, asked_at, paging=False, revision=page.revision, applied=applied
            )
        if offset + len(records) < total and offset < total:
            raise malformed("it counts more devices than it sent, and does not say where the rest is")
        next_offset = None
    if next_offset is not None:
        if next_offset <= offset:
            raise RegistryError(
                Fault.NOT_ADVANCING,
                f"The registry is at fault: after the page at {offset:,} it points to {str(next_offset)[:20]}, "
                "which would never end; reading was stopped.",
            )
        if next_offset > MOST_DEVICES:
            raise malformed(f"it points to offset {str(next_offset)[:20]}")
    return PageRead(offset, limit, records, next_offset, total, asked_at, revision=page.revision, applied=applied)


def checked_by_id(
    page: PageFrame, records: Sequence[Listed | bytes], behind: str | None, limit: int, asked_at: float
) -> PageRead:
    """`page`, which was asked for by id and leads on by `next_after`; raises `RegistryError`."""
    leads_to = page.next_after
    if leads_to is not None and leads_to <= (behind or ""):
        raise RegistryError(
            Fault.NOT_ADVANCING,
            f"The registry is at fault: behind {text(behind or 'the beginning', 64)} it points to "
            f"{text(leads_to, 64)}, which would never end; reading was stopped.",
        )
    return PageRead(
        0,
        limit,
        records,
        None,
        page.total_matched,
        asked_at,
        revision=page.revision,
        next_after=leads_to,
        applied=frozenset(page.applied or ()),
    )


def believable(page: PageFrame, records: Records) -> tuple[PageFrame, Records]:
    """Both, unless they are beyond belief: then raises `RegistryError`."""
    if len(records) > MOST_RECORDS:
        raise malformed(f"it sent {len(records):,} records at once")
    if page.total_matched is not None and not 0 <= page.total_matched <= MOST_DEVICES:
        raise malformed(f"it counts {str(page.total_matched)[:20]} devices")
    return page, records


def unreadable_page(offset: int, beyond: PageRead) -> PageRead:
    """What stands at `offset`, whose record does not fit, where the page behind the end counted `beyond.total`."""
    if not beyond.paging:
        return beyond  # the whole list, which fits by now
    total = beyond.total
    more = total is not None and offset + 1 < total
    if total is not None and offset >= total:
        return replace(beyond, offset=offset, limit=1, records=[], next_offset=None)
    why = "This record alone is larger than a message may be."
    return replace(beyond, offset=offset, limit=1, records=[], next_offset=offset + 1 if more else None, unreadable=why)


def malformed(why: str) -> RegistryError:
    return RegistryError(Fault.MALFORMED, f"The registry's answer is no page: {text(why, 160)}.")
