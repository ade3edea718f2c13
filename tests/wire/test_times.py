"""Times from the wire: with and without zone, as numbers, and those that no calendar can show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.formats import clock_utc, export_time, moment_utc
from fleetgui.wire.times import rfc3339, rfc3339_seconds, to_epoch

MOMENT = 1_795_219_927.0


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T00:12:07Z",
        "2026-11-21T00:12:07",
        "2026-11-21 00:12:07+00:00",
        "2026-11-21T01:12:07+01:00",
        "2026-11-20T18:12:07.000-06:00",
        int(MOMENT),
        MOMENT,
    ],
)
def test_every_form_in_use_is_the_same_moment(value: object) -> None:
    assert to_epoch(value) == MOMENT


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "yesterday",
        "2026-13-45T00:00:00Z",
        "2026-11-21T00:12:07Z" + " " * 60,
        [],
        {},
        float("nan"),
        float("inf"),
        -float("inf"),
        1e300,
        10**400,
        1_795_219_927_000,  # milliseconds: no calendar has the year 58857
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert to_epoch(value) is None


@given(st.one_of(st.floats(), st.integers(), st.text(max_size=70), st.datetimes().map(str), st.booleans()))
def test_whatever_is_a_time_can_be_shown(value: object) -> None:
    epoch = to_epoch(value)
    if epoch is not None:
        assert clock_utc(epoch)
        assert moment_utc(epoch)
        assert export_time(epoch)


def test_times_as_they_are_written() -> None:
    assert rfc3339(MOMENT + 0.25) == "2026-11-21T00:12:07.250Z"
    assert rfc3339_seconds(MOMENT + 0.9) == "2026-11-21T00:12:07Z"
    assert to_epoch(rfc3339(MOMENT + 0.25)) == MOMENT + 0.25
