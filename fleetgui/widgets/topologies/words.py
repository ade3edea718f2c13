"""What the topology page says about what it shows: why it may be doubted, and what somebody can do about it."""

from __future__ import annotations

from collections import Counter
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.states import State
from fleetgui.stores.topologies.following import LIMITS, Following, Phase
from fleetgui.stores.topologies.listing import Listing, ListPhase

NO_BROKER: Final = "No broker now: topologies are read once there is one."
RECONNECT: Final = "Reconnect now"
ASK_AGAIN: Final = "Ask again"
SHOW_ALL: Final = "Show all"
NOBODY: Final = "No device says where it is: a topology is the place that devices have in status.location."


def list_instead(listing: Listing, *, link_up: bool) -> tuple[str, str]:
    """The sentence and the action where there is no list to show."""
    if not link_up:
        return NO_BROKER, RECONNECT
    match listing.phase:
        case ListPhase.UNREAD:
            return "Topologies are being read.", ""
        case ListPhase.READ:
            return NOBODY, ASK_AGAIN
        case _:
            return listing.why, ASK_AGAIN


def list_words(listing: Listing, now: float, wall: float) -> str:
    """The line above the list."""
    if listing.read_at is None:
        return ""
    shown = "many; the first " if listing.cut else ""
    statuses = Counter(row.status for row in listing.rows.values())
    worst = [f", {formats.count(statuses[each])} {each}" for each in ("failed", "degraded") if statuses[each]]
    count = f"Topologies: {shown}{formats.count(len(listing.rows))}{''.join(worst)}"
    as_of = formats.clock_utc(wall - (now - listing.read_at))
    if listing.why:
        return f"{count} as of {as_of}. {listing.why}"
    if listing.state(now) not in (State.LIVE, State.LATE):
        return f"{count} as of {as_of}"
    if listing.behind:
        known = "" if listing.as_of is None else f" since {formats.clock_utc(listing.as_of)}"
        return f"{count}. The topology service cannot read the registry{known}: members may be missing."
    return count


def picture_words(following: Following, keepalive_denied: str | None, now: float, wall: float, *, link_up: bool) -> str:
    """The line beside an open topology's name: nothing much while it is live, and else why it is not."""
    as_of = following.as_of
    time = formats.NOTHING if as_of is None else formats.clock_utc(wall - (now - as_of))
    fresh = following.state(now)
    if not link_up:
        return f"No broker now. What is shown is as of {time}."
    if following.denied is not None:
        return f"{following.denied} What is shown is as of {time}."
    match following.phase:
        case Phase.REFUSED | Phase.FAILED:
            return f"Interrupted: {following.why} What is shown is as of {time}."
        case Phase.WANTED | Phase.READING if fresh is State.UNCONFIRMED:
            return f"Being read again; until then it is as of {time}."
    if fresh is State.STALE and as_of is not None:
        if keepalive_denied is not None:
            return f"Nothing was heard for {formats.age(now - as_of)}, and nobody may tell: {keepalive_denied}"
        silent = now - as_of > LIMITS.stale
        why = f"Interrupted: nobody published for {formats.age(now - as_of)}." if silent else "Interrupted."
        return f"{why} What is shown is as of {time}."
    if following.membership_behind:
        return "The topology service cannot read the registry: members may be missing."
    return f"{following.status or 'of no known state'}, as of {time}"


def ask_again(following: Following, place: str, *, link_up: bool) -> tuple[str, str]:
    """The sentence and the action where there is nothing of an open topology to show."""
    if not link_up:
        return f"No broker now: {place} is read once there is one.", RECONNECT
    if following.phase in (Phase.ABSENT, Phase.REFUSED, Phase.FAILED):
        return following.why, ASK_AGAIN
    return f"{place} is being read.", ""
