"""What the overview says in words: why it is empty, one engagement, who is held back and when that is over. No Qt."""

from __future__ import annotations

from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.forecast import Forecast
from fleetgui.policy.states import State, worst
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.engagements import Refusal, why_refused
from fleetgui.stores.storm import Storm, multiplier_of, throttle_settings

_UNHEARD: Final = "No forecast while gateways are not heard."


def nothing_to_draw(state: ConsoleState, now: float) -> str:
    """Why the plots are empty; "" when they are not."""
    nodes = state.lag.nodes
    if any(node.latest is not None for node in nodes.values()):
        return ""
    if nodes:
        return "Waiting for the first lag window."
    if state.sources.link_state(now) is not State.LIVE and state.link.state.lost_at is None:
        return "Not connected. Lag and refusals appear here once there is a link."
    if state.lag.denied:
        return f"Gateways cannot be heard. {formats.text(state.lag.denied, 300)}"
    return "No gateway on this fabric has been heard yet. Its lag and refusals appear here when one is."


def refusal_sentence(state: ConsoleState, refusal: Refusal, *, wall: float) -> str:
    """One engagement: when, who, why, and when the next try may be, at epoch second `wall`."""
    it = refusal.engagement
    run = sum(each.engagement.count for each in state.engagements.run_of(refusal))
    settings = throttle_settings(state.lag.nodes.get(refusal.node))
    why = why_refused(it, in_a_row=run, multiplier=multiplier_of(settings, it.band), left_s=refusal.until - wall)
    times = f" {it.count:,} times" if it.count > 1 else ""
    warmup = " in warm-up" if it.warmup else ""
    by = formats.text(refusal.node, 40)
    return f"{formats.clock_utc(refusal.at)}  {formats.text(it.device_id, 80)} refused{times}{warmup} by {by}. {why}"


def storm_sentence(state: ConsoleState, storm: Storm, *, now: float, wall: float) -> tuple[str, str]:
    """(who is held back now, when they are released, when it has drained; theme token), at `now` and epoch `wall`."""
    nodes = state.lag.nodes.values()
    if not nodes:
        return "", "muted"
    trust = worst(*(node.source.state(now) for node in nodes))
    if trust is not State.LIVE:
        known = f"{storm.held:,} held back by what is known" if storm.held else "Nobody is held back by what is known"
        until = "" if storm.last_release is None else f", until {formats.clock_utc(storm.last_release)} at the latest"
        why = f"Gateways cannot be heard. {formats.text(state.lag.denied, 300)}" if state.lag.denied else _UNHEARD
        return f"{trust.glyph} {trust.word}: {known}{until}. {why}", trust.token
    if not storm.held or storm.next_release is None or storm.last_release is None:
        return "Nobody is held back.", "muted"
    first, last = (formats.age(at - wall + 0.999) for at in (storm.next_release, storm.last_release))
    when = f"released in {last}" if storm.held == 1 else f"the next is released in {first}, the last in {last}"
    drained = "" if storm.forecast is None else f" {_drained(storm.forecast, storm.held)}"
    return f"{storm.held:,} held back: {when}.{drained}", "text"


def _drained(told: Forecast, held: int) -> str:
    if told.earliest is None or told.latest is None:
        return f"No forecast: {told.why}." if told.why else ""
    between = f"between {formats.clock_utc(told.earliest)} and {formats.clock_utc(told.latest)}"
    if told.stubborn:
        others = "one does" if told.stubborn == 1 else f"{told.stubborn:,} do"
        waiting = "one is" if told.waiting == 1 else f"{told.waiting:,} are"
        return (
            f"{waiting.capitalize()} let in {between}; {others} not wait as told, so there is no forecast for the rest."
        )
    who = "It is let in" if held == 1 else "Drained"
    return f"{who} {between}, if {'it waits' if held == 1 else 'all wait'} as told."
