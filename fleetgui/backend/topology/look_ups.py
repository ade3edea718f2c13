"""Devices whose record is to be read: one by one while they are few, and each a few times at most. Pure."""

from __future__ import annotations

from typing import Final

MOST_LOOK_UPS: Final = 50
"""So many are read at a time, and more than this are walked for as well."""
MOST_WAITING: Final = 10_000
LOOK_UP_TRIES: Final = 3
"""Registry processes agree within a second: the one that is asked may not know yet what another has announced."""


class LookUps:
    """In the order in which they were asked for. `too_many`: a walk of the list is cheaper."""

    def __init__(self) -> None:
        self.too_many = False
        self._tries: dict[str, int] = {}

    def __contains__(self, device_id: str) -> bool:
        return device_id in self._tries

    def __bool__(self) -> bool:
        return bool(self._tries)

    def want(self, device_id: str) -> None:
        """Read its record soon, and so often anew as it is found missing."""
        if len(self._tries) < MOST_WAITING:
            self._tries[device_id] = 0
        self.too_many |= len(self._tries) > MOST_LOOK_UPS

    def done(self, device_id: str) -> bool:
        """It need not be read any more; whether it was waiting for that."""
        waited = self._tries.pop(device_id, None) is not None
        self.too_many &= len(self._tries) > MOST_LOOK_UPS
        return waited

    def tried(self, device_id: str) -> None:
        """It was not found: it goes to the end of the line, or is given up."""
        tries = self._tries.pop(device_id, LOOK_UP_TRIES) + 1
        if tries < LOOK_UP_TRIES:
            self._tries[device_id] = tries
        self.too_many &= len(self._tries) > MOST_LOOK_UPS

    def put_last(self, device_id: str) -> None:
        """Nobody answered: others come first now, and it counts as no try."""
        if device_id in self._tries:
            self._tries[device_id] = self._tries.pop(device_id)

    def waiting(self) -> list[str]:
        return list(self._tries)

    def walk_began(self) -> list[str]:
        """Those whom a walk that begins now should find."""
        self.too_many = False
        return self.waiting()
