"""Heads of groups in words: what a row says whose devices have a value in common. Text of devices, made safe."""

from __future__ import annotations

from fleetgui.policy import formats
from fleetgui.policy.wanted import LABEL
from fleetgui.stores.roster import GroupHead

LONGEST_TITLE = 60
OPEN, CLOSED = "▾", "▸"
TITLES = {"device_type": "type", "busy_score": "busy", "error_state": "error", "serial_number": "serial number"}


def title_of(field: str) -> str:
    """What devices are grouped by: a field, a label, a path of their records."""
    if field.startswith(LABEL):
        return f"label {formats.text(field.removeprefix(LABEL), LONGEST_TITLE)}"
    return TITLES.get(field, formats.text(field.replace("_", " "), LONGEST_TITLE))


def value_of(head: GroupHead) -> str:
    """What the devices below the head have in common; that they have none is said."""
    return f"no {title_of(head.field)}" if head.value is None else formats.text(head.value)


def count_of(head: GroupHead) -> str:
    return f"{head.count:,} {'device' if head.count == 1 else 'devices'}"


def spoken(head: GroupHead) -> str:
    """The whole head in one string, as it is read aloud."""
    glyph = OPEN if head.is_open else CLOSED
    return f"{glyph} {value_of(head)}, {count_of(head)}, {'open' if head.is_open else 'closed'}"
