"""What has to be asked before a fleet is read for fields that no summary has: how much that is, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from fleetgui.policy import formats

MOST_PATHS: Final = 32
"""Fields beyond the summary that are held: each takes 13 bytes a device, and its texts."""
MOST_NAMED: Final = 3


class Answer(Enum):
    OPEN = "not answered yet"
    DECLINED = "not now"
    TOO_MANY = "more fields than can be held"


@dataclass(frozen=True)
class Ask:
    """One such question: these `paths`, of so many `devices`; in bytes and seconds, None while that is being measured.

    `blocks`: what the table shows is not what was asked of it until they are read; else only cells stay empty.
    """

    paths: frozenset[str]
    devices: int | None = None
    bytes: float | None = None
    seconds: float | None = None
    blocks: bool = True
    answer: Answer = Answer.OPEN
    trouble: str = ""
    """Why it could not be measured."""

    @property
    def fields(self) -> str:
        """The fields, as they are named in a sentence."""
        names = [formats.text(path, 60) for path in sorted(self.paths)]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        return ", ".join(names[:MOST_NAMED]) + more

    @property
    def sentence(self) -> str:
        """What is asked, for people."""
        if self.answer is Answer.TOO_MANY:
            return f"{len(self.paths)} fields that no summary has are more than can be held; ask for fewer."
        why = f"No summary has {self.fields}."
        if self.trouble:
            return f"{why} Every device would have to be read. How long that takes is not known: {self.trouble}"
        if self.devices is None or self.seconds is None or self.bytes is None:
            return f"{why} Every device would have to be read; measuring how long that takes."
        devices = "1 device" if self.devices == 1 else f"{self.devices:,} devices"
        size, time = formats.size(self.bytes), formats.age(max(1.0, self.seconds))
        return f"{why} Reading {devices} takes about {time}, {size}. Read them?"
