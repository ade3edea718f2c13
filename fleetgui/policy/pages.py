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
_MEMORY: Final = 0.9
"""Weight of the largest record size seen: it decays slowly, so that one huge record does not shrink pages for ever."""


class PageSizer:
    """The page size for one registry. `max_payload` in bytes, None while it is not known."""

    def __init__(self, environ: Mapping[str, str], max_payload: int | None = None) -> None:
        self.max_payload = max_payload
        configured = environ.get("DEVICE_CONNECT_LIST_PAGE_SIZE", "")
        self._configured = int(configured) if configured.isdecimal() and int(configured) > 0 else None
        self._ceiling = self._configured or LARGEST_PAGE
        self._record_bytes: float | None = None

    @property
    def size(self) -> int:
        """Records to ask for now, at least 1."""
        size = self._configured or (FIRST_PAGE if self._record_bytes is None else LARGEST_PAGE)
        if self._record_bytes and self.max_payload:
            size = min(size, int(self.max_payload * FILL / self._record_bytes))
        return max(1, min(size, self._ceiling))

    def page_arrived(self, records: int, reply_bytes: int) -> None:
        """Learn from a page of `records` that took `reply_bytes`."""
        if records > 0:
            seen = reply_bytes / records
            self._record_bytes = max(seen, (self._record_bytes or seen) * _MEMORY)

    def page_did_not_fit(self, asked: int) -> bool:
        """Halve after a reply that did not fit; False when a single record does not fit by itself."""
        if asked <= 1:
            return False
        self._ceiling = max(1, asked // 2)
        return True

    def record_did_not_fit(self) -> None:
        """One record was counted as unreadable: pages may grow again from there on."""
        self._ceiling = self._configured or LARGEST_PAGE
