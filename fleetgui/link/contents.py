"""What a watch has told of its bucket: which keys are there, how far the stream was followed, and whether that holds.

Pure: what the broker says goes in, what is to be told comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Contents:
    """The keys of a bucket as its watch told them. `revision` is the last one that was applied."""

    def __init__(self) -> None:
        self.revision = 0
        self._revisions: dict[str, int] = {}
        """Of each key that is there; the oldest first."""
        self._created = ""
        self._met: set[str] | None = None
        """Keys that a full read has met so far; None while none is under way."""
        self._missing: int | None = None
        """The revision of an entry that was gone when last looked, and of which news may have been on its way."""

    def __len__(self) -> int:
        return len(self._revisions)

    def identify(self, info: Mapping[str, Any]) -> None:
        """This is the bucket that is followed from now on; `info` is what JetStream says of its stream."""
        self._created = str(info.get("created"))

    def overtaken(self, info: Mapping[str, Any]) -> bool:
        """Whether the bucket is another than the one that was followed, or lost entries behind our back.

        A key that is written again leaves its old place in the stream, so that an entry is gone says nothing while its
        news may be on its way: where more was written than was told, it is lost if it is still missing the next time.
        (Of a part of the keys nobody can say that all was told.)
        """
        state = info.get("state", {})
        first, last, subjects = (int(state.get(name, 0)) for name in ("first_seq", "last_seq", "num_subjects"))
        if str(info.get("created")) != self._created or last < self.revision or subjects < len(self._revisions):
            return True
        oldest = next(iter(self._revisions.values()), first)
        missed, self._missing = self._missing, oldest if first > oldest else None
        return first > oldest and (last <= self.revision or missed == oldest)

    @property
    def is_doubted(self) -> bool:
        """Whether something was missing at the last look, of which news may be on its way."""
        return self._missing is not None

    def begin(self, *, anew: bool) -> None:
        """Entries come from here on: all that there are (`anew`), or those after `revision`."""
        if anew:
            self.revision = 0
            self._missing = None
        self._met = set() if anew else None

    def apply(self, key: str, revision: int, *, deleted: bool) -> bool:
        """Take in an entry; False for one that is not to be told: the marker of a key that nobody was told of."""
        self.revision = revision
        known = self._revisions.pop(key, None) is not None
        if deleted:
            return known or self._met is None
        self._revisions[key] = revision
        if self._met is not None:
            self._met.add(key)
        return True

    def all_met(self) -> list[str]:
        """All that there is now has come. Returns the keys that a full read did not meet: they are gone."""
        met, self._met = self._met, None
        vanished = [] if met is None else [key for key in self._revisions if key not in met]
        for key in vanished:
            del self._revisions[key]
        return vanished
