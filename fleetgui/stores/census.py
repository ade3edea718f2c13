"""How many of a fleet are there: counted over all of it in one go, and of a large one only a few times a second.

The header, the vigil and whoever else asks many times a second would otherwise hold the loop for what a count over
some hundred thousand devices takes, over and over. What only time changes (`policy.freshness`) is never kept: it is
worked out anew from the newest evidence, which can only be older than the truth for `KEPT_S`, never newer.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from fleetgui.stores.evidence import NEVER, Evidence

KEPT_S: Final = 0.2
"""What a large fleet's census may be old: less than the second in which a figure has to leave live."""
LARGE: Final = 20_000
"""Devices whose count takes less than a part of a millisecond: a smaller fleet is counted whenever somebody asks."""


class Census(NamedTuple):
    """A fleet's numbers at `at`."""

    at: float
    confirmed_from: float
    """When the link had come up."""
    online: int
    """Devices that beat within their lease and were not announced offline since."""
    unconfirmed: int
    """Those of `online` that were last heard before the link came up."""
    offline: int
    shortest_lease: float | None
    """Of those online, seconds; None without any."""
    longest_lease: float | None
    """Of all that are known, seconds; None without any."""
    newest: float | None
    """When anybody last beat."""
    any_heard: bool
    """Somebody beat and was not announced offline since, whether or not it fell silent."""


def take(evidence: Evidence, confirmed_from: float, now: float) -> Census:
    """Count."""
    part = slice(0, len(evidence))
    beat, lease = evidence.last_beat[part], evidence.lease[part]
    heard = beat > evidence.offline_since[part]
    online = (now - beat < lease) & heard
    count = int(np.count_nonzero(online))
    newest = float(beat.max(initial=NEVER))
    # Nobody waits for confirmation where nobody was heard before the link came up.
    waiting = int(np.count_nonzero(online & (beat < confirmed_from))) if confirmed_from > NEVER else 0
    return Census(
        at=now,
        confirmed_from=confirmed_from,
        online=count,
        unconfirmed=waiting,
        offline=int(np.count_nonzero(evidence.gone())),
        shortest_lease=float(lease.min(where=online, initial=np.inf)) if count else None,
        longest_lease=float(lease.max()) if len(lease) else None,
        newest=newest if newest > NEVER else None,
        any_heard=bool(heard.any()),
    )
