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
    publishing: bool
    subject: str
    queue: str = ""

    @property
    def verb(self) -> str:
        return "publish on" if self.publishing else "subscribe to"


def denied_subject(text: str) -> Denial | None:
    """What a `-ERR 'Permissions Violation …'` denies, None for a text that is written otherwise.

    A denied reply subject counts as one that may not be subscribed to: no answer can come on it.
    """
    match = _DENIAL.search(text)
    if match is None:
        return None
    what, subject, queue = match.groups()
    return Denial(what.lower() == "publish to", subject, queue or "")
