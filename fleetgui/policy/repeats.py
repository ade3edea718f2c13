"""Which of many like failures are worth a line: a fleet fails in the same way, and a slot with every beat. Pure."""

from __future__ import annotations


def is_power_of_ten(count: int) -> bool:
    """Which of many like failures are reported: the 1st, 10th, 100th …; all are counted."""
    return str(count).strip("0") == "1"
