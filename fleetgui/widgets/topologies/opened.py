"""The topology that is looked at: how far it may be trusted, its members, what is being done there, what happens."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QSizePolicy,
    QSplitter,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fleetgui.models.cell_model import ID_ROLE
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.models.topology_events import TopologyEventsModel
from fleetgui.models.topology_open import MembersModel, MutationsModel
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import State
from fleetgui.stores.topologies.following import EVENTS_KEPT, Following, Phase
from fleetgui.stores.topologies.store import Topologies
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.cell_table import CellTable, WordsLine
from fleetgui.widgets.parts.chip import Chip
from fleetgui.widgets.parts.elided import ElidedLabel, WrappedLabel
from fleetgui.widgets.parts.placeholder import Placeholder
from fleetgui.widgets.topologies.words import ask_again, picture_words
from fleetgui.wire.topology import place_of

_NOTHING_OPEN: Final = "Open a topology with Enter: its members, what is being rolled out, what happens there."

_LOW: Final = 420
"""Pixels of height below which three tables do not stand above each other."""
_PARTS: Final = (
    ("Members", "Show the members"),
    ("Mutations", "Show what is being rolled out, and what failed"),
    ("Events", "Show what happens there"),
)


class OpenTopology(QWidget):
    """`look_at` one that is open, or nothing. Signals are what somebody wants."""

    device_opened = Signal(str)
    close_requested = Signal(str)
    refresh_requested = Signal()
    reconnect_requested = Signal()

    def __init__(self, topologies: Topologies, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._topologies = topologies
        self._clock = clock
        self._following: Following | None = None
        self._fresh: State | None = None
        self._following_changed = Subscriptions(self)
        self.chip = Chip()
        self._place = ElidedLabel(ink="text", strong=True)
        self._sentence = ElidedLabel()
        self._trouble = WrappedLabel()
        self.close_button = _button("Close", "Follow this topology no more (Ctrl+W)")
        self.close_button.clicked.connect(self._close)
        self.members = MembersModel(clock, self)
        self.members_table = CellTable(self.members, "Members of the topology")
        self.members_table.opened.connect(self._open_device)
        self.words = WordsLine("Filter the members by words", self.members_table)
        self.words.textChanged.connect(self.members.filter)
        self.words.textChanged.connect(self.refresh)
        self.mutations = MutationsModel(clock, self)
        self.mutations_table = CellTable(self.mutations, "Mutations in flight, and those that failed")
        self.events = TopologyEventsModel(self)
        self.events_table = CellTable(self.events, "Live events, newest first", follows=True)
        self.events_table.opened.connect(self._open_event)
        self._members_line = ElidedLabel()
        self._mutations_line = ElidedLabel()
        self._events_line = ElidedLabel()
        self.pause = _button("Pause", "Hold the list still; events go on being recorded")
        self.pause.setCheckable(True)
        self.pause.toggled.connect(self._pause)
        self._none = Placeholder(_NOTHING_OPEN)
        self._none.acted.connect(self._act)
        self._lay_out()
        for model in (self.members, self.mutations, self.events):
            model.rowsInserted.connect(self.refresh)
            model.rowsRemoved.connect(self.refresh)
        self.refresh()

    @property
    def following(self) -> Following | None:
        return self._following

    @property
    def sentence(self) -> str:
        """What is said about the topology, or in its place."""
        shown = self._stack.currentWidget()
        return self._none.sentence if shown is self._none else self._trouble.text() or self._sentence.text

    def look_at(self, following: Following | None) -> None:
        """Show a topology that is open, or that none is."""
        if following is self._following:
            return
        self._following = following
        self._following_changed.end()
        if following is not None:
            self._following_changed.listen(following.changed, self.refresh)
        self.pause.setChecked(False)
        for model in (self.members, self.mutations, self.events):
            model.show_topology(following)
        self.refresh()

    def refresh(self) -> None:
        """Say what is known now; also because time passed."""
        following = self._following
        if following is None or following.read_at is None or following.phase is Phase.ABSENT:
            self._say_nothing_to_show(following)
            return
        self._stack.setCurrentWidget(self._body)
        now = self._clock.now()
        fresh = following.state(now)
        self.chip.show_state(fresh, rest=[] if fresh is State.LIVE else [formats.age(now - (following.as_of or now))])
        self._place.say(formats.text(place_of(following.topology_id), 80))
        denied, link_up = self._topologies.keepalive_denied, self._topologies.link_is_live(now)
        words = picture_words(following, denied, now, self._clock.wall(), link_up=link_up)
        calm = fresh is State.LIVE and following.denied is None
        self._sentence.say(words if calm else "")
        self._trouble.say("" if calm else words, State.LATE.token if fresh is State.LIVE else fresh.token)
        self._say_counts(following)

    def tick(self) -> None:
        """Time passed: what only it changes is looked at, as is the state that rows show."""
        fresh = None if self._following is None else self._following.state(self._clock.now())
        if fresh is not self._fresh:
            self._fresh = fresh
            self.members.ages()
            self.mutations.ages()
        self.refresh()

    def _say_counts(self, following: Following) -> None:
        total, online = len(following.members), following.online
        offline = f", {formats.count(total - online)} offline" if total > online else ""
        more = ", of more than are shown here" if following.cut_after is not None else ""
        shown = f"{formats.count(self.members.rowCount())} of " if self.members.is_filtered else ""
        self._members_line.say(f"Members: {shown}{formats.count(total)}{offline}{more}")
        failed = f", {formats.count(len(following.failures))} failed since it was opened" if following.failures else ""
        flying = formats.count(len(following.in_flight)) if following.in_flight else "none"
        self._mutations_line.say(f"Mutations in flight: {flying}{failed}")
        seen = following.events_seen
        for number, count in enumerate((total, len(following.in_flight), seen)):
            self._chosen.button(number).setText(f"{_PARTS[number][0]} {formats.count(count)}")
        if self.events.paused:
            words = f"‖ paused  ·  {formats.count(self.events.behind)} newer recorded"
        elif following.denied is not None:
            words = "Live events may not be heard"
        elif not seen:
            words = "Live events: none since it was opened"
        else:
            kept = f", the last {EVENTS_KEPT} kept" if seen > EVENTS_KEPT else ""
            words = f"Live events: {formats.count(seen)} since it was opened{kept}"
        lost = f"  ·  {formats.count(following.lost)} lost" if following.lost else ""
        self._events_line.say(words + lost, State.STALE.token if following.lost else "muted")

    def _say_nothing_to_show(self, following: Following | None) -> None:
        self._stack.setCurrentWidget(self._none)
        if following is None:
            self._none.say(_NOTHING_OPEN)
            return
        link_up = self._topologies.link_is_live(self._clock.now())
        place = formats.text(place_of(following.topology_id), 80)
        self._none.say(*ask_again(following, place, link_up=link_up))

    # What somebody does

    def _act(self) -> None:
        if self._topologies.link_is_live(self._clock.now()):
            self.refresh_requested.emit()
        else:
            self.reconnect_requested.emit()

    def _close(self) -> None:
        if self._following is not None:
            self.close_requested.emit(self._following.topology_id)

    def _open_device(self, index: QModelIndex) -> None:
        device_id = index.data(ID_ROLE)
        if isinstance(device_id, str):
            self.device_opened.emit(device_id)

    def _open_event(self, index: QModelIndex) -> None:
        event = self.events.event_at(index.row())
        if event.device_id is not None:
            self.device_opened.emit(event.device_id)

    def _pause(self, paused: bool) -> None:
        self.events.pause(paused)
        self.refresh()

    # Layout

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """All three parts where there is room for them, else the one that is chosen."""
        low = self.height() < _LOW
        self._choices.setVisible(low)
        for number, part in enumerate(self._parts):
            part.setVisible(not low or self._chosen.checkedId() == number)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(2 * theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        head.setSpacing(3 * theme.GRID)
        self._place.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        head.addWidget(self._place)
        head.addWidget(self._sentence, 1)
        head.addWidget(self.chip)
        head.addWidget(self.close_button)
        trouble = QHBoxLayout()
        trouble.setContentsMargins(2 * theme.GRID, 0, 2 * theme.GRID, 0)
        trouble.addWidget(self._trouble, 1)
        self._parts = (
            _part(self._members_line, self.members_table, self.words),
            _part(self._mutations_line, self.mutations_table),
            _part(self._events_line, self.events_table, self.pause),
        )
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        for part in self._parts:
            splitter.addWidget(part)
        for index, stretch in enumerate((5, 2, 4)):
            splitter.setStretchFactor(index, stretch)
        splitter.setSizes([300, 110, 220])
        self._choices = self._lay_out_choices()
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addLayout(head)
        body.addLayout(trouble)
        body.addWidget(self._choices)
        body.addWidget(splitter, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._none)
        self._stack.addWidget(self._body)

    def _lay_out_choices(self) -> QWidget:
        """One button a part, for where one part has to do."""
        choices = QWidget()
        row = QHBoxLayout(choices)
        row.setContentsMargins(theme.GRID, 0, theme.GRID, 0)
        row.setSpacing(0)
        self._chosen = QButtonGroup(choices)
        for number, (title, hint) in enumerate(_PARTS):
            button = _button(title, hint)
            button.setCheckable(True)
            button.setChecked(number == 0)
            self._chosen.addButton(button, number)
            row.addWidget(button)
        row.addStretch(1)
        self._chosen.idToggled.connect(self._fit)
        return choices


def _part(line: ElidedLabel, table: CellTable, *more: QWidget) -> QWidget:
    """A table under a line that says what it is and how much."""
    part = QWidget()
    head = QHBoxLayout()
    head.setContentsMargins(2 * theme.GRID, theme.GRID, theme.GRID, theme.GRID)
    head.addWidget(line, 1)
    for each in more:
        head.addWidget(each)
    layout = QVBoxLayout(part)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addLayout(head)
    layout.addWidget(table, 1)
    return part


def _button(text: str, hint: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(hint)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button
