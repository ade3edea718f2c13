"""When to try again: soon enough to be back within 3 s, and never more than five refusals a minute."""

from __future__ import annotations

from fleetgui.link.retries import Retries
from fleetgui.link.settings import LinkSettings

SETTINGS = LinkSettings()


def tries_in_a_minute(*, refused: bool, servers: int, lived: float = 0.0) -> list[float]:
    retries, now, tries = Retries(SETTINGS), 0.0, list[float]()
    while now <= 300.0:
        tries.append(now)
        now += max(0.001, retries.pause(now, refused=refused, lived=lived, servers=servers))
    return tries


def test_after_a_connection_that_lived_the_next_try_is_at_once() -> None:
    retries = Retries(SETTINGS)
    for _ in range(10):
        assert retries.pause(0.0, refused=False, lived=60.0, servers=1) == 0.0


def test_pauses_grow_and_stay_short_enough_to_be_back_in_three_seconds() -> None:
    retries = Retries(SETTINGS)
    pauses = [retries.pause(0.0, refused=False, lived=0.0, servers=1) for _ in range(20)]
    assert pauses[0] == SETTINGS.first_backoff
    assert pauses == sorted(pauses)
    assert 1.2 * pauses[-1] < 3.0  # with the jitter on top


def test_a_connection_that_died_young_backs_off_too() -> None:
    assert len(tries_in_a_minute(refused=False, servers=1, lived=1.0)) < 200


def test_refusals_are_at_most_five_in_any_minute_whatever_the_number_of_servers() -> None:
    for servers in (1, 2, 3, 7):
        tries = tries_in_a_minute(refused=True, servers=servers)
        assert max(sum(1 for other in tries if start <= other < start + 60.0) for start in tries) <= 5


def test_all_servers_are_tried_before_there_is_any_pause() -> None:
    retries = Retries(SETTINGS)
    assert [retries.pause(0.0, refused=False, lived=0.0, servers=3) > 0 for _ in range(6)] == [
        False, False, True, False, False, True,
    ]  # fmt: skip
