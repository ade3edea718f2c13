"""The walk over the whole fleet: page after page, following the registry's own pointer, and honest about coverage.

Offsets are no snapshot: devices that come and go during a walk repeat records or skip them. Each device is given out
once; what was repeated, hidden, unreadable or overtaken is counted, and only a walk with nothing of that may be called
complete. Pages are read one after another: each may cost the registry a scan.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Final

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.question import EVERYTHING, Question
from fleetgui.feeds.registry import RegistryClient
from fleetgui.policy.pages import LARGEST_PAGE
from fleetgui.stores.export import Coverage
from fleetgui.wire.codec import Malformed
from fleetgui.wire.records import Summary, device_id_of, summarize

FEW: Final = 10
MOST_CRUMBS: Final = 1_000
"""Pages in a row that bring nothing new and lead on by no more than `FEW`: with them, a walk would take days."""


@dataclass(frozen=True)
class WalkedRecord:
    """One device of a walk: its encoded record, and its summary, None when the record is malformed."""

    record: bytes
    summary: Summary | None
    device_id: str | None
    asked_at: float


@dataclass(frozen=True)
class WalkedPage:
    """What one page of a walk brought, new devices only, and the coverage so far."""

    devices: list[WalkedRecord]
    coverage: Coverage


async def walk(registry: RegistryClient, question: Question = EVERYTHING) -> AsyncGenerator[WalkedPage, None]:
    """Give out the fleet page by page. Raises `RegistryError`; closing the iterator ends the walk at once."""
    seen: set[str] = set()
    coverage = Coverage()
    offset = 0
    revision: int | None = None
    crumbs = 0
    while True:
        read = await registry.read_from(offset, LARGEST_PAGE, question)
        behind = read.offset + len(read.records)
        # A server that gives no total shows it by where its last page ends.
        total = behind if read.total is None and read.next_offset is None else read.total
        overtaken = (
            coverage.overtaken
            or (coverage.expected is not None and coverage.expected != total)
            or (revision is not None and read.revision is not None and revision != read.revision)
        )
        revision = read.revision if read.revision is not None else revision
        devices, repeated, malformed = [], 0, 0
        for record in read.records:
            try:
                summary: Summary | None = summarize(record)
            except Malformed:
                summary = None
                malformed += 1
            device_id = summary.device_id if summary is not None else device_id_of(record)
            if device_id is not None and device_id in seen:
                repeated += 1
                continue
            if device_id is not None:
                seen.add(device_id)
            devices.append(WalkedRecord(record, summary, device_id, read.asked_at))
        ends = [end for end in (read.next_offset, total) if end is not None]
        gone = max(0, min(ends) - behind) - (read.unreadable is not None)
        coverage = replace(
            coverage,
            seen=coverage.seen + len(devices),
            expected=total,
            repeated=coverage.repeated + repeated,
            malformed=coverage.malformed + malformed,
            hidden=coverage.hidden + max(0, gone),
            unreadable=coverage.unreadable + (read.unreadable is not None),
            overtaken=overtaken,
        )
        yield WalkedPage(devices, coverage)
        if read.next_offset is None:
            return
        crumbs = 0 if devices or read.unreadable or read.next_offset - read.offset > FEW else crumbs + 1
        if crumbs > MOST_CRUMBS:
            raise RegistryError(
                Fault.NOT_ADVANCING,
                f"The registry is at fault: {crumbs:,} pages in a row brought nothing and led on by {FEW} devices "
                "or less; reading was stopped.",
            )
        offset = read.next_offset
