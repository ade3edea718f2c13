"""Searches over kept records, in the language of `wire.query`. Plain Python, in steps: nothing here takes long at once.

What most searches look into (id, type, location, labels, counts) lies ready on a record. Of what heartbeats change the
status alone is decoded, which costs a microsecond; for anything else the summary, which costs five.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final, Protocol

from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.steps import Steps, let_go, sorted_in_steps
from fleetgui.wire.codec import Malformed, decode
from fleetgui.wire.query import FIELDS, Filter, Order, Value, comparable, value_of
from fleetgui.wire.records import Status

_READY: Final = frozenset({"device_id", "ttl", "device_type", "location", "labels", "functions"})
"""Fields that a `Record` has by these names."""

_OF_STATUS: Final = {
    "availability": "availability",
    "busy_score": "busy_score",
    "battery": "battery",
    "online": "online",
    "status_ts": "ts",
    "offline_since": "offline_since",
}
"""Fields that stand in a record's status as they are, and what they are called there."""

_READY_US: Final = 0.5
_STATUS_US: Final = 1.5
_SUMMARY_US: Final = 5.0
"""What a search takes for one record, about, when it looks into those fields, those, and any."""


class Hits(Protocol):
    """The ids that a search found, in its order."""

    def __len__(self) -> int: ...

    def ids(self, start: int, stop: int) -> Sequence[str]:
        """Those at these positions, fewer at the end."""

    def rank(self, device_id: str) -> int:
        """How many of them are not above `device_id`. Only of a search in order of id."""


class FoundIds:
    """Hits as a list."""

    def __init__(self, found: list[str]) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    def ids(self, start: int, stop: int) -> Sequence[str]:
        return self._found[start:stop]

    def rank(self, device_id: str) -> int:
        return bisect_right(self._found, device_id)


def search(
    chunks: Iterable[list[Record]], what: Filter, order: Order, sees: Callable[[str], bool] | None
) -> Steps[Hits]:
    """Look at all records, which come in order of id."""
    matches = matcher(what)
    if order.field == "device_id":
        found: list[str] = []
        for chunk in chunks:
            found += [each.device_id for each in chunk if matches(each) and (sees is None or sees(each.device_id))]
            yield None
        if order.descending:
            found.reverse()
        return FoundIds(found)
    key = reader(order.field)
    keys: list[Any] = []
    present: list[str] = []
    missing: list[str] = []
    for chunk in chunks:
        for record in chunk:
            if matches(record) and (sees is None or sees(record.device_id)):
                value = key(record)
                if value is None:
                    missing.append(record.device_id)
                else:
                    keys.append(value)
                    present.append(record.device_id)
        yield None
    ordered = yield from sorted_in_steps(keys, present, descending=order.descending)
    ordered += missing
    yield from let_go(keys)
    return FoundIds(ordered)


def cost_s(records: int, what: Filter, order: Order) -> float:
    """About how long it takes to search so many records, on a machine of our day."""
    fields = {each.field for each in what.conditions} | {order.field}
    if fields <= _READY:
        return records * _READY_US / 1e6
    return records * (_STATUS_US if fields <= _READY | _OF_STATUS.keys() else _SUMMARY_US) / 1e6


def reader(field: str) -> Callable[[Record], Value]:
    """What gives a record's value of `field`, as `wire.query.value_of` gives its summary's."""
    kind = FIELDS[field]
    if field in _READY:
        raw = attrgetter(field)
        return lambda record: comparable(kind, raw(record))
    if field in _OF_STATUS:
        of_status = attrgetter(_OF_STATUS[field])

        def value(record: Record) -> Value:
            try:
                return comparable(kind, of_status(decode(record.status, Status)))
            except Malformed:  # something in it is not what it should be, and this may be
                return value_of(record.summary(), field)

        return value
    return lambda record: value_of(record.summary(), field)


def matcher(what: Filter) -> Callable[[Record], bool]:
    """What decides on a record as `what.matches` does on its fields."""
    text = what.text
    others = [each for each in what.conditions if each.field not in _READY and each.field not in _OF_STATUS]
    cheapest_first = sorted(what.conditions, key=lambda each: each.field not in _READY)
    quick = [(each.holds, reader(each.field)) for each in cheapest_first if each not in others]

    def matches(record: Record) -> bool:
        if (
            text
            and text not in record.device_id.lower()
            and text not in record.type_folded
            and text not in record.location_folded
            and text not in record.labels_folded
        ):
            return False
        for holds, value in quick:
            if not holds(value(record)):
                return False
        if others:
            summary = record.summary()
            return all(each.holds(value_of(summary, each.field)) for each in others)
        return True

    return matches
