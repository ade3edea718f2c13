"""Ties what a Qt object hears from stores to the life of that object.

A store keeps its listeners for ever, and a listener that is a method of a deleted Qt object raises when it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from PySide6.QtCore import QObject

from fleetgui.policy.signals import Signal

P = ParamSpec("P")


class Subscriptions:
    """What one Qt object listens to; ended when that object is destroyed, or before by `end`."""

    def __init__(self, owner: QObject) -> None:
        self._ends: list[Callable[[], None]] = []
        ends = self._ends  # a function, not a method: Qt holds methods of plain objects weakly, functions strongly

        def end() -> None:
            while ends:
                ends.pop()()

        self.end = end
        owner.destroyed.connect(end)

    def listen(self, signal: Signal[P], listener: Callable[P, object]) -> None:
        self._ends.append(signal.connect(listener))
