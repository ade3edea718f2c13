"""How far a walk has come, what it has given out, and what it may claim: the bookkeeping of `feeds.walk`, no requests.

Each device is given out once. Where pages go by id their order says so, and is held against every page; by offset the
ids are remembered. What a page shows of the fleet's state when it was read is its `Stamp`: a walk whose pages all
carry one stamp saw the fleet as it stood, and no other may be called complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import lt
from typing import Final, NamedTuple

import msgspec

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.registry_page import PageRead
from fleetgui.policy.formats import text
from fleetgui.stores.export import Coverage
from fleetgui.wire.codec import Malformed
from fleetgui.wire.question import Behind, Place
from fleetgui.wire.records import Listed, Summary, device_id_of, summarize, summary_of

FEW: Final = 10
MOST_CRUMBS: Final = 1_000
"""Pages in a row that bring nothing new and lead on by no more than `FEW`: with them, a walk would take days."""


class WalkedRecord(msgspec.Struct, frozen=True, gc=False):
    """One device of a walk: its encoded record, and its summary, None when the record is malformed."""

    record: bytes
    summary: Summary | None
    device_id: str | None
    asked_at: float


@dataclass(frozen=True)
class WalkedPage:
    """What one page of a walk brought that was not given out before, and the coverage so far.

    What was read again is given out again as it is then.

    `summaries` are of all that is not malformed. `devices` are the records as they came, of a walk that was asked for
    as `listed` only those that are malformed. `gone` were given out before and are not listed any more: only a walk
    that reads again finds any. `asked_at` is `Clock.now()` of the request. `by_id`: pages part the fleet at ids, so
    that nobody slips between two of them, whoever else comes or goes.
    """

    coverage: Coverage
    asked_at: float
    summaries: list[Summary]
    malformed: int = 0
    devices: list[WalkedRecord] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    by_id: bool = False


class Stamp(NamedTuple):
    """What tells that the fleet changed between two pages; where there is a revision, no others' word is needed."""

    total: int | None
    revision: int | None
    changes: int
    """Devices that came or went as somebody else heard it, 0 where the registry tells its revision."""


class Span(NamedTuple):
    """A page that was taken: where it began, which device it ended with (by id; None: the last one), what it gave out.

    `ids` are encoded, for there may be a million of them.
    """

    place: Place
    last: str | None
    stamp: Stamp
    ids: bytes
    malformed: int = 0
    repeated: int = 0


class Course:
    """What was taken so far. `spans` are the pages, in the order in which they were read."""

    def __init__(self) -> None:
        self.coverage = Coverage()
        self.spans: list[Span] = []
        self.by_id = False
        self.newest = Stamp(None, None, 0)
        """The fleet's state as the latest page had it."""
        self._seen: set[str] = set()
        """Only where pages go by offset."""
        self._crumbs = 0

    def after(self, read: PageRead) -> Place | None:
        """Where the page behind this one begins, None at the end."""
        return read.next_offset if read.next_after is None else Behind(read.next_after)

    def take(self, read: PageRead, place: Place, last: str | None = None, changes: int = 0) -> WalkedPage:
        """What is new in the page that was asked for at `place`; by id, a part of the fleet that ends with `last`.

        `changes` is what somebody else counts (see `Stamp`). Raises `RegistryError` when the pages lead on and bring
        nothing, or go by id and are not in their order.
        """
        coverage = self.coverage
        self.by_id = "after" in read.applied
        behind = coverage.seen if self.by_id else read.offset + len(read.records)
        # A server that gives no total shows it by where its last page ends.
        is_last = read.next_offset is None and read.next_after is None
        total = behind if read.total is None and is_last else read.total
        stamp = stamp_of(read, total, changes)
        summaries, ids = _read(read.records)
        new = _checked_order(ids, place) if self.by_id else self._new(ids)
        ends = [end for end in (read.next_offset, total) if end is not None]
        gone = 0 if self.by_id or not ends else max(0, min(ends) - behind) - (read.unreadable is not None)
        given = _page([read], summaries, ids, new)
        repeated = 0 if new is None else len(ids) - len(new)
        self.coverage = replace(
            coverage,
            seen=coverage.seen + (len(ids) if new is None else len(new)),
            expected=total,
            repeated=coverage.repeated + repeated,
            malformed=coverage.malformed + summaries.count(None),
            hidden=coverage.hidden + max(0, gone),
            unreadable=coverage.unreadable + (read.unreadable is not None),
            overtaken=coverage.overtaken or (bool(self.spans) and is_another(stamp, self.spans[-1].stamp)),
        )
        ends_with = read.next_after if read.next_after is not None else last
        kept = msgspec.json.encode(ids) if self.by_id else b""
        self.spans.append(Span(place, ends_with, stamp, kept, summaries.count(None), repeated))
        self._saw(stamp)
        self._look_for_crumbs(read, bool(given.summaries or given.malformed))
        return replace(given, coverage=self.coverage, by_id=self.by_id)

    def again(self, read: PageRead) -> WalkedPage:
        """A page by offset that lies across two that were taken: what is new in it counts, and all of it is newer."""
        summaries, ids = _read(read.records)
        new = self._new(ids)
        came = len(ids) if new is None else len(new)
        self.coverage = replace(self.coverage, seen=self.coverage.seen + came, reread=self.coverage.reread + 1)
        return replace(_page([read], summaries, ids, None), coverage=self.coverage)

    def instead(self, number: int, reads: Sequence[PageRead], stamp: Stamp) -> WalkedPage:
        """The pages by id that were read again for span `number`: all of them, and who is gone of what it was."""
        old = self.spans[number]
        summaries, ids = _read([record for read in reads for record in read.records])
        _checked_order(ids, old.place)
        before = msgspec.json.decode(old.ids, type=list[str | None])
        gone = [each for each in set(before).difference(ids) if each is not None]
        span = Span(old.place, old.last, stamp, msgspec.json.encode(ids), summaries.count(None))
        self.spans[number] = span
        self._saw(stamp)
        self.coverage = replace(
            self.coverage,
            seen=self.coverage.seen + len(ids) - len(before),
            expected=self.newest.total,
            malformed=self.coverage.malformed + span.malformed - old.malformed,
            reread=self.coverage.reread + len(reads),
            overtaken=any(is_another(self.newest, each.stamp) for each in self.spans),
        )
        return replace(_page(reads, summaries, ids, None), coverage=self.coverage, gone=gone, by_id=True)

    def superseded(self, by: Course) -> WalkedPage:
        """Nothing but who is gone, now that the whole fleet was read once more, `by` that course."""
        pages = self.coverage.reread + len(by.spans)
        by.coverage = replace(by.coverage, reread=pages)
        return WalkedPage(by.coverage, 0.0, [], gone=sorted(self._seen - by._seen))

    def _saw(self, stamp: Stamp) -> None:
        if stamp.revision is None or stamp.revision >= (self.newest.revision or 0):
            self.newest = stamp

    def _new(self, ids: list[str | None]) -> list[int] | None:
        """The places of those that were not given out yet; None: all of them. They count as given out from now on."""
        seen, these = self._seen, set(ids)
        if len(these) == len(ids) and None not in these and seen.isdisjoint(these):
            seen |= these  # type: ignore[arg-type] # there is no None among them
            return None
        new: list[int] = []
        for at, device_id in enumerate(ids):
            if device_id is None or device_id not in seen:
                new.append(at)
            if device_id is not None:
                seen.add(device_id)
        return new

    def _look_for_crumbs(self, read: PageRead, brought: bool) -> None:
        if read.next_offset is None and read.next_after is None:
            return
        step = FEW if read.next_offset is None else read.next_offset - read.offset
        self._crumbs = 0 if brought or read.unreadable or step > FEW else self._crumbs + 1
        if self._crumbs > MOST_CRUMBS:
            raise RegistryError(
                Fault.NOT_ADVANCING,
                f"The registry is at fault: {self._crumbs:,} pages in a row brought nothing and led on by {FEW} "
                "devices or less; reading was stopped.",
            )


def stamp_of(read: PageRead, total: int | None, changes: int) -> Stamp:
    return Stamp(total, read.revision, changes if read.revision is None else 0)


def is_another(one: Stamp, other: Stamp) -> bool:
    """Whether the fleet changed between two pages, as far as they tell: one without a total says nothing by that."""
    return (
        (one.total is not None and other.total is not None and one.total != other.total)
        or (one.revision is not None and other.revision is not None and one.revision != other.revision)
        or one.changes != other.changes
    )


def _read(records: Sequence[Listed | bytes]) -> tuple[list[Summary | None], list[str | None]]:
    """(summaries, None for what is malformed; ids, None where even that cannot be read)"""
    with suppress(Malformed):  # a page with nothing wrong in it, as nearly all are, in one go
        read = [summarize(record) if isinstance(record, bytes) else summary_of(record) for record in records]
        return list[Summary | None](read), [summary.device_id for summary in read]
    summaries = [_summary(record) for record in records]
    ids = [
        summary.device_id if summary is not None else id_of(record)
        for summary, record in zip(summaries, records, strict=True)
    ]
    return summaries, ids


def _summary(record: Listed | bytes) -> Summary | None:
    try:
        return summarize(record) if isinstance(record, bytes) else summary_of(record)
    except Malformed:
        return None


def id_of(record: Listed | bytes) -> str | None:
    """The id of a record, None when it cannot be read."""
    return device_id_of(record) if isinstance(record, bytes) else record.device_id


def _checked_order(ids: list[str | None], place: Place) -> list[int] | None:
    """None, for all are new (see `Course._new`): a page by id goes up from `place` on. Raises `RegistryError`."""
    begin = (place.device_id or "") if isinstance(place, Behind) else ""
    known = [each for each in ids if each is not None]
    if not all(map(lt, known, known[1:])) or (known and known[0] <= begin and begin):
        raise RegistryError(
            Fault.MALFORMED,
            f"The registry is at fault: its page behind {text(begin or 'the beginning', 64)} is not in the order of "
            "ids; reading was stopped.",
        )
    return None


def _page(
    reads: Sequence[PageRead], summaries: list[Summary | None], ids: list[str | None], new: list[int] | None
) -> WalkedPage:
    """The devices at `new` places, None: all; the coverage is for the caller to put in."""
    records = reads[0].records if len(reads) == 1 else [record for read in reads for record in read.records]
    asked_at = reads[0].asked_at
    mine = summaries if new is None else [summaries[at] for at in new]
    readable = [summary for summary in mine if summary is not None]
    devices = [
        WalkedRecord(record, summaries[at], ids[at], asked_at)
        for at in (range(len(ids)) if new is None else new)
        if isinstance(record := records[at], bytes)
    ]
    return WalkedPage(Coverage(), asked_at, readable, len(mine) - len(readable), devices)
