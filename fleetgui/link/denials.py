"""The broker's permission errors taken apart: whom they concern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_DENIAL: Final = re.compile(
    r'Permissions Violation for (Publish with Reply of|Publish to|Subscription to) "(.*?)"'
    r'(?: using queue "(.*?)")?\s*$',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Denial:
    """`reply_of` is the inbox's prefix where it was a reply subject that was denied."""

    publishing: bool
    subject: str
    queue: str = ""
    reply_of: str | None = None

    @property
    def verb(self) -> str:
        return "publish on" if self.publishing else "subscribe to"


def denied_subject(text: str) -> Denial | None:
    """What a `-ERR 'Permissions Violation …'` denies, None for a text that is written otherwise."""
    match = _DENIAL.search(text)
    if match is None:
        return None
    what, subject, queue = match.groups()
    if what.lower() == "publish with reply of":
        return Denial(True, subject, reply_of=subject.rpartition(".")[0] + ".")
    return Denial(what.lower() == "publish to", subject, queue or "")
