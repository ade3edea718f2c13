"""Fleets drawn at random, hostile ones among them, and what a plain list would answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from fleetgui.wire import query
from fleetgui.wire.query import FIELDS, Kind, Order, Value, value_of
from fleetgui.wire.records import Summary

HOSTILE = (
    "", "a", "A", "a\0", "a\0\0", "\0", "a\0b", "ab", "abcdefgh", "abcdefgh\0", "abcdefgha", "abcdefghabcdefgh",
    "straße", "STRASSE", "İstanbul", "ΣΊΣΥΦΟΣ", "σίσυφος", "\u202eevil\u202c", "日本", "𝔘nicode", "é", "\uffff", "\x7f",
    "x" * 10_000, "x" * 9_999 + "Y", "site-01", "site-02", "Site-01", "camera", "a=b c=d,e", "\n", " ", "%s", "*",
)  # fmt: skip
"""Texts that lower-casing makes longer, that end in NUL, that differ late, that are long, or that turn direction."""

texts = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=12)
optional_texts = st.none() | texts
floats = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 20.0, 2.0**53, 1e300])
counts = st.integers(0, 5) | st.sampled_from([2**53, 2**53 + 1, 2**53 + 2, 2**63, 2**63 + 1, 10**20 + 1, 10**400])
times = (
    st.none()
    | floats
    | st.integers(0, 2_000_000_000).map(float)
    | texts
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    | st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "+00:00")
    | st.sampled_from(
        ["2026-11-21T00:00:00Z", "2026-11-21T01:00:00+01:00", "2026-11-21", "2026-11-21T00:00:00.5Z", "yesterday"]
        + ["2026-11-21T00:00:00.000Z", "2026-11-21T00:00:00.123456+00:00", "2026-11-21T24:00:00Z", "٢٠٢٦-11-21"]
    )
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    name: {
        Kind.TEXT: optional_texts,
        Kind.NUMBER: st.none() | floats,
        Kind.TIME: times,
        Kind.TRUTH: st.none() | st.booleans(),
    }[kind]
    for name, kind in FIELDS.items()
} | {"functions": counts, "events": counts, "labels": texts}

ids = st.sampled_from([f"camera-{number:04d}" for number in range(12)]) | texts


@st.composite
def summaries(draw: st.DrawFn) -> Summary:
    """One device, with few fields of its own, so that values repeat."""
    given = draw(st.sets(st.sampled_from([name for name in FIELDS if name != "device_id"]), max_size=6))
    return Summary(draw(ids), **{name: draw(VALUES[name]) for name in sorted(given)})


fields = st.sampled_from(list(FIELDS))
orders = st.lists(st.builds(Order, fields, st.booleans()), max_size=4)


@st.composite
def conditions(draw: st.DrawFn) -> query.Condition:
    name = draw(fields)
    kind = FIELDS[name]
    operators = {
        Kind.TEXT: ["eq", "ne", "lt", "le", "gt", "ge", "contains", "in", "exists"],
        Kind.TRUTH: ["eq", "ne", "exists"],
    }.get(kind, ["eq", "ne", "lt", "le", "gt", "ge", "in", "exists"])
    operator = draw(st.sampled_from(operators))
    operand = {
        Kind.TEXT: texts.map(lambda text: text[:256]),
        Kind.NUMBER: floats | counts,
        Kind.TIME: st.integers(0, 2_000_000_000) | st.just("2026-11-21T00:00:00Z"),
        Kind.TRUTH: st.booleans(),
    }[kind]
    if operator == "exists":
        return query.condition(name, operator, draw(st.booleans()))
    if operator == "in":
        return query.condition(name, operator, draw(st.lists(operand, max_size=10)))
    return query.condition(name, operator, draw(operand))


def ordered(
    rows: Sequence[int], keys: Sequence[Order], value: Callable[[int, str], Value], device_id: Any
) -> list[int]:
    """What `wire.query` makes of it: by the last key first, each sort keeping what the one before it made."""
    result = sorted(rows, key=device_id)
    for key in reversed(keys):
        result = query.arranged([(value(row, key.field), row) for row in result], key)
    return result


def field_of(summary: Summary) -> Callable[[str], Value]:
    return lambda name: value_of(summary, name)
