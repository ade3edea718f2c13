"""Heads of groups in words: what a row says whose devices have a value in common. Text of devices, made safe."""

from __future__ import annotations

import re
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.filters import parse
from fleetgui.policy.filters.vocabulary import SUMMARY
from fleetgui.policy.filters.writing import quoted
from fleetgui.policy.wanted import LABEL
from fleetgui.stores.roster import GroupHead
from fleetgui.wire.query import FIELDS, Kind

LONGEST_TITLE = 60
OPEN, CLOSED = "▾", "▸"
TITLES = {"device_type": "type", "busy_score": "busy", "error_state": "error", "serial_number": "serial number"}
_FIGURE: Final = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+")
_FRACTION: Final = re.compile(r"-?[0-9,]*\.[0-9]+|-?[0-9.]+e[+-]?[0-9]+")


def title_of(field: str) -> str:
    """What devices are grouped by: a field, a label, a path of their records."""
    if field.startswith(LABEL):
        return f"label {formats.text(field.removeprefix(LABEL), LONGEST_TITLE)}"
    return TITLES.get(field, formats.text(field.replace("_", " "), LONGEST_TITLE))


def value_of(head: GroupHead) -> str:
    """What the devices below the head have in common; that they have none is said."""
    return f"no {title_of(head.field)}" if head.value is None else formats.text(head.value)


def filter_of(head: GroupHead) -> str:
    """What finds the group's devices, in the language of filters; "" where that cannot be written exactly."""
    if head.field.startswith(LABEL):
        word = f"label.{head.field.removeprefix(LABEL)}"
    else:
        word = next((each.word for each in SUMMARY if each.field == head.field), head.field)
    term = f"no:{word}" if head.value is None else f"{word}={_operand(head)}"
    parsed, known = parse(term), {head.field, "labels"}
    return "" if parsed.mistakes or parsed.filter is None or parsed.filter.fields() - known else term


def _operand(head: GroupHead) -> str:
    """The value as it stands in a filter: figures without what groups their digits, and as that text too."""
    value, kind = head.value or "", Kind.TEXT if head.field.startswith(LABEL) else FIELDS.get(head.field)
    if kind is Kind.TIME or (kind is not Kind.TEXT and _FRACTION.fullmatch(value)):
        return '""'  # a head shows these less exactly than they are, and this is no operand
    if kind is Kind.TEXT or not _FIGURE.fullmatch(value):
        return quoted(value)
    plain = value.replace(",", "")
    return plain if head.field in FIELDS else f"{plain},{quoted(value)}"


def count_of(head: GroupHead) -> str:
    return f"{head.count:,} {'device' if head.count == 1 else 'devices'}"


def spoken(head: GroupHead) -> str:
    """The whole head in one string, as it is read aloud."""
    glyph = OPEN if head.is_open else CLOSED
    return f"{glyph} {value_of(head)}, {count_of(head)}, {'open' if head.is_open else 'closed'}"
