"""The devices of the deployment that is open, beside the list: what each says, counted here, and where that differs.

Enter or a double click opens a device, Escape closes the deployment.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from fleetgui.models.cell_model import ID_ROLE
from fleetgui.models.deployments import DEVICE_COLUMNS, device_words, device_worst_first, means
from fleetgui.models.keyed import KeyedModel
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkPhase, State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.deployments.opened import Opened
from fleetgui.widgets.deployments.said_bar import SaidBar
from fleetgui.widgets.deployments.words import Action, Said, differs, opened_instead, opened_line
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.elided import ElidedLabel, WrappedLabel
from fleetgui.widgets.parts.keyed_table import KeyedTable
from fleetgui.widgets.parts.mark_button import MarkButton
from fleetgui.widgets.parts.placeholder import Placeholder

BEHIND_AFTER_S: Final = 10.0
"""A roll-up is written once a second, and compared by others after five: what differs longer than this lasts."""


class OpenDeployment(QWidget):
    device_opened = Signal(str)
    close_requested = Signal()
    acted = Signal(Action)

    def __init__(self, state: ConsoleState, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._clock = clock
        self._opened: Opened | None = None
        self._subscriptions = Subscriptions(self)
        self._differs_since: float | None = None
        self.model = KeyedModel(DEVICE_COLUMNS, device_worst_first, device_words, clock.wall, self)
        self.table = KeyedTable(self.model, "Devices of the deployment")
        self.table.opened.connect(self._open)
        self._name = ElidedLabel(ink="text", strong=True)
        self._means = ElidedLabel()
        self.bar = SaidBar("Filter devices", "Filter the deployment's devices by words")
        self.bar.filtered.connect(self._filter)
        self.bar.acted.connect(self.acted)
        self.behind = WrappedLabel(ink="stale")
        self.behind.setContentsMargins(2 * theme.GRID, 0, 2 * theme.GRID, theme.GRID)
        self._action = Action.NOTHING
        self._instead = Placeholder("")
        self._instead.acted.connect(self._act)
        self._lay_out()
        self.setFocusProxy(self.table)

    @property
    def sentence(self) -> str:
        """What is said above the table, or in its place."""
        return self._instead.sentence if self._stack.currentWidget() is self._instead else self.bar.line.text

    def look_at(self, opened: Opened | None) -> None:
        """Show another one; None: none."""
        self._subscriptions.end()
        self._opened = opened
        self._differs_since = None
        self.bar.words.clear()
        self.model.show_rows({} if opened is None else opened.rows)
        if opened is not None:
            self._subscriptions.listen(opened.changed, self.model.changed)
            self._subscriptions.listen(opened.reading.changed, self.refresh)
            self._name.say(formats.text(opened.name, 253))
        self.refresh()

    def refresh(self) -> None:
        """Say what is known now."""
        opened = self._opened
        if opened is None:
            return
        now, wall = self._clock.now(), self._clock.wall()
        rollup = self._state.deployments.rollups.rows.get(opened.name)
        self.model.doubt(opened.reading.state(now) is not State.LIVE)
        self._means.say("" if rollup is None else means(rollup))
        if self.model.rowCount():
            said = opened_line(opened, rollup, now=now, wall=wall)
            self._stack.setCurrentWidget(self.table)
        elif self.model.is_filtered and opened.rows:
            said = Said("No device of it has all of these words.", Action.SHOW_ALL)
        else:
            said = opened_instead(opened, is_up=self._state.link.state.phase is LinkPhase.UP)
        if not self.model.rowCount():
            self._action = said.action
            self._instead.say(said.sentence, said.action.value)
            self._stack.setCurrentWidget(self._instead)
            said = Said("")
        self.bar.say(said)
        self._compare(opened, now)

    def _compare(self, opened: Opened, now: float) -> None:
        """Say that the roll-up differs, once it has for so long that it is no matter of the way."""
        rollups = self._state.deployments.rollups
        words = ""
        if not opened.reading.is_broken and not rollups.statuses.is_broken and opened.reading.is_read:
            words = differs(opened, rollups.rows.get(opened.name))
        if not words:
            self._differs_since = None
        elif self._differs_since is None:
            self._differs_since = now
        lasts = self._differs_since is not None and now - self._differs_since >= BEHIND_AFTER_S
        self.behind.say(words if lasts else "")

    def _open(self, index: QModelIndex) -> None:
        device_id = index.data(ID_ROLE)
        if isinstance(device_id, str):
            self.device_opened.emit(device_id)

    def _filter(self, text: str) -> None:
        self.model.filter(text)
        self.refresh()

    def _act(self) -> None:
        if self._action is Action.SHOW_ALL:
            self.bar.words.clear()
        else:
            self.acted.emit(self._action)

    def _lay_out(self) -> None:
        grid = theme.GRID
        close = MarkButton("close", "Close this deployment (Esc)", self, size=5 * grid)
        close.clicked.connect(self.close_requested)
        top = QHBoxLayout()
        top.setContentsMargins(3 * grid, grid, grid, 0)
        top.addWidget(self._name, 1)
        top.addWidget(self._means, 1)
        top.addWidget(close)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._instead)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.bar)
        layout.addWidget(self.behind)
        layout.addLayout(self._stack, 1)
