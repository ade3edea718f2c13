"""The header's fleet figures: each with its value, state, as-of time and source. Zero only when zero was read."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgui.policy.freshness import reading_state
from fleetgui.policy.states import LinkState, State
from fleetgui.stores.engagements import Engagements
from fleetgui.stores.presence import Presence
from fleetgui.stores.roster import Roster, RosterPhase


@dataclass(frozen=True)
class Figure:
    """`value` None was never read; `as_of` is `Clock.now()` of the newest evidence; `note` explains on hover."""

    value: int | None
    state: State
    as_of: float | None
    source: str
    note: str


@dataclass(frozen=True)
class FleetFigures:
    registered: Figure
    online: Figure
    offline: Figure
    held_back: Figure


TOTAL_INTERVAL_S = 30.0
"""How often the registry's total is read again while its table is open."""


def fleet_figures(
    roster: Roster,
    presence: Presence,
    engagements: Engagements,
    *,
    link: LinkState,
    gateway_heard: float | None,
    gateway_state: State,
    now: float,
    wall: float,
) -> FleetFigures:
    """All figures at `now` (`Clock.now()`) and `wall` (epoch seconds of this machine)."""
    status = roster.status
    up = link.state is State.LIVE
    read = status.read_at is not None

    def while_up(state: State) -> State:
        return state if up or state is State.UNKNOWN else State.STALE

    registered = Figure(
        roster.registered,
        while_up(
            reading_state(
                read_at=roster.registered_at,
                interval_s=TOTAL_INTERVAL_S,
                confirmed_from=presence.confirmed_from,
                now=now,
            )
        ),
        roster.registered_at,
        "registry",
        "The registry's total; an upper bound where access control hides devices."
        if status.phase is not RosterPhase.FAILED
        else f"Last read before: {status.error}",
    )
    listening = presence.beats > 0
    heard = State.LIVE if listening else State.UNKNOWN
    if listening and presence.unconfirmed_count(now):
        heard = State.UNCONFIRMED
    # Edges of a gap were not seen: until the registry's list is read again, more may be gone than is known.
    announced = State.LIVE if read or listening else State.UNKNOWN
    if status.read_at is not None and status.read_at < presence.confirmed_from:
        announced = State.UNCONFIRMED
    online = Figure(
        presence.online_count(now) if listening else None,
        while_up(heard),
        now if listening and up else link.lost_at,
        "heartbeats",
        "Devices whose heartbeat was heard within their ttl.",
    )
    offline = Figure(
        presence.offline_count() if read or listening else None,
        while_up(announced),
        now if up else link.lost_at,
        "registry's announcements",
        "Devices the registry announced offline since this console came up, and not back since.",
    )
    held_back = Figure(
        len(engagements.held_back(wall)) if gateway_heard is not None else None,
        while_up(gateway_state),
        gateway_heard,
        "gateways",
        "Devices inside a reconnect block now.",
    )
    return FleetFigures(registered, online, offline, held_back)
