"""How long a message was on its way, told by its publisher's own clock, of which nothing else is believed.

A clock that is wrong is wrong by the same amount each time: by how much more than usual a message is behind when it
comes in, it was held back on the way, as all are that a broker kept while it stood. It is then evidence of when it was
sent, not of now. Only ever of earlier than its arrival: no clock can make anything fresher. Neither clock needs to be
right, and ours is the one that nobody sets (`Clock.now()`).

A clock that was set back looks like a delay that stays. Two messages in a row that are behind by the same, and came
apart, are taken for that, and so is one that is behind by more than any queue keeps; what comes out of a queue comes at
one time. A clock that does not go on tells nothing.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

NOTICED_S: Final = 0.25
"""What every message may take longer than the quickest one. With `freshness.GRACE_S` and a look every tenth of a second
it stays within the second in which what is silent leaves live."""
LONGEST_S: Final = 60.0
"""Longer no queue keeps what its readers wait for: a broker that stands is given up before."""
APART_S: Final = 0.2
"""Messages that came in so close together may have come out of one queue."""
COARSE_S: Final = 1.0
"""… and this much more where the publisher's clock counts in whole seconds."""


class Way(NamedTuple):
    """What is known of a publisher's messages: how far its clock is ahead of ours at best, NaN for unknown, and how far
    the last one was behind that. `late` seconds is how long this one was held back, 0 for one that was not."""

    ahead: float = math.nan
    behind: float = 0.0
    late: float = 0.0


def arrived(ahead: float, behind: float, published: float, received: float, *, apart: bool = True) -> Way:
    """A message said that it was sent at `published`, by whatever clock, and came in at `received` by ours.

    `ahead` and `behind` are those of the message before, of `Way()` for the first; `apart`: it did not come together
    with that one.
    """
    now_ahead = published - received
    late = ahead - now_ahead
    if not late > NOTICED_S + (COARSE_S if published == math.floor(published) else 0.0):
        # NaN comes here too. A clock that goes slow is followed, one message at a time.
        return Way(now_ahead if math.isnan(ahead) else max(ahead, now_ahead))
    if late > LONGEST_S or (apart and abs(late - behind) <= NOTICED_S):
        return Way(now_ahead)
    return Way(ahead, late, late)
