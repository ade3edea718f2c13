"""One gateway's lag as curves: p50 thin, p99 strong, the largest as dots. Decimated to what a screen can show."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from fleetgui.stores.lag_series import Curves
from fleetgui.widgets import theme
from fleetgui.widgets.plots_data import decimate, peaks
from fleetgui.widgets.plots_items import Dots

_DOT_APART = 0.03
"""How far above the p99 a maximum has to be to get a dot, as a share of the scale."""
_DOT_PX = 4.0
"""Of maxima nearer to each other than this the largest gets a dot."""


class LagCurves:
    """The items of one gateway in `plot`."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self.p50 = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False, antialias=False)
        self.p99 = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False, antialias=False)
        self.dots = Dots(theme.current().color("text"))
        for item in (self.dots, self.p50, self.p99):
            plot.addItem(item, ignoreBounds=True)

    def style(self, index: int, *, muted: bool) -> None:
        """The colour of the `index`th gateway; `muted` when it is no longer live."""
        strength = 0.45 if muted else 1.0
        look = theme.current()
        for item, alpha in ((self.p50, 0.5), (self.p99, 1.0)):
            color = look.series_color(index)
            color.setAlphaF(alpha * strength)
            item.setPen(pg.mkPen(color, width=1))  # cosmetic: a pixel, not a second
        dots = look.series_color(index)
        dots.setAlphaF(0.7 * strength)
        self.dots.color = dots
        self.dots.update()

    def show(self, curves: Curves, origin: float, pixel_s: float, top_ms: float) -> None:
        """Draw `curves`; data x counts from `origin`, a pixel is `pixel_s` seconds, the scale ends at `top_ms`."""
        x = curves.ts - origin
        self.p50.setData(*decimate(x, curves.p50))
        self.p99.setData(*decimate(x, curves.p99))
        chosen = peaks(x, curves.max, _DOT_PX * pixel_s)
        # a dot that would lie on the line of the p99 says nothing and hides it
        chosen = chosen[curves.max[chosen] - curves.p99[chosen] > _DOT_APART * top_ms]
        self.dots.show_points(x[chosen], curves.max[chosen])


def highest(curves: Curves, left: float, right: float) -> float:
    """The highest p99 between two epoch seconds, which the scale should hold; 0 without any."""
    seen = curves.p99[np.searchsorted(curves.ts, left) : np.searchsorted(curves.ts, right, side="right")]
    return float(np.nanmax(seen)) if np.any(~np.isnan(seen)) else 0.0
