"""The header's fleet figures: each with its value, state, as-of time and source. Zero only when zero was read.

The states are those of `stores.sources`, which is the one place that knows how far each source may be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetgui.policy.states import State, worst
from fleetgui.stores.roster import RosterPhase
from fleetgui.stores.sources import HEARTBEATS, REGISTRY

if TYPE_CHECKING:
    from fleetgui.stores.console import ConsoleState
    from fleetgui.stores.lag import Node


@dataclass(frozen=True)
class Figure:
    """`value` None was never read; `as_of` is `Clock.now()` of the newest evidence; `note` explains on hover.

    `since`: what is counted is what happened from then on (`Clock.now()`), which a figure must not hide.
    """

    value: int | None
    state: State
    as_of: float | None
    source: str
    note: str
    since: float | None = None


@dataclass(frozen=True)
class FleetFigures:
    registered: Figure
    online: Figure
    offline: Figure
    held_back: Figure


def fleet_figures(state: ConsoleState, *, now: float, wall: float) -> FleetFigures:
    """All figures at `now` (`Clock.now()`) and `wall` (epoch seconds of this machine)."""
    return FleetFigures(
        _registered(state, now), _online(state, now), _offline(state, now), _held_back(state, now, wall)
    )


def deployments_failing(state: ConsoleState, now: float) -> Figure | None:
    """Deployments with a device that failed; None where there is no deployment to tell of."""
    rollups = state.deployments.rollups
    if not rollups.rows:
        return None
    reading = rollups.statuses
    note = "Deployments of which at least one device failed, as the aggregator counted them."
    if rollups.uncounted:
        note += f" {rollups.uncounted:,} more were not counted."
    if reading.behind:
        note += f" Late: {reading.behind}."
    return Figure(rollups.failing if reading.is_read else None, reading.state(now), reading.heard_at, "roll-ups", note)


def gateways_state(nodes: Iterable[Node], now: float) -> State:
    """The worst freshness among some gateways; unknown where there are none."""
    return worst(*(node.source.state(now) for node in nodes))


def _registered(state: ConsoleState, now: float) -> Figure:
    roster = state.roster
    note = "The registry's total; an upper bound where access control hides devices."
    if roster.status.phase is RosterPhase.FAILED:
        note = f"Last read before: {roster.status.error}"
    return Figure(roster.registered, state.sources.state(REGISTRY, now), roster.registered_at, "registry", note)


def _online(state: ConsoleState, now: float) -> Figure:
    presence = state.presence
    fresh = state.sources.state(HEARTBEATS, now)
    note = "Devices whose heartbeat was heard within their ttl."
    if fresh is State.NOT_WATCHED:
        note = "More devices than this console listens to: their heartbeats are taken in for what is in view alone."
    counted = presence.beats > 0 and fresh is not State.NOT_WATCHED
    online = presence.online_count(now) if counted else None
    if online is not None and online < (state.roster.registered or 0) and not presence.everybody_could_beat(now):
        fresh = worst(fresh, State.UNCONFIRMED)
        note = "Not everybody has had the time to beat since this console came up: more may be online."
    as_of = _as_of(state, now, fresh, presence.census(now).newest) if counted else None
    return Figure(online, fresh, as_of, "heartbeats", note)


def _offline(state: ConsoleState, now: float) -> Figure:
    """Edges of a gap were not seen: until the registry is read again, more may be gone than is known."""
    fresh = state.sources.state(REGISTRY, now)
    counted = fresh is not State.UNKNOWN
    return Figure(
        state.presence.census(now).offline if counted else None,
        fresh,
        _as_of(state, now, fresh, state.roster.registered_at),
        "registry's announcements",
        "Devices that the registry announced offline while this console listened, and that did not come back. Who was "
        "gone before, or went while there was no broker, is not among them.",
        state.sources.listening_since,
    )


def _held_back(state: ConsoleState, now: float, wall: float) -> Figure:
    nodes = state.lag.nodes.values()
    heard = max((node.heard for node in nodes if node.heard is not None), default=None)
    # as old as the gateway that is missing: another one that is heard says nothing of whom that one holds back
    missing = [node.heard for node in nodes if node.heard is not None and node.source.state(now) is not State.LIVE]
    return Figure(
        len(state.engagements.held_back(wall)) if heard is not None else None,
        gateways_state(nodes, now),
        min(missing, default=heard),
        "gateways",
        "Devices inside a reconnect block now.",
    )


def _as_of(state: ConsoleState, now: float, fresh: State, evidence: float | None) -> float | None:
    """What comes by itself is as of now while it is live; then as of the last of the link, or of its own source."""
    if fresh is State.LIVE:
        return now
    if state.sources.link_state(now) is State.LIVE:
        return evidence
    link = state.link.state
    return link.lost_at if link.lost_at is not None else state.sources.broker_heard_at
