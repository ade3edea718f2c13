"""The intakes of one link take turns, so that together they hold the loop for no longer than one of them does.

A `Scheduler` for `link.intake`: of all callbacks that are due, one runs in each turn of the loop, in the order in which
they came to be due; Qt and the other tasks have their turn in between. So no intake waits for ever, and how many
subscriptions there are does not add up to a dropped frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from fleetgui.link.intake import Handle, Scheduler


class _Turn:
    """One callback that waits; `cancel` works at any time."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback
        self.timer: Handle | None = None

    def cancel(self) -> None:
        self.callback = None
        if self.timer is not None:
            self.timer.cancel()


class Turns:
    """`scheduler` is the loop, or what a test has instead."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._due: deque[_Turn] = deque()
        self._is_asked_for = False

    def call_soon(self, callback: Callable[[], object], /) -> Handle:
        """Run it in a turn of the loop of its own."""
        turn = _Turn(callback)
        self._queue(turn)
        return turn

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Handle:
        """As `call_soon`, after `delay` seconds."""
        turn = _Turn(callback)
        turn.timer = self._scheduler.call_later(delay, lambda: self._queue(turn))
        return turn

    def _queue(self, turn: _Turn) -> None:
        self._due.append(turn)
        self._ask()

    def _ask(self) -> None:
        if self._due and not self._is_asked_for:
            self._is_asked_for = True
            self._scheduler.call_soon(self._run)

    def _run(self) -> None:
        self._is_asked_for = False
        while self._due:
            callback = self._due.popleft().callback
            if callback is not None:
                self._ask()  # first: whatever this one raises, the others go on
                callback()
                return
