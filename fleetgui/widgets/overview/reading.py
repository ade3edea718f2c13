"""What stands at one moment of the overview, in every lane: lag of each gateway, who was held back, who came, went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.widgets.overview.readout import Part
from fleetgui.widgets.plots.lanes import RefusalColumns

_NAMED: Final = 3
"""Devices that are named; the rest are counted."""
HEAD: Final = ("p50", "p99", "max")


def latest(state: ConsoleState, *, now: float, wall: float) -> list[Part]:
    """The newest window of each gateway; one that is not live says so in the place of its values."""
    if not state.lag.nodes:
        return []
    lost_at = state.link.state.lost_at
    parts = [Part("lag, ms" if lost_at is None else f"as of {formats.clock_utc(wall - (now - lost_at))}", quiet=True)]
    for index, name in enumerate(sorted(state.lag.nodes)):
        node = state.lag.nodes[name]
        trust = node.source.state(now)
        if node.latest is None:
            parts.append(_lag(name, index, None))
        elif trust is State.LIVE:
            parts.append(_lag(name, index, (node.latest.p50_ms, node.latest.p99_ms, node.latest.max_ms)))
        else:
            age = "" if node.heard is None else f" {formats.age(now - node.heard)}"
            shown = f"{formats.text(name, 40)}  {trust.glyph} {trust.word}{age}"
            parts.append(Part(shown, index, quiet=True, short=shown))
    return parts


def at(state: ConsoleState, columns: RefusalColumns, moment: float, pixel_s: float) -> list[Part]:
    """What was at epoch second `moment`, where a pixel stands for `pixel_s` seconds."""
    when = formats.clock_utc(moment) if pixel_s < 60 else formats.moment_utc(moment)
    parts = [Part(when, cells=HEAD)]
    for index, name in enumerate(sorted(state.lag.nodes)):
        found = state.lag.at(name, moment)
        if found is None:
            parts.append(_lag(name, index, None))
        else:
            parts.append(_lag(name, index, (found.p50, found.p99, found.max), minute=found.windows > 1))
    return [*parts, *_lanes(state, columns, moment, pixel_s)]


def _lanes(state: ConsoleState, columns: RefusalColumns, moment: float, pixel_s: float) -> Iterator[Part]:
    held = columns.held_at(moment)
    if held:
        names = ", ".join(formats.text(name, 40) for name in held[:_NAMED])
        more = f" +{len(held) - _NAMED:,}" if len(held) > _NAMED else ""
        yield Part(f"{len(held):,} held back: {names}{more}")
    around = moment - 2 * pixel_s, moment + 2 * pixel_s
    refused = columns.refused(*around)
    if refused:
        yield Part(f"{refused:,} refused here")
    offline, online = state.edges.counts(*around)
    if offline:
        yield Part(f"{State.OFFLINE.glyph} {offline:,} went offline")
    if online:
        yield Part(f"{State.ONLINE.glyph} {online:,} came online")


def _lag(name: str, index: int, values: tuple[float, float, float] | None, *, minute: bool = False) -> Part:
    shown = formats.text(name, 40)
    if values is None:
        return Part(f"{shown}  no sample", index, name=shown, cells=("no sample",), short=f"{shown} {formats.NOTHING}")
    p50, p99, most = cells = tuple(f"{value:.1f}" if value < 10 else f"{value:,.0f}" for value in values)
    within = ", in a minute" if minute else ""
    return Part(
        f"{shown}  p50 {p50} · p99 {p99} · max {most}{within}", index, name=shown, cells=cells, short=f"{shown} {p99}"
    )
