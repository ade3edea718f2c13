"""One chip per gateway node: its band, its latest p99, and how fresh that is. Too many for the line: the worst stay.

One stays however narrow it gets, without its figures if need be: a band is what the console is there for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from fleetgui.policy import formats
from fleetgui.policy.states import BANDS, State, doubt
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts import chip
from fleetgui.widgets.parts.chip import Chip
from fleetgui.widgets.parts.plain import plain_label, tip

if TYPE_CHECKING:
    from fleetgui.stores.console import ConsoleState
    from fleetgui.stores.lag import Node

_TOLD: Final = 12
"""Nodes named in the tool tip of those that did not fit."""
_BADNESS: Final = {name: number for number, name in enumerate(BANDS)}
_MORE: Final = 60
"""Pixels for the count of those that did not fit."""
_GAP: Final = 2 * theme.GRID
_NO_GATEWAY: Final = "no gateway on this fabric"
_UNKNOWN: Final = f"{State.UNKNOWN.glyph} gateways unknown"


class GatewayChips(QWidget):
    """Right-aligned; names in order, but when they do not all fit, the best are left out first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: dict[str, Chip] = {}
        self._rank: dict[str, tuple[int, int, str]] = {}
        self._none = plain_label(_UNKNOWN)
        self._more = plain_label()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(_GAP)
        self._layout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._layout.addWidget(self._none)
        self._layout.addWidget(self._more)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self._restyle)
        self._restyle()
        self._fit()

    @property
    def texts(self) -> list[str]:
        """What each chip says, in order, those that do not fit too."""
        return [self._chips[name].text for name in sorted(self._chips)]

    @property
    def full_width(self) -> int:
        """Pixels in which every gateway is shown."""
        return sum(self._taken(name) for name in self._chips)

    @property
    def least_width(self) -> int:
        """Pixels in which the worst gateway's band is shown, and how many more there are."""
        if not self._chips:
            return 0
        worst = self._chips[min(self._chips, key=self._rank.__getitem__)]
        return worst.minimumSizeHint().width() + (_MORE if len(self._chips) > 1 else 0)

    def sizeHint(self) -> QSize:
        return QSize(200, chip.HEIGHT)

    def show_nodes(self, state: ConsoleState, *, now: float) -> None:
        """Show every node that is known, at `now` (`Clock.now()`)."""
        before = self._fitted()
        for name in sorted(state.lag.nodes):
            node = state.lag.nodes[name]
            fresh = node.source.state(now)
            shown = self._chips.get(name)
            if shown is None:
                shown = self._chips[name] = Chip(self)
                self._layout.insertWidget(sorted(self._chips).index(name) + 1, shown)
            self._rank[name] = (-doubt(fresh), -_BADNESS.get(node.band, 1), name)
            _show(shown, node, fresh, now)
        self._none.setText(_NO_GATEWAY if state.lag.availability is State.OFFLINE else _UNKNOWN)
        self._none.setVisible(not self._chips and state.sources.link_state(now) is State.LIVE)
        if self._fitted() != before:
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Show as many as there is room for, the worst first."""
        worst_first = sorted(self._chips, key=self._rank.__getitem__)
        room = self.width() - (_MORE if self.full_width > self.width() else 0)
        shown: set[str] = set()
        for name in worst_first:
            room -= self._taken(name)
            if room < 0 and shown:
                break
            shown.add(name)
        left_out = [name for name in worst_first if name not in shown]
        for name, each in self._chips.items():
            each.setVisible(name in shown)
        self._more.setVisible(bool(left_out))
        self._more.setText(f"+{len(left_out)}")
        self._more.setToolTip(tip(*(self._chips[name].text for name in left_out[:_TOLD])))

    def _taken(self, name: str) -> int:
        return self._chips[name].sizeHint().width() + _GAP

    def _fitted(self) -> list[tuple[int, tuple[int, int, str]]]:
        """What decides who is shown."""
        return [(each.sizeHint().width(), self._rank[name]) for name, each in self._chips.items()]

    def _restyle(self) -> None:
        look = theme.current()
        for label in (self._none, self._more):
            label.setFont(look.font("body"))
            palette = label.palette()
            palette.setColor(label.foregroundRole(), look.color("muted"))
            label.setPalette(palette)


def _show(shown: Chip, node: Node, fresh: State, now: float) -> None:
    band = BANDS.get(node.band, State.UNKNOWN)
    latest = node.latest
    p99 = formats.millis(latest.p99_ms) if latest is not None else formats.NOTHING
    name = formats.text(node.name, 40)
    skew = f"clock {formats.skew(node.skew_s)}" if node.is_skewed else ""
    if fresh is State.LIVE:
        rest = [p99, skew]
        shown.show_state(band, lead=name, rest=[part for part in rest if part])
    else:
        age = formats.age(None if node.heard is None else now - node.heard)
        rest = [age, f"was {band.word}", skew]
        shown.show_state(fresh, lead=name, rest=[part for part in rest if part])
    detail = "no window read yet"
    if latest is not None:
        detail = (
            f"p50 {formats.millis(latest.p50_ms)}, p99 {p99}, max {formats.millis(latest.max_ms)} "
            f"at {formats.wire_time(latest.ts)}"
        )
    heard = "never heard live" if node.heard is None else f"heard {formats.age(now - node.heard)} ago"
    lost = f"{node.lost:,} messages lost" if node.lost else ""
    clock = f"its clock differs from this machine's: {formats.skew(node.skew_s)}" if node.is_skewed else ""
    shown.setToolTip(tip(f"Gateway {name}: {band.word}, {fresh.word}", detail, heard, lost, clock))
