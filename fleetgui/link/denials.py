"""The broker's permission errors taken apart: whom they concern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fleetgui.link.errors import PermissionDenied

_DENIAL: Final = re.compile(
    r'Permissions Violation for (Publish with Reply of|Publish to|Subscription to) "(.*?)"'
    r'(?: using queue "(.*?)")?\s*$',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Denial:
    """What a user may not do: publish on `subject`, or else subscribe to it, as a member of `queue`."""

    publishing: bool
    subject: str
    queue: str = ""

    @property
    def error(self) -> PermissionDenied:
        """It as whoever tried is told."""
        verb = "publish on" if self.publishing else "subscribe to"
        return PermissionDenied(f"This user may not {verb} {self.subject[:200]}; ask for that permission.")

    def strikes(self, subject: str, queue: str) -> bool:
        """Whether it is a subscription to `subject` as a member of `queue` that is denied."""
        return not self.publishing and (subject, queue) == (self.subject, self.queue)


def denied_subject(text: str) -> Denial | None:
    """What a `-ERR 'Permissions Violation …'` denies, None for a text that is written otherwise.

    A denied reply subject counts as one that may not be subscribed to: no answer can come on it.
    """
    match = _DENIAL.search(text)
    if match is None:
        return None
    what, subject, queue = match.groups()
    return Denial(what.lower() == "publish to", subject, queue or "")
