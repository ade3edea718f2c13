"""Leases end after more than their ttl of silence, whatever is done to them in between."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.backend.registry.leases import Key, Leases

CAM: Key = ("t", "cam")


def test_a_lease_ends_after_more_than_its_ttl() -> None:
    leases = Leases()
    leases.grant(CAM, 15, 100.0)
    assert leases.expired(115.0, 10) == []
    assert not leases.may_expire(115.0)
    assert leases.may_expire(math.nextafter(115.0, 200))
    assert leases.expired(math.nextafter(115.0, 200), 10) == [CAM]
    assert len(leases) == 0


def test_a_heartbeat_extends_it_and_only_a_lease_can_beat() -> None:
    leases = Leases()
    assert not leases.beat(CAM, 0.0)
    leases.grant(CAM, 15, 0.0)
    assert leases.beat(CAM, 10.0)
    assert leases.expired(20.0, 10) == []
    assert leases.expired(25.1, 10) == [CAM]
    assert not leases.beat(CAM, 25.2)


def test_a_new_grant_may_shorten_or_lengthen_it() -> None:
    leases = Leases()
    leases.grant(CAM, 100, 0.0)
    leases.grant(CAM, 1, 0.0)
    assert leases.expired(1.5, 10) == [CAM]
    leases.grant(CAM, 1, 2.0)
    leases.grant(CAM, 100, 2.0)
    assert leases.expired(50.0, 10) == []
    assert leases.expired(103.0, 10) == [CAM]


def test_silence_while_nobody_could_be_heard_does_not_count() -> None:
    leases = Leases()
    leases.grant(CAM, 15, 0.0)
    leases.forgive(1_000.0)
    assert leases.expired(1_015.0, 10) == []
    assert leases.expired(1_015.1, 10) == [CAM]


def test_many_ends_come_in_portions() -> None:
    leases = Leases()
    for number in range(25):
        leases.grant(("t", f"{number:02}"), 1, 0.0)
    assert [len(leases.expired(2.0, 10)) for _ in range(4)] == [10, 10, 5, 0]


def test_alternating_ttls_do_not_fill_the_memory() -> None:
    leases = Leases()
    for number in range(10_000):
        leases.grant(CAM, 1_000_000 if number % 2 else 1, float(number) / 1e6)
    assert len(leases._heap) < 100


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["grant", "beat", "look"]), st.integers(1, 20), st.integers(0, 9)
    ),
    max_size=100,
)


@given(steps)
def test_exactly_the_silent_ones_end(moves: list[tuple[str, str, int, int]]) -> None:
    leases = Leases()
    model: dict[Key, tuple[float, int]] = {}
    now = 0.0
    for name, move, ttl, pause in moves:
        now += pause
        key = ("t", name)
        if move == "grant":
            leases.grant(key, ttl, now)
            model[key] = (now, ttl)
        elif move == "beat":
            assert leases.beat(key, now) is (key in model)
            if key in model:
                model[key] = (now, model[key][1])
        else:
            gone = {key for key, (seen, ttl) in model.items() if now - seen > ttl}
            assert set(leases.expired(now, 100)) == gone
            for key in gone:
                del model[key]
        assert len(leases) == len(model)
