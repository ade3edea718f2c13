"""Which gateways' curves the overview draws anew, and for how long a time: a few in a turn, so that it moves well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fleetgui.stores.lag import LagStore
from fleetgui.stores.lag_series import Curves
from fleetgui.widgets.plots.curves import highest
from fleetgui.widgets.plots.pair import TimePlots

POINTS_AT_ONCE: Final = 8_000
"""Points that are drawn anew in one turn: all gateways of minutes, one of days, which costs two milliseconds."""


class CurveDrawing:
    """Curves reach half a window beyond what is seen, so that moving costs nothing at first.

    Where all are due, as after a zoom, the others keep what they show until the next turn.
    """

    def __init__(self, lag: LagStore, plots: TimePlots) -> None:
        self.gaps: dict[str, list[tuple[float, float]]] = {}
        """(from, until) in epoch seconds of each gateway, within what is drawn."""
        self._lag = lag
        self._plots = plots
        self._changed: set[str] = set()
        self._drawn: dict[str, tuple[float, float]] = {}
        self._curves: dict[str, Curves] = {}

    def came(self, nodes: Iterable[str]) -> None:
        """Something new of these gateways."""
        self._changed.update(nodes)

    def forget(self) -> None:
        """Nothing that is drawn is right any more, as after a change of size."""
        self._drawn.clear()

    def draw(self) -> tuple[bool, bool]:
        """Draw what is due of what is seen: whether more is left for the next turn, whether the range was left."""
        left, right = self._plots.time_range
        names = sorted(self._lag.nodes)
        outside = {name for name in names if not _holds(self._drawn.get(name), left, right)}
        due = [name for name in names if name in self._changed or name in outside]
        reserve = (right - left) / 2
        curves: dict[str, Curves] = {}
        points = 0
        for name in due:
            if points >= POINTS_AT_ONCE:
                break
            start, end = (left - reserve, right + reserve) if name in outside else self._drawn[name]
            curves[name] = each = self._lag.curves(name, start, end)
            points += len(each.ts)
            self._drawn[name] = start, end
            self.gaps[name] = each.gaps
        self._changed.difference_update(curves)
        self._curves |= curves
        readable = self._plots.readable_ms
        needed = (highest(each, left, right, readable) for each in self._curves.values())
        if self._plots.scale_to(max(needed, default=0.0)):
            self._changed.update(name for name in names if name not in curves)
        for name, each in curves.items():
            self._plots.show_curves(name, names.index(name), each)
        return len(due) > len(curves), bool(outside)


def _holds(drawn: tuple[float, float] | None, left: float, right: float) -> bool:
    """Whether what is drawn reaches over what is seen, and is not drawn for a time so long that it is too coarse."""
    if drawn is None:
        return False
    start, end = drawn
    return start <= left and right <= end and (right - left) * 4 >= end - start
