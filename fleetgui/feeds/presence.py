"""Heartbeats, online and offline edges, and device events: three wildcard subscriptions, each behind a bounded intake.

`*.heartbeat`, `device.*` and `*.event.>` are harmless to others, unlike `device-connect.<tenant>.>`. Events are
decoded for open details only, and counted for all. What does not decode is counted as malformed. Of a fleet that beats
more often than a console can take in, only the devices in view and in open details are listened to (`Watchers`).
"""

from __future__ import annotations

from typing import Final

from fleetgui.feeds.feed import Feed
from fleetgui.feeds.watchers import Watchers
from fleetgui.link.connection import Link
from fleetgui.link.intake import Apply, Intake
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import text
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.details import SeenEvent
from fleetgui.stores.ledger import Cause
from fleetgui.stores.presence import Beat, Edge
from fleetgui.wire.codec import Malformed
from fleetgui.wire.devices import event_of, presence_of
from fleetgui.wire.subjects import Subjects, device_of, event_name_of
from fleetgui.wire.times import to_epoch

EDGE_LINES_A_SECOND: Final = 20
"""Journal lines that edges may write; more become one line a batch that counts them."""


class PresenceFeed(Feed):
    """Fills presence, open details' events and the journal. `start` subscribes; `close` ends it."""

    def __init__(self, link: Link, subjects: Subjects, state: ConsoleState, clock: Clock, tasks: Tasks) -> None:
        self.events_seen = 0
        self.malformed = 0
        self._link = link
        self._subjects = subjects
        self._state = state
        self._clock = clock
        self._tasks = tasks
        self.intakes: dict[str, Intake] = {}
        """By the subject that each takes in."""
        self._watchers: Watchers | None = None
        self._second_began = float("-inf")
        self._lines_left = 0

    @property
    def dropped(self) -> int:
        """Messages that found no room in an intake."""
        return sum(intake.dropped.total() for intake in self.intakes.values())

    def start(self) -> None:
        """Subscribe; may be called before the link is up."""
        subjects = self._subjects
        for subject, apply in ((subjects.presence, self._edges), (subjects.all_events, self._events)):
            self._link.subscribe(subject, self._intake(subject, apply).put)
        beats = self._intake(subjects.all_heartbeats, self._beats)
        self._watchers = Watchers(self._link, subjects, self._state, self._clock, beats.put)

    def view_moved(self, first: int, last: int) -> None:
        """Rows first … last are on the screen now."""
        if self._watchers is not None:
            self._watchers.view_moved(first, last)

    def close(self) -> None:
        if self._watchers is not None:
            self._watchers.close()
        for intake in self.intakes.values():
            intake.close()

    def _intake(self, subject: str, apply: Apply) -> Intake:
        intake = self.intakes[subject] = Intake(
            apply, clock=self._clock, scheduler=self._link.turns, report=self._tasks.report
        )
        intake.overflowed.connect(lambda family, count: self._lose(family, Cause.OVERFLOW, count))
        intake.broke.connect(lambda family, count: self._lose(family, Cause.FAILED, count))
        return intake

    def _lose(self, family: str, cause: Cause, count: int) -> None:
        if count:
            self._state.ledger.lose(family, cause, count, self._clock.wall())

    def _not_understood(self, family: str, count: int = 1) -> None:
        self.malformed += count
        self._lose(family, Cause.MALFORMED, count)

    def _beats(self, messages: list[Message], _now: float) -> None:
        before = self._state.presence.malformed
        self._state.presence.apply_beats(
            (Beat(device_of(message.subject), message.data, message.received) for message in messages),
            epoch=self._clock.wall() - self._clock.now(),
        )
        self._not_understood("heartbeat", self._state.presence.malformed - before)

    def _edges(self, messages: list[Message], now: float) -> None:
        edges: list[Edge] = []
        for message in messages:
            try:
                online, params = presence_of(message.data)
            except Malformed:
                self._not_understood("device")
                continue
            edges.append(Edge(params.device_id, online, message.received, to_epoch(params.ts)))
        if not edges:
            return
        known = self._news(edges, now)
        self._state.presence.apply_edges(edges)
        if known:
            wall = self._clock.wall()
            self._state.edges.apply([(wall, edge.online) for edge in known])
            self._state.roster.membership_changed()
            self._write(known, now)

    def _news(self, edges: list[Edge], now: float) -> list[Edge]:
        """The edges that say something new: a registry announces devices online again whenever they register."""
        news: list[Edge] = []
        online_now: dict[str, bool] = {}
        """After the edges before it: a device may go and come back within one batch."""
        for edge in edges:
            was_online = online_now.get(edge.device_id)
            if was_online is None:
                presence = self._state.presence
                state = presence.state(edge.device_id, now)
                if edge.online:  # a beat may have been quicker than the announcement, and said nothing of the registry
                    new = state in (State.OFFLINE, State.UNKNOWN) or presence.offline_since(edge.device_id) is not None
                else:
                    new = state is not State.OFFLINE
            else:
                new = edge.online is not was_online
            online_now[edge.device_id] = edge.online
            if new:
                news.append(edge)
        return news

    def _write(self, edges: list[Edge], now: float) -> None:
        wall = self._clock.wall()
        if now - self._second_began >= 1:
            self._second_began, self._lines_left = now, EDGE_LINES_A_SECOND
        lines, rest = edges[: self._lines_left], edges[self._lines_left :]
        self._lines_left -= len(lines)
        for edge in lines:
            state = State.ONLINE if edge.online else State.OFFLINE
            sentence = f"{text(edge.device_id, 60)} {'came online' if edge.online else 'went offline'}"
            self._state.journal.write(wall, state, "registry", sentence, edge.device_id)
        for online in (False, True):
            more = sum(edge.online is online for edge in rest)
            if more:
                verb = "came online" if online else "went offline"
                state = State.ONLINE if online else State.OFFLINE
                self._state.journal.write(wall, state, "registry", f"{more:,} more devices {verb}")

    def _events(self, messages: list[Message], now: float) -> None:
        self.events_seen += len(messages)
        details = self._state.details
        wall = self._clock.wall()
        came: dict[str, list[SeenEvent]] = {}
        for message in messages:
            device_id = device_of(message.subject)
            if details.get(device_id) is None:
                continue
            name = event_name_of(message.subject)
            at = wall - (now - message.received)
            try:
                event = event_of(message.data, name)
            except Malformed as error:
                self._not_understood("event")
                came.setdefault(device_id, []).append(SeenEvent(at, name, None, str(error)))
            else:
                came.setdefault(device_id, []).append(SeenEvent(at, event.name, event.params))
        for device_id, events in came.items():
            details.events_came(device_id, events)
