"""What a watch tells, decoded as it is told and applied to a store as one batch a turn.

Runs on the loop, within the share of a turn that the watch has (`link.watch`), so a batch is no larger than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from fleetgui.link.entries import Entry
from fleetgui.wire.codec import Malformed

S = TypeVar("S")


class Batches(Generic[S]):
    """A `WatchHandler` that decodes as it is told, and applies what a turn brought as one batch.

    `apply(batch, anew)`, `anew` while everything is read from the beginning. `bad(error)` for a key that is none.
    `known()` are the names that may be there no more: those that a whole read did not bring are applied as gone, also
    what another watch told before this one.
    """

    def __init__(
        self,
        decode: Callable[[Entry], tuple[str, S | None]],
        apply: Callable[[list[tuple[str, S | None]], bool], None],
        bad: Callable[[Malformed], None],
        known: Callable[[], Iterable[str]],
    ) -> None:
        self._decode = decode
        self._apply = apply
        self._bad = bad
        self._known = known
        self._batch: list[tuple[str, S | None]] = []
        self._seen: set[str] = set()
        self._anew = False
        self._is_due = False

    def read_began(self) -> None:
        self._flush()
        self._seen.clear()
        self._anew = True

    def entry(self, entry: Entry) -> None:
        try:
            item = self._decode(entry)
        except Malformed as error:
            self._bad(error)
            return
        self._batch.append(item)
        if self._anew:
            self._seen.add(item[0])
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def synced(self) -> None:
        if self._anew:
            self._batch.extend((name, None) for name in self._known() if name not in self._seen)
            self._seen.clear()
        self._flush()
        self._anew = False

    def _flush(self) -> None:
        self._is_due = False
        batch, self._batch = self._batch, []
        if batch:
            self._apply(batch, self._anew)
