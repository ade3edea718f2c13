"""What a watch tells, on its way to whom it concerns: a key that is none of ours is reported, and stops nobody."""

from __future__ import annotations

from collections.abc import Callable

from fleetgui.link.entries import Entry
from fleetgui.wire.codec import Malformed

Apply = Callable[[Entry, bool], None]
"""`apply(entry, anew)`, `anew` while all there is is told from the start."""


class Feed:
    """A `WatchHandler`. `apply` may raise `Malformed` for a key, which goes to `malformed(what, error)`; `synced(anew)`
    is called when all there is was told, after a full read with True."""

    def __init__(
        self,
        bucket: str,
        apply: Apply,
        malformed: Callable[[str, Malformed], None],
        synced: Callable[[bool], None],
    ) -> None:
        self._bucket = bucket
        self._apply = apply
        self._malformed = malformed
        self._synced = synced
        self._reading = False

    def read_began(self) -> None:
        self._reading = True

    def entry(self, entry: Entry) -> None:
        try:
            self._apply(entry, self._reading)
        except Malformed as error:
            self._malformed(f"key of {self._bucket}", error)

    def synced(self) -> None:
        anew, self._reading = self._reading, False
        self._synced(anew)
