"""The list of topologies as a table: as the last list has them, and those that are open as their own streams do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import IntEnum
from typing import Final

from PySide6.QtCore import QObject

from fleetgui.models.cell_model import Heading
from fleetgui.models.columns import NOTHING, Align, Cell
from fleetgui.models.id_rows import IdRows
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import State
from fleetgui.stores.topologies.following import Following
from fleetgui.stores.topologies.store import Topologies
from fleetgui.wire.topology import Listed, place_of

PLACE_LENGTH: Final = 80
_BELIEVED: Final = (State.LIVE, State.LATE)

STATUSES: Final = {
    "active": Cell("active", State.LIVE.token, State.LIVE.glyph),
    "deploying": Cell("deploying", "accent", "▸"),
    "pending": Cell("pending", State.OFFLINE.token, State.OFFLINE.glyph),
    "degraded": Cell("degraded", State.ELEVATED.token, State.ELEVATED.glyph),
    "failed": Cell("failed", State.FAILED.token, State.FAILED.glyph),
}
"""How a topology's status looks while it may be believed."""


def status_cell(status: str | None, fresh: State) -> Cell:
    """A status as far as it may be trusted: what is not live or late only was so."""
    if status is None:
        return Cell(State.UNKNOWN.word, State.UNKNOWN.token, State.UNKNOWN.glyph)
    if fresh in _BELIEVED:
        return STATUSES[status]
    return Cell(f"was {status}", fresh.token, fresh.glyph)


def figure(value: int | None, *, ink: str = "text") -> Cell:
    """A count; zero is quiet, and what was never read is a dash."""
    return NOTHING if value is None else Cell(formats.count(value), ink if value else "muted")


class Column(IntEnum):
    STATE = 0
    PLACE = 1
    DEVICES = 2
    OFFLINE = 3
    IN_FLIGHT = 4
    FAILED = 5
    AGE = 6


class TopologiesModel(IdRows):
    """Rows by topology id."""

    headings = (
        Heading("State", 124),
        Heading("Topology", 0),
        Heading("Devices", 66, Align.RIGHT, minor=1),
        Heading("Offline", 62, Align.RIGHT),
        Heading("In flight", 68, Align.RIGHT, minor=2),
        Heading("Failed", 58, Align.RIGHT, minor=3),
        Heading("As of", 74, Align.RIGHT, minor=4),
    )

    def __init__(self, topologies: Topologies, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._topologies = topologies
        self._clock = clock
        self._streams: dict[str, Callable[[], None]] = {}
        listen = Subscriptions(self).listen
        listen(topologies.listing.changed, lambda: self.changed(None))
        listen(topologies.open_changed, self._open_changed)
        self.destroyed.connect(self._listen_to_nobody())
        for topology_id in topologies.open_ids:
            self._open_changed(topology_id)
        self.reset()

    def known(self) -> Collection[str]:
        return self._topologies.listing.rows.keys() | set(self._topologies.open_ids)

    def cell(self, row: int, column: int) -> Cell:
        topology_id = self.row_id(row)
        following = self._topologies.get(topology_id)
        if column == Column.PLACE:
            place = formats.text(place_of(topology_id), PLACE_LENGTH)
            return Cell(place, "text" if following is None else "accent")
        if following is not None and following.read_at is not None:
            return self._followed(following, column)
        return self._listed(self._topologies.listing.rows.get(topology_id), column)

    def hay(self, row_id: str) -> str:
        following, listed = self._topologies.get(row_id), self._topologies.listing.rows.get(row_id)
        status = following.status if following is not None else listed.status if listed is not None else ""
        return f"{place_of(row_id)} {row_id} {status}"

    def hover(self, row: int, column: int) -> str:
        topology_id = self.row_id(row)
        following = self._topologies.get(topology_id)
        lines = [formats.text(place_of(topology_id), PLACE_LENGTH), f"id {formats.text(topology_id)}"]
        if following is not None:
            now = self._clock.now()
            lines.append(f"followed: {following.state(now).word}, read {following.snapshots:,} times")
            if following.lost:
                lines.append(f"{following.lost:,} events lost")
        return "\n".join(lines)

    def _followed(self, following: Following, column: int) -> Cell:
        now = self._clock.now()
        fresh = following.state(now)
        match column:
            case Column.STATE:
                return status_cell(following.status, fresh)
            case Column.DEVICES:
                return figure(len(following.members))
            case Column.OFFLINE:
                return figure(len(following.members) - following.online)
            case Column.IN_FLIGHT:
                return figure(len(following.in_flight))
            case Column.FAILED:
                return figure(len(following.failures), ink=State.FAILED.token if fresh in _BELIEVED else "text")
            case _:
                return _age(following.as_of, now, fresh)

    def _listed(self, listed: Listed | None, column: int) -> Cell:
        now = self._clock.now()
        fresh = self._topologies.listing.state(now)
        match column:
            case Column.STATE:
                return status_cell(None if listed is None else listed.status, fresh)
            case Column.AGE:
                return _age(self._topologies.listing.read_at, now, fresh) if listed is not None else NOTHING
            case _ if listed is None:
                return NOTHING
            case Column.DEVICES:
                return figure(listed.devices)
            case Column.OFFLINE:
                return figure(None if listed.online is None else listed.devices - listed.online)
            case Column.IN_FLIGHT:
                return figure(listed.in_flight)
            case _:
                return NOTHING  # only who listens sees one fail

    def _open_changed(self, topology_id: str) -> None:
        end = self._streams.pop(topology_id, None)
        if end is not None:
            end()
        following = self._topologies.get(topology_id)
        if following is not None:
            row = frozenset((topology_id,))
            self._streams[topology_id] = following.changed.connect(lambda: self.changed(row))
        self.changed(frozenset((topology_id,)))

    def _listen_to_nobody(self) -> Callable[[], None]:
        streams = self._streams  # a function, not a method: Qt holds methods of plain objects weakly

        def end() -> None:
            while streams:
                streams.popitem()[1]()

        return end


def _age(as_of: float | None, now: float, fresh: State) -> Cell:
    ink = "muted" if fresh is State.LIVE else fresh.token
    return NOTHING if as_of is None else Cell(formats.age(now - as_of), ink)
