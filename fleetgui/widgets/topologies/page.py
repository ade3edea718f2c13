"""The topology page: the list at the left, the one that is looked at beside it.

Enter opens the current topology, which is followed from then on; Ctrl+W closes the one that is looked at, and ends its
subscription. F5 reads again, Ctrl+F filters what the keyboard is in, Escape goes back to
the list.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from fleetgui.models.cell_model import ID_ROLE
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.models.topologies import TopologiesModel
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.topologies.store import MOST_OPEN
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.cell_table import CellTable, WordsLine
from fleetgui.widgets.parts.elided import WrappedLabel
from fleetgui.widgets.parts.guarded import Guarded
from fleetgui.widgets.parts.keys import OwnKeys
from fleetgui.widgets.parts.placeholder import Placeholder
from fleetgui.widgets.topologies.opened import OpenTopology
from fleetgui.widgets.topologies.words import SHOW_ALL, list_instead, list_words
from fleetgui.wire.topology import place_of

TICK_MS: Final = 500
"""How often ages are written anew, and what only time changes is looked at."""


class TopologyPage(QWidget):
    """Signals are what somebody wants; `looked_at(bool)` says whether the list is on the screen."""

    looked_at = Signal(bool)
    open_requested = Signal(str)
    close_requested = Signal(str)
    refresh_requested = Signal()
    reconnect_requested = Signal()
    device_opened = Signal(str)
    said = Signal(str)
    """A sentence for the window's line of messages."""

    def __init__(self, state: ConsoleState, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._topologies = state.topologies
        self._clock = clock
        self.model = TopologiesModel(self._topologies, clock, self)
        self.table = CellTable(self.model, "Topologies")
        self.table.opened.connect(self._open)
        self.table.selectionModel().currentRowChanged.connect(self._look_at_current)
        self.words = WordsLine("Filter the topologies by words", self.table)
        self.words.textChanged.connect(self.model.filter)
        self.words.textChanged.connect(self.refresh)
        self._line = WrappedLabel()
        self._instead = Placeholder("Topologies are being read.")
        self._instead.acted.connect(self._act)
        self.opened = OpenTopology(self._topologies, clock)
        self.opened.device_opened.connect(self.device_opened)
        self.opened.close_requested.connect(self.close_requested)
        self.opened.refresh_requested.connect(self.refresh_requested)
        self.opened.reconnect_requested.connect(self.reconnect_requested)
        self._lay_out()
        self.setFocusProxy(self.table)
        opened = self.opened
        tables = (opened.members_table, opened.mutations_table, opened.pause, opened.events_table)
        order = (self.table, self.words, opened.close_button, opened.words, *tables)
        for before, after in pairwise(order):
            self.setTabOrder(before, after)
        OwnKeys(
            self,
            {
                "F5": self.refresh_requested.emit,
                "Ctrl+W": self._close,
                "Ctrl+F": self._find,
                "Esc": self.table.setFocus,
            },
        )
        listen = Subscriptions(self).listen
        listen(self._topologies.listing.changed, self.refresh)
        listen(self._topologies.open_changed, self._open_changed)
        listen(self._topologies.crowded_out, self._crowded_out)
        listen(state.link.changed, lambda _: self.refresh())
        self.model.rowsInserted.connect(self.refresh)
        self.model.rowsRemoved.connect(self.refresh)
        self.model.modelReset.connect(self.refresh)
        self._ticks = QTimer(self, interval=TICK_MS)
        self._ticks.timeout.connect(Guarded(self, self._tick))
        self.refresh()

    @property
    def sentence(self) -> str:
        """What is said above the list, or in its place."""
        return self._instead.sentence if self._stack.currentWidget() is self._instead else self._line.text()

    def refresh(self) -> None:
        """Say what is known now."""
        listing, now = self._topologies.listing, self._clock.now()
        if self.model.is_filtered and not self.model.rowCount():
            self._instead.say("No topology has all of these words.", SHOW_ALL)
            self._stack.setCurrentWidget(self._instead)
        elif self.model.rowCount():
            self._stack.setCurrentWidget(self.table)
            fresh = listing.state(now)
            ink = "muted" if fresh is State.LIVE else fresh.token
            self._line.say(list_words(listing, now, self._clock.wall()), ink)
        else:
            self._line.say("")
            self._instead.say(*list_instead(listing, link_up=self._topologies.link_is_live(now)))
            self._stack.setCurrentWidget(self._instead)
        self.words.setVisible(self.model.is_filtered or self.model.rowCount() > 0)

    # What somebody does

    def _open(self, index: QModelIndex) -> None:
        topology_id = index.data(ID_ROLE)
        if isinstance(topology_id, str):
            self.open_requested.emit(topology_id)
            self._look_at(topology_id)

    def _close(self) -> None:
        if self.opened.following is not None:
            self.close_requested.emit(self.opened.following.topology_id)

    def _act(self) -> None:
        if self.model.is_filtered:
            self.words.clear()
            self.words.setFocus(Qt.FocusReason.OtherFocusReason)
        elif self._topologies.link_is_live(self._clock.now()):
            self.refresh_requested.emit()
        else:
            self.reconnect_requested.emit()

    def _find(self) -> None:
        """To the filter beside the keyboard: that of the members, or that of the list."""
        focus = QApplication.focusWidget()
        inside = focus is not None and self.opened.isAncestorOf(focus)
        (self.opened.words if inside else self.words).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _look_at_current(self) -> None:
        """Whoever walks over the list sees those that are open; the others open with Enter."""
        topology_id = self.table.current_id
        if topology_id is not None and self._topologies.get(topology_id) is not None:
            self.open_requested.emit(topology_id)
            self._look_at(topology_id)

    def _look_at(self, topology_id: str) -> None:
        following = self._topologies.get(topology_id)
        if following is not None:
            self.opened.look_at(following)

    def _open_changed(self, topology_id: str) -> None:
        """One that was opened is looked at; where the one looked at was closed, the one before it is."""
        following = self._topologies.get(topology_id)
        if following is not None:
            self.opened.look_at(following)
        elif self.opened.following is not None and self.opened.following.topology_id == topology_id:
            left = self._topologies.open_ids
            self.opened.look_at(self._topologies.get(left[-1]) if left else None)

    def _crowded_out(self, topology_id: str) -> None:
        place = formats.text(place_of(topology_id), 60)
        self.said.emit(f"{MOST_OPEN} topologies are followed at once: {place}, looked at longest ago, was closed.")

    # While it is on the screen

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ticks.start()
        self._tick()
        self.looked_at.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._ticks.stop()
        self.looked_at.emit(False)

    def _tick(self) -> None:
        self.model.ages()
        self.opened.tick()
        self.refresh()

    def sizeHint(self) -> QSize:
        return QSize(900, 360)

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 120)

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setContentsMargins(2 * theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        line.addWidget(self._line, 1)
        line.addWidget(self.words, 1)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._instead)
        self._stack.addWidget(self.table)
        left = QWidget()
        listed = QVBoxLayout(left)
        listed.setContentsMargins(0, 0, 0, 0)
        listed.setSpacing(0)
        listed.addLayout(line)
        listed.addLayout(self._stack, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(left)
        splitter.addWidget(self.opened)
        splitter.setSizes([590, 690])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)
