"""What `discovery/describeFleet` says, kept as devices come, go and move, so that nobody has to look at them all.

How large the answer is at least is kept, too: one that cannot fit into a message is refused before it is made.
"""

from __future__ import annotations

from typing import Final

from fleetgui.backend.registry.steps import Steps, sorted_in_steps
from fleetgui.wire.codec import encode

UNKNOWN: Final = "unknown"
"""What a missing or empty type or location is called."""

_GROUP_BYTES: Final = len('"":{"count":0,"locations":[]}')
_NAME_BYTES: Final = len('"",')
_AT_ONCE: Final = 500

Groups = dict[str, dict[str, int]]
"""type → location → devices, or the other way round."""


class Census:
    """Counts devices by type and location.

    `least_bytes` is a lower bound of the answer's size, `names` how many names it lists within its groups.
    """

    def __init__(self) -> None:
        self.devices = 0
        self.functions = 0
        self.least_bytes = 0
        self.names = 0
        self._by_type: Groups = {}
        self._by_location: Groups = {}
        self._changes = 0
        self._answer: bytes | None = None

    def add(self, device_type: str | None, location: str | None, functions: int, devices: int = 1) -> None:
        """So many devices of this type, with so many functions each, are there now."""
        kind, place = device_type or UNKNOWN, location or UNKNOWN
        self._count(self._by_type, kind, place, devices)
        self._count(self._by_location, place, kind, devices)
        self.devices += devices
        self.functions += devices * functions
        self._changes += 1
        self._answer = None

    def take(self, device_type: str | None, location: str | None, functions: int, devices: int = 1) -> None:
        """They are gone."""
        self.add(device_type, location, functions, -devices)

    def answer(self) -> Steps[bytes]:
        """The result, encoded. Of a census that changes meanwhile each group is told as it was when its turn came."""
        if self._answer is not None:
            return self._answer
        changes, totals = self._changes, b'{"total_devices":%d,"total_functions":%d' % (self.devices, self.functions)
        by_type = yield from _told(self._by_type, b"locations")
        by_location = yield from _told(self._by_location, b"types")
        answer = b"".join((totals, b',"by_type":', by_type, b',"by_location":', by_location, b"}"))
        if changes == self._changes:
            self._answer = answer
        return answer

    def _count(self, groups: Groups, group: str, other: str, devices: int) -> None:
        others = groups.get(group)
        if others is None:
            others = groups[group] = {}
            self.least_bytes += len(group) + _GROUP_BYTES
        before = others.get(other, 0)
        if after := before + devices:
            others[other] = after
        else:
            others.pop(other, None)
        if news := bool(after) - bool(before):
            self.least_bytes += news * (len(other) + _NAME_BYTES)
            self.names += news
        if not others:
            del groups[group]
            self.least_bytes -= len(group) + _GROUP_BYTES


def _told(groups: Groups, others_are: bytes) -> Steps[bytes]:
    pieces: list[bytes] = []
    for number, group in enumerate(list(groups), 1):
        others = groups.get(group)
        if not others:
            continue  # the last of them left meanwhile
        count = sum(others.values())
        listed = list(others)
        names = yield from sorted_in_steps(listed, listed)
        pieces += (encode(group), b':{"count":%d,"' % count, others_are, b'":[')
        for start in range(0, len(names), _AT_ONCE):
            pieces += (encode(names[start : start + _AT_ONCE])[1:-1], b",")
            if start:
                yield None
        pieces[-1] = b"]},"
        if number % _AT_ONCE == 0:
            yield None
    if pieces:
        pieces[-1] = b"]}"
    return b"".join((b"{", *pieces, b"}"))
