"""What is asked of the registry about its fleet: which devices, in which order, how much of each, and from where.

Every registry filters by type and location; the rest are extensions, which others than ours ignore without a word. A
reply says what was honoured (`applied`), and `unmet` what was not: a page that ignores a search is no answer to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fleetgui.wire.query import Filter, conditions_of, text_of, value_of
from fleetgui.wire.records import Summary


@dataclass(frozen=True)
class Behind:
    """Where a page begins, by id: behind the device `device_id`, None: with the first one. An extension.

    Pages by id are not shifted by devices that come and go. A registry that does not know them takes it for offset 0.
    """

    device_id: str | None = None


Place = int | Behind
"""Where a page begins: an offset, or behind a device."""


def params_of(place: Place) -> dict[str, Any]:
    """The params of `discovery/listDevices` for a page that begins there."""
    match place:
        case Behind(device_id=None):
            return {"offset": 0, "after": None}  # where `after` means nothing, the first page all the same
        case Behind(device_id=device_id):
            return {"after": device_id}
        case offset:
            return {"offset": offset}


@dataclass(frozen=True)
class Question:
    """`device_type`, `location`: substrings, whatever the case. `query`, `where`, `order_by`: as `query` has them.

    `summary`: records without their capabilities' bodies, where the registry can; a registry that cannot sends them
    whole, which is an answer all the same. None and False ask for nothing.
    """

    device_type: str | None = None
    location: str | None = None
    query: str | None = None
    where: Mapping[str, Mapping[str, Any]] | None = field(default=None, hash=False)
    order_by: str | None = None
    descending: bool = False
    include_offline: bool = False
    summary: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the answer is the whole fleet, in whatever order."""
        return not (self.device_type or self.location or self.query or self.where or self.include_offline)

    def params(self) -> dict[str, Any]:
        """The params of `discovery/listDevices` for it, beside those of paging."""
        asked = {
            "device_type": self.device_type,
            "location": self.location,
            "query": self.query,
            "where": self.where,
            "order_by": self.order_by,
            "descending": self.descending,
            "include_offline": self.include_offline,
            "projection": "summary" if self.summary else None,
        }
        return {name: value for name, value in asked.items() if value}

    def takes(self, summary: Summary) -> bool:
        """Whether a device is one of those that the answer lists, as far as its summary says. Raises `BadQuery`."""
        for part, whole in ((self.device_type, summary.device_type), (self.location, summary.location)):
            if part and part.lower() not in (whole or "").lower():
                return False
        asked = Filter(text_of(self.query), conditions_of(self.where))
        return asked.matches(lambda name: value_of(summary, name))

    @property
    def picks(self) -> bool:
        """Whether a registry has to look into its records for the answer: to leave some out, or to sort them."""
        return not self.is_open or self.order_by is not None

    @property
    def extensions(self) -> tuple[str, ...]:
        """What of it only some registries can answer."""
        return tuple(name for name in self.params() if name in _MUST)

    def unmet(self, applied: Collection[str]) -> tuple[str, ...]:
        """What the answer would have to honour to be one, and did not."""
        return tuple(name for name in self.extensions if name not in applied)


_MUST: Final = ("query", "where", "order_by", "descending", "include_offline")

EVERYTHING: Final = Question()
EVERY_ROW: Final = Question(summary=True)
"""Everything, as much of each as a row of the table shows."""
