"""How many records to ask for: by the environment, by the payload and what came, halved on failure, growing back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.pages import FILL, FIRST_PAGE, LARGEST_PAGE, PAGES_BEFORE_GROWTH, PageSizer

MEGABYTE = 1_048_576


@pytest.mark.parametrize(
    ("configured", "size"),
    [("", FIRST_PAGE), ("50", 50), ("1", 1), ("0", FIRST_PAGE), ("-5", FIRST_PAGE), ("x", FIRST_PAGE)]
    + [("2.5", FIRST_PAGE), (" 7", FIRST_PAGE), ("²", FIRST_PAGE), ("٣", FIRST_PAGE), ("9" * 5_000, FIRST_PAGE)],
)
def test_the_first_page_is_what_the_environment_says_if_it_says_a_number(configured: str, size: int) -> None:
    assert PageSizer({"DEVICE_CONNECT_LIST_PAGE_SIZE": configured}).size == size


def test_small_records_are_asked_for_by_the_largest_page() -> None:
    sizer = PageSizer({}, MEGABYTE)
    sizer.page_arrived(100, 100 * 1_600)
    assert sizer.size == LARGEST_PAGE


def test_large_records_fill_a_part_of_the_payload() -> None:
    sizer = PageSizer({}, MEGABYTE)
    sizer.page_arrived(50, 50 * 13_000)
    assert sizer.size == int(MEGABYTE * FILL / 13_000)
    assert sizer.size * 13_000 < MEGABYTE


def test_a_configured_size_is_an_upper_bound_too() -> None:
    sizer = PageSizer({"DEVICE_CONNECT_LIST_PAGE_SIZE": "40"}, MEGABYTE)
    sizer.page_arrived(40, 40 * 100)
    assert sizer.size == 40
    sizer.page_arrived(40, MEGABYTE - 1)
    assert sizer.size < 40


def test_a_reply_that_did_not_fit_halves_until_one_record_is_left() -> None:
    sizer = PageSizer({})
    sizes = [sizer.size]
    while sizer.page_did_not_fit(sizer.size):
        sizes.append(sizer.size)
    assert sizes == [100, 50, 25, 12, 6, 3, 1]
    sizer.record_did_not_fit()
    assert sizer.size == FIRST_PAGE


def test_after_many_full_pages_a_halved_page_grows_again() -> None:
    sizer = PageSizer({}, 8 * MEGABYTE)
    sizer.page_did_not_fit(100)
    for _ in range(PAGES_BEFORE_GROWTH - 1):
        sizer.page_arrived(50, 50 * 1_600, asked=50)
    assert sizer.size == 50
    sizer.page_arrived(50, 50 * 1_600, asked=50)
    assert sizer.size == 100
    sizer.page_arrived(3, 3 * 1_600, asked=100)
    assert sizer.size == 100, "a short page proves nothing"


def test_one_huge_record_is_forgotten_in_time() -> None:
    sizer = PageSizer({}, MEGABYTE)
    sizer.page_arrived(1, 500_000)
    assert sizer.size == 1
    for _ in range(60):
        sizer.page_arrived(sizer.size, sizer.size * 1_600)
    assert sizer.size == LARGEST_PAGE


def test_an_empty_page_teaches_nothing() -> None:
    sizer = PageSizer({}, MEGABYTE)
    sizer.page_arrived(0, 60)
    assert sizer.size == FIRST_PAGE
    assert sizer.largest_arrived == 0


@given(
    st.integers(1, 64 * MEGABYTE),
    st.lists(
        st.tuples(st.sampled_from(["came", "did not fit", "record"]), st.integers(0, 5_000), st.integers(0, 10**8))
    ),
)
def test_whatever_happens_at_least_one_record_and_at_most_the_largest_page_is_asked_for(
    payload: int, events: list[tuple[str, int, int]]
) -> None:
    sizer = PageSizer({}, payload)
    for event, records, size in events:
        if event == "came":
            sizer.page_arrived(records, size, asked=sizer.size)
        elif event == "did not fit":
            sizer.page_did_not_fit(sizer.size)
        else:
            sizer.record_did_not_fit()
        assert 1 <= sizer.size <= LARGEST_PAGE
