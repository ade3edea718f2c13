"""What a watch makes of a stream's own account of itself: lost behind its back, or only written again."""

from __future__ import annotations

import pytest

from fleetgui.link.contents import Contents


def account(first: int, last: int, subjects: int, created: str = "then") -> dict[str, object]:
    """What JetStream says of a stream."""
    return {"created": created, "state": {"first_seq": first, "last_seq": last, "num_subjects": subjects}}


@pytest.fixture
def contents() -> Contents:
    """Of a bucket with `a` at 1 and `b` at 2, wholly told."""
    made = Contents()
    made.identify(account(1, 2, 2))
    made.begin(anew=True)
    for revision, key in enumerate("ab", 1):
        made.apply(key, revision, deleted=False)
    made.all_met()
    return made


def test_a_key_that_was_written_again_is_not_lost(contents: Contents) -> None:
    """Its old entry is gone, and the new one is on its way: a whole read for that would be one for each such moment."""
    assert not contents.overtaken(account(2, 3, 2))
    contents.apply("a", 3, deleted=False)
    assert not contents.overtaken(account(2, 3, 2))


def test_what_is_gone_without_a_word_is_lost(contents: Contents) -> None:
    assert contents.overtaken(account(2, 2, 2))


def test_what_is_gone_is_lost_also_where_writing_never_ends(contents: Contents) -> None:
    """`a` was purged, and every look finds something that was not told yet."""
    assert not contents.overtaken(account(2, 3, 2))
    contents.apply("c", 3, deleted=False)
    assert contents.overtaken(account(2, 4, 3))


def test_what_is_gone_is_lost_also_where_a_part_of_the_keys_is_followed(contents: Contents) -> None:
    """Others write all the time, of which this watch is told nothing."""
    assert not contents.overtaken(account(2, 90, 40))
    assert contents.overtaken(account(60, 120, 40))


def test_another_bucket_and_one_that_went_back_are_lost(contents: Contents) -> None:
    assert contents.overtaken(account(1, 2, 2, created="now"))
    assert contents.overtaken(account(1, 1, 2))
    assert contents.overtaken(account(1, 2, 1))
    assert not contents.overtaken(account(1, 2, 2))


def test_of_an_empty_bucket_nothing_can_be_lost() -> None:
    contents = Contents()
    contents.identify(account(0, 0, 0))
    contents.begin(anew=True)
    contents.all_met()
    assert not contents.overtaken(account(1, 0, 0))
    assert not contents.overtaken(account(7, 9, 1))
