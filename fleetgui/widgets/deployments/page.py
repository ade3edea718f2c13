"""The deployments page: what runs where, worst first, and the devices of the one that is open beside it.

Enter or a double click opens a deployment, Escape closes it, F5 reads again, Ctrl+F filters.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QStackedLayout, QVBoxLayout, QWidget

from fleetgui.models.cell_model import ID_ROLE
from fleetgui.models.deployments import ROLLUP_COLUMNS, rollup_words, worst_first
from fleetgui.models.keyed import KeyedModel
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkPhase, State
from fleetgui.stores.console import ConsoleState
from fleetgui.widgets.deployments.opened import OpenDeployment
from fleetgui.widgets.deployments.said_bar import SaidBar
from fleetgui.widgets.deployments.words import Action, Said, rollups_instead, rollups_line
from fleetgui.widgets.parts.guarded import Guarded
from fleetgui.widgets.parts.keyed_table import KeyedTable
from fleetgui.widgets.parts.keys import OwnKeys
from fleetgui.widgets.parts.placeholder import Placeholder

TICK_MS: Final = 500
"""How often ages are written anew, and what only time changes is looked at."""

_LISTED: Final = 0.58
"""Of the width, for the list while one is open."""
_NARROW: Final = 900
"""Pixels that the list and the devices of one need beside each other."""


class DeploymentsPage(QWidget):
    deployment_opened = Signal(str)
    """The name of the one whose devices are wanted."""
    deployment_closed = Signal()
    device_opened = Signal(str)
    look_again_requested = Signal()
    reconnect_requested = Signal()
    said = Signal(str)
    """A sentence for the window's line of messages."""

    def __init__(self, state: ConsoleState, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._deployments = state.deployments
        self._clock = clock
        self.model = KeyedModel(ROLLUP_COLUMNS, worst_first, rollup_words, clock.wall, self)
        self.model.show_rows(state.deployments.rollups.rows)
        self.table = KeyedTable(self.model, "Deployments")
        self.table.opened.connect(self._open)
        self.bar = SaidBar("Filter deployments", "Filter deployments by name or state")
        self.bar.filtered.connect(self._filter)
        self.bar.acted.connect(self._act)
        self._action = Action.NOTHING
        self._instead = Placeholder("")
        self._instead.acted.connect(lambda: self._act(self._action))
        self.opened = OpenDeployment(state, clock)
        self.opened.device_opened.connect(self.device_opened)
        self.opened.close_requested.connect(self._close)
        self.opened.acted.connect(self._act)
        self.opened.hide()
        self._lay_out()
        self.setFocusProxy(self.table)
        OwnKeys(self, {"F5": self.look_again_requested.emit, "Esc": self._close, "Ctrl+F": self.bar.words.setFocus})
        listen = Subscriptions(self).listen
        rollups = self._deployments.rollups
        listen(rollups.changed, self.model.changed)
        listen(rollups.statuses.changed, self.refresh)
        listen(rollups.definitions.changed, self.refresh)
        listen(self._deployments.opened_changed, self._opened_changed)
        listen(state.link.changed, lambda _: self.refresh())
        for signal in (self.model.rowsInserted, self.model.rowsRemoved, self.model.modelReset):
            signal.connect(self.refresh)
        for signal in (self.opened.model.rowsInserted, self.opened.model.rowsRemoved, self.opened.model.modelReset):
            signal.connect(self.opened.refresh)
        self._ticks = QTimer(self, interval=TICK_MS)
        self._ticks.timeout.connect(Guarded(self, self.tick))
        self.model.pause(True)
        self.opened.model.pause(True)
        self._opened_changed()

    @property
    def sentence(self) -> str:
        """What is said above the list, or in its place."""
        return self._instead.sentence if self._stack.currentWidget() is self._instead else self.bar.line.text

    def refresh(self) -> None:
        """Say what is known now."""
        now, wall = self._clock.now(), self._clock.wall()
        rollups, shown = self._deployments.rollups, self.model.rowCount()
        self.model.doubt(rollups.statuses.state(now) is not State.LIVE)
        if shown:
            self._stack.setCurrentWidget(self._split)
            self.bar.say(rollups_line(rollups, shown=shown, now=now, wall=wall))
            return
        if self.model.is_filtered and rollups.rows:
            said = Said("No deployment has all of these words.", Action.SHOW_ALL)
        else:
            is_up = self._state.link.state.phase is LinkPhase.UP
            said = rollups_instead(rollups, is_up=is_up, now=now, wall=wall)
        self._action = said.action
        self._instead.say(said.sentence, said.action.value)
        self._stack.setCurrentWidget(self._instead)
        self.bar.say(Said(""))

    def tick(self) -> None:
        """Time has passed."""
        self.model.age()
        self.opened.model.age()
        self.refresh()
        self.opened.refresh()

    # What somebody does

    def _open(self, index: QModelIndex) -> None:
        name = index.data(ID_ROLE)
        if isinstance(name, str):
            self.deployment_opened.emit(name)

    def _close(self) -> None:
        if self._deployments.opened is not None:
            self.deployment_closed.emit()
        self.table.setFocus()

    def _opened_changed(self) -> None:
        opened = self._deployments.opened
        was_hidden = self.opened.isHidden()
        self.opened.look_at(opened)
        self.opened.setVisible(opened is not None)
        if was_hidden and opened is not None:
            self._split.setSizes([round(self.width() * _LISTED), round(self.width() * (1 - _LISTED))])
        self._fit()

    def _fit(self) -> None:
        """Where there is no width for both, the one that is open stands in the list's place until it is closed."""
        alone = self._deployments.opened is not None and self.width() < _NARROW
        had_focus = self.table.hasFocus()
        self.table.setVisible(not alone)
        if alone and had_focus:
            self.opened.setFocus()

    def _filter(self, text: str) -> None:
        self.model.filter(text)
        self.refresh()

    def _act(self, action: Action) -> None:
        match action:
            case Action.RECONNECT:
                self.reconnect_requested.emit()
            case Action.LOOK_AGAIN:
                self.look_again_requested.emit()
            case Action.SHOW_ALL:
                self.bar.words.clear()
            case Action.COPY_RIGHTS:
                QGuiApplication.clipboard().setText(self._deployments.rights)
                self.said.emit("The permissions that deployments need are on the clipboard.")

    # While it is on the screen

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.model.pause(False)
        self.opened.model.pause(False)
        self._ticks.start()
        self.tick()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._ticks.stop()
        self.model.pause(True)
        self.opened.model.pause(True)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _lay_out(self) -> None:
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(1)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.table)
        self._split.addWidget(self.opened)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._split)
        self._stack.addWidget(self._instead)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addLayout(self._stack, 1)

    def sizeHint(self) -> QSize:
        return QSize(640, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 90)
