"""Everything that happened, as this console saw it, newest last, bounded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State

CAPACITY: Final = 20_000


@dataclass(frozen=True)
class Entry:
    """One line: when (epoch seconds), its state, which source, a sentence; the device if it is about one."""

    at: float
    state: State
    source: str
    text: str
    device_id: str | None = None


class Journal:
    def __init__(self, capacity: int = CAPACITY) -> None:
        self.appended = Signal[[Entry]]()
        self.entries: deque[Entry] = deque(maxlen=capacity)
        self.total = 0
        """Entries ever written, so that readers notice what fell off the end."""

    def write(self, at: float, state: State, source: str, text: str, device_id: str | None = None) -> None:
        entry = Entry(at, state, source, text, device_id)
        self.entries.append(entry)
        self.total += 1
        self.appended.emit(entry)
