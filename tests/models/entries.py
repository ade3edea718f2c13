"""Journals with entries in them, for tests of their model and their page."""

from __future__ import annotations

from fleetgui.policy.states import State
from fleetgui.stores.journal import Journal

WALL = 1_795_230_847.0


def written(count: int, capacity: int = 20_000) -> Journal:
    journal = Journal(capacity)
    for number in range(count):
        write(journal, number)
    return journal


def write(journal: Journal, number: int, device_id: str | None = None) -> None:
    state = State.OFFLINE if number % 3 else State.LIVE
    journal.write(WALL + number, state, f"source {number % 4}", f"entry {number}", device_id)
