"""The states of all devices as columns, and their changes: what `presence.state` says of one, for many at once.

A look takes in `MOST_AT_ONCE` devices and goes on where the last one ended, so that it costs the same whatever the
fleet. A device whose state changed and changed back between two looks at it did not change as far as this log knows.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from fleetgui.policy.freshness import BEATS_PER_TTL, GRACE_S
from fleetgui.policy.states import State
from fleetgui.stores.presence import Presence
from fleetgui.stores.sources import Change

CAPACITY: Final = 20_000
"""Changes kept."""
MOST_AT_ONCE: Final = 2_000

STATES: Final = (
    State.UNKNOWN,
    State.ONLINE,
    State.LATE,
    State.UNCONFIRMED,
    State.STALE,
    State.OFFLINE,
    State.NOT_WATCHED,
)
"""By code."""
_CODES: Final = {state: code for code, state in enumerate(STATES)}


def codes(presence: Presence, begin: int, end: int, now: float) -> npt.NDArray[np.uint8]:
    """The states of the devices in slots begin … end − 1 as codes into `STATES`: the rule of `device_state`."""
    columns = presence.columns(begin, end)
    last, listed, offline, lease = columns.last_beat, columns.listed_at, columns.offline_since, columns.lease
    confirmed_from = presence.sources.confirmed_from
    evidence = np.maximum(last, listed)
    with np.errstate(invalid="ignore"):  # −inf − −inf: the first choices take those
        age = now - last
        no_beat = ~np.isfinite(last) | (listed - last > lease)
        waiting = now - np.maximum(evidence, confirmed_from) < lease
        found = np.select(
            [
                np.isfinite(offline) & (evidence <= offline),
                ~np.isfinite(evidence),
                ~columns.watched,
                no_beat & waiting,
                no_beat | (age >= lease),
                last < confirmed_from,
                age > lease / BEATS_PER_TTL + GRACE_S,
            ],
            [
                _CODES[state]
                for state in (
                    State.OFFLINE,
                    State.UNKNOWN,
                    State.NOT_WATCHED,
                    State.UNCONFIRMED,
                    State.STALE,
                    State.UNCONFIRMED,
                    State.LATE,
                )
            ],
            _CODES[State.ONLINE],
        ).astype(np.uint8)
    return _under_link(presence, now)[found]


def _under_link(presence: Presence, now: float) -> npt.NDArray[np.uint8]:
    """By the code of a state, that of what the link makes of it."""
    capped: list[State] = []
    for state in STATES:
        if state in (State.UNKNOWN, State.OFFLINE, State.NOT_WATCHED):
            capped.append(state)
            continue
        under = presence.sources.under_link(State.LIVE if state is State.ONLINE else state, now)
        capped.append(State.ONLINE if under is State.LIVE else under)
    return np.array([_CODES[state] for state in capped], dtype=np.uint8)


class DeviceStates:
    """Keeps the changes of the devices' states; `look` is called ten times a second."""

    def __init__(self, presence: Presence) -> None:
        self.log: deque[Change] = deque(maxlen=CAPACITY)
        self.changes = 0
        """Changes ever seen, so that a reader notices what fell out of the log."""
        self._presence = presence
        self._last = np.zeros(0, dtype=np.uint8)
        self._next = 0

    def look(self, now: float) -> None:
        """Look at the next devices."""
        size = len(self._presence)
        if size > len(self._last):
            self._last = np.concatenate([self._last, np.zeros(2 * size - len(self._last), dtype=np.uint8)])
        begin = self._next if self._next < size else 0
        end = min(size, begin + MOST_AT_ONCE)
        self._next = end
        found = codes(self._presence, begin, end, now)
        changed = np.flatnonzero(found != self._last[begin:end])
        self._last[begin:end] = found
        self.changes += len(changed)
        for offset in changed[-CAPACITY:].tolist():
            name = self._presence.device_in(begin + offset)
            self.log.append(Change(now, f"device {name}", STATES[found[offset]]))
