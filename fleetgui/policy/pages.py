"""How many records to ask the registry for at once.

A reply over the broker's `max_payload` never arrives. Until record sizes are known a page is `FIRST_PAGE` (or what
`DEVICE_CONNECT_LIST_PAGE_SIZE` says); then as many as fill `FILL` of the payload at the size seen; and it is halved
when a reply does not fit. The server clamps silently: what it sends is its cap, and is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIRST_PAGE: Final = 100
LARGEST_PAGE: Final = 200
FILL: Final = 0.7
PAGES_BEFORE_GROWTH: Final = 20
"""So many full pages in a row make a page that was once halved double again: a few huge records are soon passed."""
_MEMORY: Final = 0.9
"""Weight of the largest record size seen: it decays slowly, so that one huge record does not shrink pages for ever."""


class PageSizer:
    """The page size for one registry. `max_payload` in bytes, None while it is not known."""

    def __init__(self, environ: Mapping[str, str], max_payload: int | None = None) -> None:
        self.max_payload = max_payload
        self.largest_arrived = 0
        """The most records asked for in a request that was answered."""
        configured = environ.get("DEVICE_CONNECT_LIST_PAGE_SIZE", "")
        usable = configured.isascii() and configured.isdecimal() and len(configured) < 10 and int(configured) > 0
        self._configured = int(configured) if usable else None
        self._ceiling = self._largest
        self._record_bytes: float | None = None
        self._full_pages = 0

    @property
    def _largest(self) -> int:
        return self._configured or LARGEST_PAGE

    @property
    def size(self) -> int:
        """Records to ask for now, at least 1."""
        size = self._configured or (FIRST_PAGE if self._record_bytes is None else LARGEST_PAGE)
        if self._record_bytes and self.max_payload:
            size = min(size, int(self.max_payload * FILL / self._record_bytes))
        return max(1, min(size, self._ceiling))

    def page_arrived(self, records: int, reply_bytes: int, *, asked: int | None = None) -> None:
        """Learn from a page of `records` that took `reply_bytes`, when `asked` records were asked for."""
        self.largest_arrived = max(self.largest_arrived, min(records, asked or records))
        if records > 0:
            seen = reply_bytes / records
            self._record_bytes = max(seen, (self._record_bytes or seen) * _MEMORY)
        if self._ceiling < self._largest and records >= self._ceiling:
            self._full_pages += 1
            if self._full_pages >= PAGES_BEFORE_GROWTH:
                self._full_pages = 0
                self._ceiling = min(self._largest, self._ceiling * 2)

    def page_did_not_fit(self, asked: int) -> bool:
        """Halve after a reply that did not fit; False when a single record does not fit by itself."""
        if asked <= 1:
            return False
        self._ceiling = max(1, asked // 2)
        self._full_pages = 0
        return True

    def record_did_not_fit(self) -> None:
        """One record was counted as unreadable: pages may grow again from there on."""
        self._ceiling = self._largest
