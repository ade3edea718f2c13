"""Reads the overview where the pointer or the keyboard is: a crosshair, and a card with the values of every lane."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF

from fleetgui.stores.console import ConsoleState
from fleetgui.widgets.overview import reading as overview_reading
from fleetgui.widgets.overview import words as overview_words
from fleetgui.widgets.overview.readout import Card, Part
from fleetgui.widgets.overview.spot import By, Spot
from fleetgui.widgets.plots.lanes import RefusalColumns
from fleetgui.widgets.plots.pair import TimePlots

_CARD_AT: Final = 0.35
"""Where a card stands that the keyboard asked for, as a share of the height."""


class Reader:
    def __init__(self, state: ConsoleState, plots: TimePlots, columns: RefusalColumns) -> None:
        self.spot = Spot(state.engagements)
        self.card = Card(plots)
        self._state = state
        self._plots = plots
        self._columns = columns
        self._y = 0.0

    def show(self, wall: float) -> None:
        """The crosshair, and beside it what stands there; `wall` is now on the gateways' clocks, epoch seconds."""
        moment, refusal = self.spot.moment, self.spot.refusal
        self._plots.point_at(moment, self.spot.row)
        if moment is None:
            self.card.show_parts([], QPointF())
            return
        parts = overview_reading.at(self._state, self._columns, moment, self._plots.pixel_s)
        by_keys = self.spot.by is By.KEYS
        if refusal is not None:
            parts = [Part(overview_words.refusal_sentence(self._state, refusal, wall=wall)), *parts]
            if by_keys:
                parts.append(Part("Enter opens the device.", quiet=True))
        said = self.card.text
        self.card.show_parts(parts, self._plots.place_of(moment, self._y))
        if by_keys and self.card.text != said:
            self._plots.setAccessibleDescription(self.card.text)

    def pointed(self, scene: QPointF | None) -> None:
        """The pointer is at a point of the scene, or nowhere."""
        if scene is None:
            self.spot.leave()
        else:
            self._y = scene.y()
            self.spot.point(self._plots.epoch_at(scene), self._plots.row_near(scene))

    def step(self, forward: bool) -> float | None:
        """To the next engagement or the one before: where it is, None when there is none."""
        left, right = self._plots.time_range
        refusal = self.spot.step(forward, left if forward else right)
        self._y = self._plots.height() * _CARD_AT
        return None if refusal is None else refusal.at

    def move(self, pixels: float) -> float:
        """Along the axis, from the middle where nothing was read: where it is now."""
        left, right = self._plots.time_range
        moment = self.spot.moment
        to = (left + right) / 2 if moment is None else moment + pixels * self._plots.pixel_s
        self._y = self._plots.height() * _CARD_AT
        self.spot.move_to(to)
        return to
