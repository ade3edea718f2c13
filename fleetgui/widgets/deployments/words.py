"""What the deployments page says: above its tables, and where there is nothing to show, with what can be done then."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from fleetgui.policy import formats
from fleetgui.policy.states import State
from fleetgui.stores.deployments.opened import Counted, Opened
from fleetgui.stores.deployments.reading import Reading, ReadPhase
from fleetgui.stores.deployments.rollups import Rollup, Rollups
from fleetgui.wire.deployments import DeploymentStatus


class Action(Enum):
    """What the button beside a sentence does, and what is written on it."""

    NOTHING = ""
    RECONNECT = "Reconnect now"
    LOOK_AGAIN = "Look again"
    COPY_RIGHTS = "Copy the permissions it needs"
    SHOW_ALL = "Show all"


class Said(NamedTuple):
    """`ink` is a theme token."""

    sentence: str
    action: Action = Action.NOTHING
    ink: str = "muted"


_BETWEEN: Final = "  ·  "
_ACTIONS: Final = {ReadPhase.DENIED: Action.COPY_RIGHTS}


def rollups_instead(rollups: Rollups, *, is_up: bool, now: float, wall: float) -> Said:
    """Why there is no deployment to show."""
    reading = rollups.statuses
    if not is_up:
        return Said("There is no broker now: deployments are read as soon as it is back.", Action.RECONNECT)
    match reading.phase:
        case ReadPhase.NO_BUCKET:
            hint = "Nothing was deployed here yet, or no aggregator runs (fleetgui serve --roles deployments)."
            return Said(f"{reading.why} {hint}", Action.LOOK_AGAIN)
        case ReadPhase.DENIED:
            return Said(f"Deployments cannot be read. {reading.why} Everything else works.", Action.COPY_RIGHTS)
        case ReadPhase.NO_STREAMS | ReadPhase.FAILED:
            return Said(reading.why, Action.LOOK_AGAIN)
        case ReadPhase.UNREAD | ReadPhase.AGAIN:
            return Said("Deployments are being read.", Action.LOOK_AGAIN)
    read = formats.clock_utc(_as_of(reading, now, wall))
    return Said(f"Nothing is deployed: the bucket of roll-ups was heard at {read} and is empty.", Action.LOOK_AGAIN)


def rollups_line(rollups: Rollups, *, shown: int, now: float, wall: float) -> Said:
    """How many there are and how they stand, as of when, and what is not as it should be."""
    reading, rows = rollups.statuses, rollups.rows
    fresh = reading.state(now)
    counts = [(rollups.failing, "failing")]
    for state, word in ((State.PENDING, "pending"), (State.RUNNING, "running"), (State.UNTARGETED, "without targets")):
        counts.append((sum(row.state is state for row in rows.values()), word))
    parts = _doubts(reading, now, wall, rollups.definitions.why if rollups.definitions.is_broken else "")
    parts.append(f"{shown:,} of {len(rows):,} deployments" if shown != len(rows) else f"{len(rows):,} deployments")
    parts += [f"{number:,} {word}" for number, word in counts if number]
    if rollups.uncounted:
        parts.append(f"{rollups.uncounted:,} that no aggregator has rolled up")
    if rollups.beyond:
        parts.append("more than are shown here")
    broken = next((each for each in (reading, rollups.definitions) if each.is_broken), None)
    action = Action.NOTHING if broken is None else _ACTIONS.get(broken.phase, Action.LOOK_AGAIN)
    ink = "muted" if fresh is State.LIVE and broken is None else _loud(fresh)
    return Said(_BETWEEN.join(parts), action, ink)


def opened_instead(opened: Opened, *, is_up: bool) -> Said:
    """Why there is no device to show."""
    reading = opened.reading
    if not is_up and not reading.is_read:
        return Said("There is no broker now: its devices are read as soon as it is back.", Action.RECONNECT)
    if reading.is_broken:
        return Said(f"Its devices cannot be read. {reading.why}", _ACTIONS.get(reading.phase, Action.LOOK_AGAIN))
    if not reading.is_read:
        return Said("Its devices are being read.")
    return Said("No device has said anything of this deployment.", Action.LOOK_AGAIN)


def opened_line(opened: Opened, rollup: Rollup | None, *, now: float, wall: float) -> Said:
    """What the devices say themselves, as of when."""
    reading, counted = opened.reading, opened.counted
    fresh = reading.state(now)
    parts = [f"{number:,} {word}" for number, word in _counts(counted) if number] or ["nobody has said anything"]
    whole = "" if counted.target is None else f" of {counted.target:,}"
    first = ", of the first of them" if opened.beyond else ""
    doubts = _doubts(reading, now, wall)
    if rollup is None:
        doubts.append("not on record any more")
    sentence = f"{', '.join(parts)}{whole}, counted here from the devices' own records{first}"
    action = _ACTIONS.get(reading.phase, Action.LOOK_AGAIN) if reading.is_broken else Action.NOTHING
    return Said(_BETWEEN.join([*doubts, sentence]), action, "muted" if fresh is State.LIVE else _loud(fresh))


def differs(opened: Opened, rollup: Rollup | None) -> str:
    """How the roll-up differs from what the devices say, "" where it does not or where nobody here can tell."""
    counted, figures = opened.counted, rollup.counted if rollup is not None else None
    if figures is None or opened.beyond:
        return ""
    if counted.target is None:
        return _differs_by_selector(opened, figures)
    # a record that cannot be read counts as not there: its device is pending
    pending = counted.pending + counted.unreadable
    if (figures.succeeded, figures.failed, figures.pending) == (counted.succeeded, counted.failed, pending):
        return ""
    return f"{_otherwise(figures)} The aggregator is behind, or does not run."


def _differs_by_selector(opened: Opened, figures: DeploymentStatus) -> str:
    """Whom a selector means is not known here. Still, none can be counted who said nothing; and where a device said
    something after the roll-up was written, and the figures differ, either it was not counted or is not meant."""
    counted = opened.counted
    if figures.succeeded > counted.succeeded or figures.failed > counted.failed:
        return f"{_otherwise(figures)} The aggregator is behind, or does not run."
    same = (figures.succeeded, figures.failed) == (counted.succeeded, counted.failed)
    if same or opened.spoke_at is None or opened.spoke_at <= float(figures.updated_at):
        return ""
    return f"{_otherwise(figures)} The aggregator is behind, does not run, or does not mean who spoke since."


def _otherwise(figures: DeploymentStatus) -> str:
    said = f"{figures.succeeded:,} running, {figures.failed:,} failed, {figures.pending:,} pending"
    return f"The roll-up says otherwise: {said}."


def _counts(counted: Counted) -> tuple[tuple[int, str], ...]:
    return (
        (counted.failed, "failed"),
        (counted.pending, "pending"),
        (counted.succeeded, "running"),
        (counted.unreadable, "unreadable"),
    )


def _doubts(reading: Reading, now: float, wall: float, also: str = "") -> list[str]:
    """What comes before everything else, for a line may be too short for all: how old it is, and why."""
    fresh, doubts = reading.state(now), []
    if fresh is State.LATE and reading.behind:
        doubts.append(fresh.label)
    elif fresh is not State.LIVE:
        as_of = formats.clock_utc(_as_of(reading, now, wall)) if reading.heard_at is not None else "never"
        doubts.append(f"{fresh.label}, as of {as_of}")
    return doubts + [why for why in (reading.behind, reading.why, also) if why]


def _as_of(reading: Reading, now: float, wall: float) -> float:
    """Epoch seconds at which the bucket was last heard."""
    return wall - (now - (reading.heard_at if reading.heard_at is not None else now))


def _loud(fresh: State) -> str:
    return State.STALE.token if fresh is State.LIVE else fresh.token
