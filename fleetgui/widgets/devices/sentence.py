"""The sentences of the devices page: what the table shows, how old it is, and what stands there when it is empty."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetgui.models.groups import title_of
from fleetgui.policy import filters, formats
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.hold import HoldPhase, HoldState
from fleetgui.stores.roster import RosterPhase, RosterStatus
from fleetgui.stores.whole import Answer, Ask
from fleetgui.widgets.devices import order as devices_order

SLOW_S = 1.0
"""A request that takes longer than this is worth a word."""
BRIEF_S = 0.3
"""A request that is answered within this is nothing to speak of."""
SLOW_ARRANGING_S = 0.3
OLD_ARRANGEMENT_S = 5.0
"""Rows that were found this long ago may not be those that would be found now."""


@dataclass(frozen=True)
class View:
    """What the sentences are made from. Times are `Clock.now()`; `hidden`: rows were seen that access control hides."""

    status: RosterStatus
    loaded: int
    malformed: int
    now: float
    wall: float
    link: LinkState | None = None
    wanted: Wanted = field(default_factory=Wanted)
    lists_offline: bool = True
    """Whether the registry can list devices that are gone."""
    mistake: str = ""
    """What is wrong with the filter that is being typed."""
    hold: HoldState | None = None
    """The fleet as it is held, where that is what the table shows."""
    ask: Ask | None = None
    """What is asked before the fleet is read for fields that no summary has."""
    hidden: bool = False
    arranging_s: float = 0.0
    """How long what is held has been searched and sorted by now; 0: it is done."""
    selected: int = 0
    marked: int = 0

    @property
    def filtered(self) -> bool:
        return self.wanted.filter is not None

    @property
    def waits(self) -> bool:
        """What is shown is not what is wanted: that has to be read, and nobody has said yes to it."""
        return self.ask is not None and self.ask.blocks

    @property
    def link_up(self) -> bool:
        return self.link is None or self.link.state is State.LIVE

    @property
    def is_brief(self) -> bool:
        """Whether rows that are wanted now may come in a blink: nothing is said in their place meanwhile."""
        return self.filtered and self.status.waiting_since is not None and self.waiting_s < BRIEF_S

    @property
    def waiting_s(self) -> float:
        """How long the request under way has taken, 0 for none."""
        since = self.status.waiting_since
        if since is None and self.hold is not None:
            since = self.hold.waiting_since
        return 0.0 if since is None else max(0.0, self.now - since)


def sentence(view: View) -> tuple[str, str]:
    """(what is above the table, theme token): the count first, then its age, then what to know about it."""
    if view.mistake:
        return view.mistake, "band_critical"
    status = view.status
    ink = "muted"
    parts = []
    if status.read_at is not None:
        most = "at most " if view.hidden else ""
        parts.append(f"{most}{status.total:,} {_counted(view)}")
        if view.hold is None:
            parts.append(f"{view.loaded:,} loaded")
        parts.append(f"read {formats.age(view.now - status.read_at)} ago")
    elif view.hold is not None and status.total:
        parts.append(f"{status.total:,} match so far")
    if view.waits and view.ask is not None:
        ink = "late"
        again = ", F5 asks again" if view.ask.answer is Answer.DECLINED else ""
        parts.append(f"not what was asked for: {view.ask.fields} was not read{again}")
    if view.wanted.group is not None and not view.waits:
        parts.append(_grouped(view.wanted.group, view.hold))
    if (orders := devices_order.in_words(view.wanted.orders)) and not view.waits:
        parts.append(f"sorted by {orders}")
    if view.hold is not None:
        parts.append(_held(view.hold, again=view.status.read_at is not None))
        if view.hold.because:
            why = formats.text(view.hold.because.removesuffix("."))
            parts.append(f"since {why[:1].lower()}{why[1:]}")
        if view.wanted.asks_who_is_online:
            parts.append("who is online is heard here, whatever a registry says")
        parts.extend(_arranged(view, view.hold))
    if view.wanted.offline and not view.lists_offline:
        parts.append("this registry lists nobody who is gone")
    if view.selected:
        parts.append(f"{view.selected:,} selected")
    if view.marked:
        parts.append(f"{view.marked:,} marked")
    if not view.link_up:
        ink = "stale"
        lost = view.link.lost_at if view.link is not None else None
        as_of = f" since {formats.clock_utc(view.wall - (view.now - lost))}" if lost is not None else ""
        parts.append(f"no link{as_of}: nothing below is live")
    elif status.phase is RosterPhase.FAILED:
        ink = "band_critical"
        parts.append(formats.text(status.error or RosterPhase.FAILED.value))
    elif view.waiting_s >= SLOW_S:
        parts.append(f"waiting for the registry, {formats.age(view.waiting_s)}")
    if status.stale_total and view.link_up:
        parts.append("devices came or went since; F5 reads again")
    if view.hidden:
        parts.append("some are not visible to you")
    if view.malformed and (view.hold is None or view.hold.phase is not HoldPhase.DONE):
        parts.append(f"{view.malformed:,} malformed")
    if not status.paging:
        parts.append("an old registry: it sent everything in one reply")
    return "  ·  ".join(parts), ink


@dataclass(frozen=True)
class Empty:
    """What stands in place of the table: one sentence and one action, named by what it asks for."""

    sentence: str
    action: str
    asks: str
    """"connect", "refresh", "clear", "stop" the walk, or "open" the device whose id was typed."""


def empty(view: View) -> Empty | None:
    """What to show instead of the table; None when there are rows."""
    status = view.status
    if status.total > 0:
        return None
    if not view.link_up:
        return Empty(_no_link(view), "Try to connect now", "connect")
    if view.is_brief:
        return None
    if status.phase is RosterPhase.FAILED:
        return Empty(formats.text(status.error or "The registry could not be read."), "Try again", "refresh")
    if view.hold is not None and view.hold.phase.is_under_way and view.hold.coverage.seen:
        return _nothing_yet(view, view.hold)
    if status.phase is not RosterPhase.READY:
        waited = f", {formats.age(view.waiting_s)}" if view.waiting_s >= SLOW_S else ""
        return Empty(f"Waiting for the registry{waited}.", "Ask again", "refresh")
    if view.filtered:
        why = _not_found(view)
        if (device_id := filters.exact_id(view.wanted.filter)) is not None:
            return Empty(why, f"Ask the registry for {formats.text(device_id, 64)}", "open")
        return Empty(why, "Clear the filter", "clear")
    return Empty("The registry lists no devices.", "Read again", "refresh")


def _not_found(view: View) -> str:
    """That nothing matches, and where that was looked for: in how much of the fleet, or by the registry, and when."""
    sought = formats.text(filters.sentence(view.wanted.filter), 200)
    hold, read_at = view.hold, view.status.read_at
    if hold is not None and (hold.phase.is_under_way or not hold.shown.complete):
        return f"No match so far ({sought}): {_held(hold, again=read_at is not None)}."
    ago = "" if read_at is None else f", {formats.age(view.now - read_at)} ago"
    looked = "The registry answered so" if hold is None else f"Looked for here, in {hold.shown.of_search}"
    return f"No device matches: {sought}. {looked}{ago}."


def _nothing_yet(view: View, hold: HoldState) -> Empty:
    """While the fleet is read, and nothing of it is to be shown so far."""
    so_far = _held(hold, again=view.status.read_at is not None)
    words = _not_found(view) if view.filtered else f"{so_far[0].upper()}{so_far[1:]}."
    if view.waiting_s >= SLOW_S:
        words = f"{words} Waiting for the registry, {formats.age(view.waiting_s)}."
    return Empty(words, "Stop reading", "stop")


def _no_link(view: View) -> str:
    link = view.link
    if link is None or link.phase is LinkPhase.IDLE:
        return "Not connected to a broker yet."
    why = f" {formats.text(link.error)}" if link.error else ""
    return {
        LinkPhase.CONNECTING: "Connecting to the broker.",
        LinkPhase.REFUSED: "The broker refused the connection.",
        LinkPhase.CLOSED: "The connection to the broker is closed.",
    }.get(link.phase, "No link to the broker.") + why


def _counted(view: View) -> str:
    """What the number of rows is the number of."""
    if view.waits:
        return "shown"
    if view.filtered:
        return "match"
    if view.hold is not None and (view.hold.shown.malformed or not view.hold.shown.complete):
        return "shown"  # there are more, which were not read or not understood
    return "registered or gone lately" if view.wanted.offline else "registered"


def _grouped(group: str, hold: HoldState | None) -> str:
    title = title_of(group)
    if hold is not None and hold.ungrouped:
        return f"{hold.ungrouped:,} groups by {title} are too many: in their order, without heads"
    return f"grouped by {title}"


def _arranged(view: View, hold: HoldState) -> list[str]:
    """What is to be known of the search and sort of what is held: that it takes its time, or is not of now."""
    if view.arranging_s >= SLOW_ARRANGING_S:
        return [f"searching and sorting, {formats.age(view.arranging_s)}"]
    if hold.is_behind and hold.arranged_at is not None and view.now - hold.arranged_at >= OLD_ARRANGEMENT_S:
        return [f"found and sorted {formats.age(view.now - hold.arranged_at)} ago"]
    return []


def _held(hold: HoldState, *, again: bool) -> str:
    """How much of the fleet was read to search and sort it here; `again`: what was read before stands meanwhile."""
    coverage = hold.coverage
    total = "?" if coverage.expected is None else f"{coverage.expected:,}"
    match hold.phase:
        case HoldPhase.WALKING:
            left = f", {formats.age(hold.eta_s)} left" if hold.eta_s is not None else ""
            why = "again" if again else "to do this here"
            return f"reading the fleet {why}: {coverage.seen:,} of {total}{left}"
        case HoldPhase.PAUSED:
            return f"paused{' reading again' if again else ''} at {coverage.seen:,} of {total}"
        case HoldPhase.CANCELLED | HoldPhase.FAILED:
            if hold.before is None:
                return f"only {coverage.seen:,} of {total} were read"
            return f"reading again stopped at {coverage.seen:,} of {total}; searched here: {hold.before.of_search}"
        case _:
            return f"searched here: {coverage.of_search}"
