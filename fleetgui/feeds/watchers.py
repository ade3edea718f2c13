"""Whose heartbeats are subscribed: everybody's by one wildcard, or, of a fleet too large for that, those shown.

Runs on the loop. How large is too large says `policy.watching`, by the registry's total and the leases that are known.
Which devices are shown is looked at again soon after the view, the rows in it or the open details change.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from fleetgui.link.connection import Link
from fleetgui.link.subscriptions import Handler, Subscription
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import count
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State
from fleetgui.policy.watching import listens_to_all
from fleetgui.stores.console import ConsoleState
from fleetgui.wire.subjects import NotAddressable, Subjects

MOST_WATCHED: Final = 400
"""Devices listened to one by one: more rows than a screen shows."""
SOON_S: Final = 0.2


class Watchers:
    """Subscribes to all from the start: until the registry has answered, nothing says that the fleet is large.

    `changed` is emitted after it was looked at who is to be listened to.
    """

    def __init__(self, link: Link, subjects: Subjects, state: ConsoleState, clock: Clock, handler: Handler) -> None:
        self.changed = Signal[[]]()
        self._link = link
        self._subjects = subjects
        self._state = state
        self._clock = clock
        self._handler = handler
        self._all: Subscription | None = link.subscribe(subjects.all_heartbeats, handler)
        self._each: dict[str, Subscription] = {}
        self._view = (0, -1)
        self._soon: asyncio.TimerHandle | None = None
        self._disconnects = [
            state.roster.status_changed.connect(lambda _: self._look_soon()),
            state.table.rows_changed.connect(lambda *_: self._look_soon()),
            state.details.changed.connect(lambda _: self._look_soon()),
        ]

    def view_moved(self, first: int, last: int) -> None:
        self._view = first, last
        self._look_soon()

    def close(self) -> None:
        for disconnect in self._disconnects:
            disconnect()
        if self._soon is not None:
            self._soon.cancel()

    def _look_soon(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(SOON_S, self._look)

    def _look(self) -> None:
        self._soon = None
        presence = self._state.presence
        registered = self._state.roster.registered or 0
        if listens_to_all(registered, presence.beats_per_device, does=self._all is not None):
            self._listen_to_all()
        else:
            self._listen_to(self._shown(), registered)
        self.changed.emit()

    def _shown(self) -> frozenset[str]:
        """Open details first: a view may be larger than what is listened to."""
        ids = list(self._state.details.open_ids)
        first, last = self._view
        rows = self._state.table.loaded_rows(first, min(last, first + MOST_WATCHED)) if last >= first else ()
        ids += [row.device_id for _, row in rows if row.device_id is not None]
        return frozenset(ids[:MOST_WATCHED])

    def _listen_to_all(self) -> None:
        if self._all is None:
            self._all = self._link.subscribe(self._subjects.all_heartbeats, self._handler)
            self._drop(frozenset())
            self._state.presence.watch(None, self._clock.now())
            self._say("The fleet is small enough again to listen to every device's heartbeats.", State.LIVE)

    def _listen_to(self, device_ids: frozenset[str], registered: int) -> None:
        if self._all is not None:
            self._all.close()
            self._all = None
            self._say(
                f"{count(registered)} devices beat more often than this console takes in: it listens to those in view "
                "and in open details, the others are not watched.",
                State.NOT_WATCHED,
            )
        self._drop(device_ids)
        for device_id in device_ids - self._each.keys():
            with contextlib.suppress(NotAddressable):  # it cannot beat under such a name either
                self._each[device_id] = self._link.subscribe(self._subjects.heartbeat(device_id), self._handler)
        self._state.presence.watch(frozenset(self._each), self._clock.now())

    def _drop(self, keep: frozenset[str]) -> None:
        for device_id in self._each.keys() - keep:
            self._each.pop(device_id).close()

    def _say(self, sentence: str, state: State) -> None:
        self._state.journal.write(self._clock.wall(), state, "heartbeats", sentence)
