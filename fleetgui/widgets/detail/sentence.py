"""The sentences of a device's detail: its state and age, why it is held back, what stands where there is no record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fleetgui.policy import formats
from fleetgui.policy.freshness import is_skewed
from fleetgui.policy.states import BANDS, State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.details import Detail, DetailPhase
from fleetgui.stores.engagements import Refusal, why_refused


@dataclass(frozen=True)
class DeviceFacts:
    """What the stores know of one device now. Times are `Clock.now()`, `wall` epoch seconds."""

    now: float
    wall: float
    link_up: bool
    presence: State
    last_beat: float | None = None
    offline_since: float | None = None
    skew_s: float | None = None
    held: Refusal | None = None
    heard: dict[str, Any] = field(default_factory=dict)


def facts_of(state: ConsoleState, detail: Detail, *, now: float, wall: float) -> DeviceFacts:
    """Everything that is known of the device of `detail`."""
    presence, device_id = state.presence, detail.device_id
    link_up = state.link.state.state is State.LIVE
    last_beat = presence.last_beat(device_id)
    newer = last_beat is not None and (detail.read_at is None or last_beat > detail.read_at)
    return DeviceFacts(
        now,
        wall,
        link_up,
        presence.state(device_id, now),
        last_beat,
        presence.offline_since(device_id),
        presence.skew(device_id),
        state.engagements.of_device(device_id, wall),
        presence.status(device_id) if newer else {},
    )


def chip_words(facts: DeviceFacts) -> tuple[str, list[str]]:
    """(word of the state's chip, what follows it): since when it is offline, how old what is stale is."""
    since = {State.OFFLINE: facts.offline_since, State.STALE: facts.last_beat}.get(facts.presence)
    return facts.presence.word, [] if since is None else [formats.age(facts.now - since)]


def ages(detail: Detail, facts: DeviceFacts) -> str:
    """How old what is shown is: the last heartbeat, and when the record was asked for."""
    parts = []
    if facts.last_beat is None:
        parts.append("no heartbeat heard yet")
    else:
        at = formats.clock_utc(facts.wall - (facts.now - facts.last_beat))
        parts.append(f"last heartbeat {formats.age(facts.now - facts.last_beat)} ago, at {at}")
    if is_skewed(facts.skew_s):
        parts.append(f"its clock is {formats.skew_from_ours(facts.skew_s)}")
    if detail.read_at is not None and detail.record is not None:
        at = formats.clock_utc(facts.wall - (facts.now - detail.read_at))
        parts.append(f"record as of {at}")
    if not facts.link_up:
        parts.append("no link: nothing here is live")
    elif detail.phase is DetailPhase.FETCHING and detail.record is not None:
        parts.append("reading again")
    return "  ·  ".join(parts)


def held(facts: DeviceFacts) -> tuple[str, str]:
    """(until when and why the device is held back, theme token); ("", …) when it is not."""
    refusal = facts.held
    if refusal is None:
        return "", "muted"
    engagement = refusal.engagement
    band = BANDS[engagement.band]
    why = why_refused(engagement, left_s=refusal.until - facts.wall)
    left = formats.age(refusal.until - facts.wall + 0.999)
    return f"{band.glyph} Held back until {formats.clock_utc(refusal.until)} ({left}). {why}", band.token


def absence(detail: Detail, facts: DeviceFacts) -> tuple[str, str] | None:
    """(sentence, action) where there is no record to show; None when there is one."""
    if detail.record is not None:
        return None
    name = formats.text(detail.device_id, 80)
    if detail.phase is DetailPhase.ABSENT:
        return f"The registry was asked and has no device with the id {name}.", "Ask again"
    if detail.phase is DetailPhase.FAILED:
        return formats.text(detail.error or f"{name} could not be fetched."), "Try again"
    if not facts.link_up:
        return f"No link to the broker; {name} is fetched as soon as there is one.", "Try now"
    return f"Fetching {name} from the registry.", "Ask again"


def why_off(detail: Detail, facts: DeviceFacts) -> str | None:
    """Why no function can be called now; None when one can."""
    if not facts.link_up:
        return "No link to the broker: calls are off."
    return None if detail.can_call is None else f"Calls are off: {detail.can_call}"
