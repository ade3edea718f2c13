"""Who is held back now, when they are released, and when the storm has drained: `policy.forecast` over the stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleetgui.policy.band import Band
from fleetgui.policy.forecast import Forecast, Held, forecast, hits_of
from fleetgui.policy.settings import ThrottleSettings
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.edges import Edges
from fleetgui.stores.engagements import Refusal
from fleetgui.stores.lag import Node

RATE_OVER_S: Final = 10.0
RATE_SINCE_S: Final = 1_800.0
LEAST_RATE_PER_S: Final = 5.0
"""Fewer devices a second than this that came online at once say nothing of how many could."""

_LONGEST_RUN: Final = 16
"""Refusals in a row beyond which a device does not wait, whatever the settings are."""
_MOST_HITS: Final = 1_000


@dataclass(frozen=True)
class Storm:
    """`next_release` and `last_release` are epoch seconds, None while nobody is held back."""

    held: int
    next_release: float | None
    last_release: float | None
    forecast: Forecast | None


def storm_now(state: ConsoleState, wall: float) -> Storm:
    """What stands at epoch second `wall`, on the gateways' clocks."""
    held = state.engagements.held_back(wall)
    if not held:
        return Storm(0, None, None, None)
    settings = throttle_settings(state.lag.nodes.get(held[0].node))
    told = forecast(
        [_held(state, refusal) for refusal in held],
        settings=settings,
        multiplier=max(
            (multiplier_of(throttle_settings(node), node.band) for node in state.lag.nodes.values()), default=1.0
        ),
        flagged=state.engagements.flagged_since(wall - settings.window_ms / 1000),
        admitted_per_s=_admitted_per_s(state.edges, wall),
        now=wall,
    )
    return Storm(len(held), held[0].until, held[-1].until, told)


def throttle_settings(node: Node | None) -> ThrottleSettings:
    """As a gateway has told them, else the defaults."""
    settings = {} if node is None else node.settings
    return ThrottleSettings.from_environ({name: str(value) for name, value in settings.items()})


def multiplier_of(settings: ThrottleSettings, band: str) -> float:
    """By how much a band lengthens a block."""
    match Band(band):
        case Band.NORMAL:
            return 1.0
        case Band.ELEVATED:
            return settings.elevated_multiplier
        case Band.CRITICAL:
            return settings.critical_multiplier


def _held(state: ConsoleState, refusal: Refusal) -> Held:
    it = refusal.engagement
    run = state.engagements.latest_run(refusal.device_id)
    in_a_row = it.count if run is None else run.count
    hits = (refusal.at,) * min(it.observed, _MOST_HITS)
    if it.reason != "in-backoff" and in_a_row <= _LONGEST_RUN:
        told = [(each.at, each.engagement.observed) for each in reversed(state.engagements.run_of(refusal))]
        if len(told) == in_a_row and told[0][1] <= _MOST_HITS:
            hits = hits_of(told)
    return Held(refusal.at, refusal.until, it.reason, it.level, in_a_row, hits)


def _admitted_per_s(edges: Edges, wall: float) -> float | None:
    """The most devices a second that came online lately; None where that is too few to say what is possible."""
    shown = edges.between(wall - RATE_SINCE_S, wall)
    spans: dict[int, int] = {}
    for at, many in zip(shown.at[shown.online].tolist(), shown.many[shown.online].tolist(), strict=True):
        span = int(at // RATE_OVER_S)
        spans[span] = spans.get(span, 0) + many
    most = max(spans.values(), default=0) / RATE_OVER_S
    return most if most >= LEAST_RATE_PER_S else None
