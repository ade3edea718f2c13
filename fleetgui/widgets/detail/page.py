"""One device: what state it is in and why, what it says of itself, its functions, its events, its record as it came.

Fetched by somebody else (`refresh_requested`), shown from the stores. It is brought up to date in place, so that
nobody loses what they read, selected or typed; while it is on the screen its ages go on four times a second.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabWidget, QToolButton, QVBoxLayout, QWidget

from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import State
from fleetgui.stores.calls import Call
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.details import Detail, DetailPhase
from fleetgui.widgets.detail.events import EventsTab
from fleetgui.widgets.detail.functions import FunctionsTab, functions_of
from fleetgui.widgets.detail.overview import OverviewTab, sections_of
from fleetgui.widgets.detail.sentence import DeviceFacts, absence, ages, chip_words, facts_of, held, why_off
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.chip import Chip
from fleetgui.widgets.parts.elided import ElidedLabel, WrappedLabel
from fleetgui.widgets.parts.guarded import Guarded
from fleetgui.widgets.parts.keys import OwnKeys
from fleetgui.widgets.parts.placeholder import Placeholder
from fleetgui.widgets.parts.plain import tip
from fleetgui.widgets.parts.raw import SearchedJsonView

BEAT_MS: Final = 250


class DeviceDetail(QWidget):
    refresh_requested = QtSignal(str)
    """Fetch this device again."""
    call_requested = QtSignal(str, str, object, float)
    """Device id, function, params (a dict), timeout in seconds."""
    call_cancel_requested = QtSignal(str)
    """A call's id."""

    def __init__(self, device_id: str, state: ConsoleState, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.device_id = device_id
        self._state = state
        self._clock = clock
        self._shown: Detail | None = None
        self._lay_out()
        subscriptions = Subscriptions(self)
        subscriptions.listen(state.details.changed, self._detail_changed)
        subscriptions.listen(state.calls.changed, self._call_changed)
        self._beat = QTimer(self, interval=BEAT_MS)
        self._beat.timeout.connect(Guarded(self, self.beat))
        OwnKeys(self, {"F5": self._refresh})
        self._detail_changed(device_id)

    def _lay_out(self) -> None:
        self.setAccessibleName(f"Device {formats.text(self.device_id, 120)}")
        self._chip = Chip()
        self._id = ElidedLabel(formats.text(self.device_id), "text", "mono", strong=True)
        self._id.setToolTip(tip(self.device_id))
        self._copy = QToolButton()
        self._copy.setText("Copy id")
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.device_id))
        self._again = QToolButton()
        self._again.setText("Read again")
        self._again.setToolTip("Ask the registry for this device again (F5)")
        self._again.clicked.connect(self._refresh)
        self._ages = ElidedLabel()
        self._held = WrappedLabel()
        self._note = WrappedLabel("", State.FAILED.token)
        first = QHBoxLayout()
        first.setSpacing(2 * theme.GRID)
        for widget, stretch in ((self._chip, 0), (self._id, 1), (self._copy, 0), (self._again, 0)):
            first.addWidget(widget, stretch)
        head = QVBoxLayout()
        head.setContentsMargins(6, 8, 8, 8)  # the chip brings 6 pixels of its own
        head.setSpacing(theme.GRID)
        head.addLayout(first)
        for label in (self._ages, self._held, self._note):
            label.setContentsMargins(6, 0, 0, 0)
            head.addWidget(label)
        self.overview = OverviewTab()
        self.functions = FunctionsTab(self.device_id, self._state.calls, self._clock)
        self.functions.call_requested.connect(self.call_requested)
        self.functions.call_cancel_requested.connect(self.call_cancel_requested)
        self.events = EventsTab()
        self.raw = SearchedJsonView("The record as it came", margins=True)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for page, title in (
            (self.overview, "Overview"),
            (self.functions, "Functions"),
            (self.events, "Events"),
            (self.raw, "Raw"),
        ):
            self.tabs.addTab(page, title)
        self._placeholder = Placeholder("")
        self._placeholder.acted.connect(self._refresh)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.tabs)
        self._stack.addWidget(self._placeholder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        self.setFocusProxy(self.tabs)
        layout.addWidget(self._stack, 1)

    # What changes

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._beat.start()
        self.beat()

    def hideEvent(self, event: QHideEvent) -> None:
        self._beat.stop()
        super().hideEvent(event)

    def _detail_changed(self, device_id: str) -> None:
        if device_id != self.device_id:
            return
        detail = self._state.details.get(device_id) or Detail(device_id)
        before, self._shown = self._shown, detail
        self.events.show_detail(detail)
        if before is None or detail.record is not before.record:
            self.functions.show_record(detail.record)
            if detail.record is not None:
                self.raw.show_value(detail.record)
            count = len(functions_of(detail.record))
            self.tabs.setTabText(1, f"Functions {count}" if count else "Functions")
        self.beat()

    def _call_changed(self, call: Call) -> None:
        if call.device_id == self.device_id:
            self.functions.calls_changed()

    def beat(self) -> None:
        """Bring the head, the ages and the live values up to date."""
        detail = self._shown
        if detail is None:
            return
        facts = facts_of(self._state, detail, now=self._clock.now(), wall=self._clock.wall())
        self._show_head(detail, facts)
        missing = absence(detail, facts)
        self._stack.setCurrentIndex(0 if missing is None else 1)
        if missing is not None:
            if missing[0] != self._placeholder.sentence:
                self._placeholder.say(*missing)
        else:
            self._show_overview(detail, facts)
        self.functions.set_off(why_off(detail, facts))
        self.functions.tick()

    def _show_head(self, detail: Detail, facts: DeviceFacts) -> None:
        word, rest = chip_words(facts)
        self._chip.show_state(facts.presence, word=word, rest=rest)
        self._ages.say(ages(detail, facts), "muted" if facts.link_up else "stale")
        sentence, ink = held(facts)
        self._held.say(sentence, ink)
        note = ""
        if detail.record is not None and detail.phase is not DetailPhase.READ:
            note = {
                DetailPhase.FETCHING: "",
                DetailPhase.ABSENT: "The registry no longer has this device; what is below is the last that was read.",
            }.get(detail.phase, formats.text(detail.error or DetailPhase.FAILED.value))
        self._note.say(note)

    def _show_overview(self, detail: Detail, facts: DeviceFacts) -> None:
        ago = f", heartbeat {formats.age(facts.now - facts.last_beat)} ago" if facts.last_beat is not None else ""
        self.overview.show_sections(sections_of(detail.record, facts.heard, heard_ago=ago))

    def _refresh(self) -> None:
        self.refresh_requested.emit(self.device_id)
