"""What a watch holds to be in its bucket, and when it no longer believes that."""

from __future__ import annotations

from typing import Any

import pytest

from fleetgui.link.contents import Contents


def info(*, created: str = "then", first: int = 1, last: int = 3, subjects: int = 2) -> dict[str, Any]:
    return {"created": created, "state": {"first_seq": first, "last_seq": last, "num_subjects": subjects}}


def followed() -> Contents:
    """A bucket in which `b` stands at revision 2 and `a` at 3."""
    contents = Contents()
    contents.identify(info())
    contents.begin(anew=True)
    for revision, key in enumerate(("a", "b", "a"), 1):
        assert contents.apply(key, revision, deleted=False)
    assert contents.all_met() == []
    return contents


def test_what_a_full_read_does_not_meet_is_gone() -> None:
    contents = followed()
    contents.begin(anew=True)
    assert contents.revision == 0
    contents.apply("b", 4, deleted=False)
    assert contents.all_met() == ["a"]
    assert len(contents) == 1
    contents.begin(anew=False)
    assert contents.all_met() == [], "who goes on has met everything before"


def test_a_full_read_does_not_tell_of_keys_that_were_never_told() -> None:
    contents = followed()
    contents.begin(anew=True)
    assert not contents.apply("never", 4, deleted=True)
    assert contents.apply("a", 5, deleted=True)
    contents.all_met()
    contents.begin(anew=False)
    assert contents.apply("never", 6, deleted=True), "a change is told as it comes"
    assert contents.revision == 6


@pytest.mark.parametrize(
    ("seen", "overtaken"),
    [
        (info(), False),
        (info(last=9, subjects=5), False),  # it went on
        (info(first=2), False),  # what was overwritten may be purged
        (info(created="later"), True),
        (info(last=2), True),  # its revisions went back
        (info(first=3), True),  # an entry that we hold was purged
        (info(subjects=1), True),
    ],
)
def test_a_bucket_that_changed_behind_the_watch(seen: dict[str, Any], overtaken: bool) -> None:
    assert followed().overtaken(seen) is overtaken
