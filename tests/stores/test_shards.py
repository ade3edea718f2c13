"""What grows in parts holds what a dict would hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.stores.shards import Shards

steps = st.lists(st.tuples(st.sampled_from(["put", "discard"]), st.text(max_size=2), st.integers()), max_size=60)


@given(steps)
def test_it_is_a_dict_in_all_but_its_order(taken: list[tuple[str, str, int]]) -> None:
    shards: Shards[int] = Shards()
    plain: dict[str, int] = {}
    for what, key, value in taken:
        if what == "put":
            shards[key] = plain[key] = value
        else:
            shards.discard(key)
            plain.pop(key, None)
        assert (key in shards) is (key in plain)
        assert shards.get(key) == plain.get(key)
        assert shards.get(key, "none") == plain.get(key, "none")
        assert len(shards) == len(plain)
    assert sorted(shards) == sorted(plain)
