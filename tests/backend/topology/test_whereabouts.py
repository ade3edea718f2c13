"""Where a device is by what is found of it and heard from it, and for how long one that went offline still is there."""

from __future__ import annotations

import pytest

from fleetgui.backend.topology.picture import Picture
from fleetgui.backend.topology.walk import Found
from fleetgui.backend.topology.whereabouts import OFFLINE_KEPT_S, Whereabouts
from fleetgui.policy.clock import ManualClock

HALL, DOCK = "site-1/hall", "site-2/dock"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def picture(clock: ManualClock) -> Picture:
    return Picture(clock)


@pytest.fixture
def whereabouts(picture: Picture, clock: ManualClock) -> Whereabouts:
    return Whereabouts(picture, clock)


def test_a_device_without_a_place_is_remembered_until_it_says_one(picture: Picture, whereabouts: Whereabouts) -> None:
    whereabouts.place(Found("rover", None, online=True))
    assert (whereabouts.knows("rover"), whereabouts.count) == (True, 1)
    assert picture.sites.site_of("rover") is None
    whereabouts.move("rover", HALL)
    assert (list(whereabouts.nowhere), whereabouts.count) == ([], 1)
    assert picture.sites.site_of("rover") == "site-1"
    whereabouts.move("rover", DOCK)
    assert picture.sites.site_of("rover") == "site-2"
    whereabouts.move("rover", None)
    assert (list(whereabouts.nowhere), picture.sites.site_of("rover")) == (["rover"], None)
    assert not whereabouts.knows("never heard of")


def test_who_is_offline_is_a_member_for_so_long_and_is_not_counted(
    picture: Picture, whereabouts: Whereabouts, clock: ManualClock
) -> None:
    whereabouts.place(Found("cam-1", HALL, online=True))
    whereabouts.set_online("cam-1", False)
    assert (whereabouts.knows("cam-1"), whereabouts.count) == (True, 0)
    whereabouts.move("cam-1", DOCK)
    clock.advance(OFFLINE_KEPT_S / 2)
    whereabouts.set_online("cam-1", False)  # said once more: it counts from the first time
    whereabouts.let_go()
    assert whereabouts.knows("cam-1")
    clock.advance(OFFLINE_KEPT_S / 2)
    whereabouts.let_go()
    assert not whereabouts.knows("cam-1")


def test_who_came_back_is_not_let_go(whereabouts: Whereabouts, clock: ManualClock) -> None:
    whereabouts.place(Found("cam-1", HALL, online=False))
    whereabouts.set_online("cam-1", True)
    clock.advance(2 * OFFLINE_KEPT_S)
    whereabouts.let_go()
    assert (whereabouts.knows("cam-1"), whereabouts.count) == (True, 1)


def test_whose_record_says_that_it_went_too_long_ago_is_no_member(whereabouts: Whereabouts, clock: ManualClock) -> None:
    gone = clock.wall() - OFFLINE_KEPT_S
    whereabouts.place(Found("lately", HALL, online=False, gone_since=gone + 1))
    whereabouts.place(Found("long ago", HALL, online=False, gone_since=gone - 1))
    assert (whereabouts.knows("lately"), whereabouts.knows("long ago")) == (True, False)
