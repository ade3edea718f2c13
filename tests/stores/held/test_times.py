"""Times are taken apart together as they are one by one, and put together again as they were written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.stores.held.times import KEPT, all_apart, put_together, taken_apart

ZONES = ("Z", "+00:00", "")
moments = st.datetimes(datetime(1969, 12, 1), datetime(2040, 1, 1))


@st.composite
def usual(draw: st.DrawFn) -> list[str]:
    """Enough texts of one way of writing to be read together."""
    zone, precision = draw(st.sampled_from(ZONES)), draw(st.sampled_from(("seconds", "milliseconds", "microseconds")))
    several = draw(st.lists(moments, min_size=17, max_size=25))
    return [each.isoformat(timespec=precision) + zone for each in several]


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=32),
    st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", fullmatch=True),  # of which most are in no calendar
)


def one_by_one(values: list[object]) -> list[tuple[str, int]]:
    return [(repr(seconds), form) for seconds, form in map(taken_apart, values)]


def together(values: list[object]) -> list[tuple[str, int]]:
    apart = all_apart(values)
    return [(repr(each), form) for each, form in zip(apart.seconds.tolist(), apart.forms.tolist(), strict=True)]


@given(usual(), st.lists(odd, max_size=10))
def test_together_is_as_one_by_one(texts: list[str], others: list[object]) -> None:
    values = [*others[::2], *texts[:9], *others[1::2], *texts[9:]]
    assert together(values) == one_by_one(values)


@given(usual())
def test_what_is_written_in_a_usual_way_comes_back_as_it_was(texts: list[str]) -> None:
    apart = all_apart(texts)
    for text, seconds, form in zip(texts, apart.seconds.tolist(), apart.forms.tolist(), strict=True):
        is_near = "1970" < text < "2038-01-19T03:14:08"
        assert put_together(seconds, form) == text if is_near else form == KEPT


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-02-29T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-13-10T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-04-10T24:00:00Z",
        "2026-04-10T10:60:00Z",
        "2026-04-10T10:00:60Z",
        "2026-04-10 10:00:00Z",
        "2026-04-10T10:00:00z",
        "2026-04-1\u0661T10:00:00Z",
        "2038-01-19T03:14:08Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_one_that_is_unusual_among_many_is_told_apart(wrong: str) -> None:
    start = datetime(2026, 11, 21, tzinfo=UTC)
    values: list[object] = [(start + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(40)]
    values[23] = wrong
    assert together(values) == one_by_one(values)


def test_a_leap_day_and_the_last_second_are_times_as_any() -> None:
    values: list[object] = ["2028-02-29T23:59:59Z", "2038-01-19T03:14:07Z", "1970-01-01T00:00:00Z"] * 10
    assert together(values) == one_by_one(values)
    assert all_apart(values).seconds.tolist()[:3] == [1_835_481_599.0, 2_147_483_647.0, 0.0]
