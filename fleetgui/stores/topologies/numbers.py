"""The numbers of a topology's events: which came, and which are lost, exactly, over whatever order they come in.

A number is lost once a snapshot of its epoch shows that it was given while the console was there, and it never came.
One that comes after all is lost no more. Who forges numbers makes nothing lost: they were never given.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sequences import SEQUENCE_GAP, Sequence

EPOCHS_COUNTED: Final = 4
"""Of the epochs before, so that an event of an older one is known to have come."""


class Numbers:
    """`lost` events in all; they stand in the ledger under `source` too."""

    def __init__(self, source: str, ledger: Ledger) -> None:
        self.lost = 0
        self._source = source
        self._ledger = ledger
        self._epochs: OrderedDict[str, Sequence] = OrderedDict()
        self._epoch = ""
        self._accounted = -1
        """The number of this epoch up to which it is known what is lost, …"""
        self._lost_of_epoch = 0
        """… and how much that is."""
        self._unbroken = False
        """Whether the subscription has stood since the last snapshot."""

    def came(self, epoch: str, seq: int) -> bool:
        """An event came; whether it did so for the first time."""
        numbers = self._of(epoch)
        if not numbers.take(seq, live=False):
            return False
        if epoch == self._epoch and seq <= self._accounted:
            late = self._lost_of_epoch - numbers.lost
            if late > 0:
                self._lost_of_epoch -= late
                self.lost -= late
                self._ledger.recover(self._source, SEQUENCE_GAP, late)
        return True

    def broke(self) -> None:
        """The subscription did not stand, or nobody numbered: an epoch that begins meanwhile has no known beginning."""
        self._unbroken = False

    def forget(self) -> None:
        """Nothing can be heard: what is given meanwhile is not lost, and the next snapshot begins to count anew."""
        self._epochs.clear()
        self._unbroken = False

    def given(self, epoch: str, seq: int, wall: float) -> int:
        """A snapshot shows, at epoch second `wall`, that all up to `seq` was given; how much of it is newly lost."""
        numbers = self._of(epoch)
        self._epochs.move_to_end(epoch)
        if epoch != self._epoch and self._unbroken:
            numbers.reach(0)  # it was heard from its first number on
        before = numbers.lost
        numbers.reach(seq)
        self._epoch, self._accounted, self._lost_of_epoch = epoch, seq, numbers.lost
        self._unbroken = True
        missing = max(0, numbers.lost - before)
        if missing:
            self.lost += missing
            self._ledger.lose(self._source, SEQUENCE_GAP, missing, wall)
        return missing

    def _of(self, epoch: str) -> Sequence:
        numbers = self._epochs.get(epoch)
        if numbers is None:
            numbers = self._epochs[epoch] = Sequence()
            if len(self._epochs) > EPOCHS_COUNTED:
                self._epochs.popitem(last=False)
        return numbers
