"""One encoded record as a filter reads it: every field that it names, those of the summary and any other.

`Expression.matches(reader_of(record))` is what every quicker way agrees with.
"""

from __future__ import annotations

from collections.abc import Callable

from fleetgui.wire.payload import path_of, value_at
from fleetgui.wire.query import FIELDS, Value, value_of
from fleetgui.wire.records import summarize


def reader_of(record: bytes) -> Callable[[str], Value]:
    """What a record has of a field of the summary, or at a path; raises `Malformed` for what is no record."""
    summary = summarize(record)

    def value(name: str) -> Value:
        if name in FIELDS:
            return value_of(summary, name)
        path = path_of(name)
        return None if path is None else value_at(record, path)

    return value
