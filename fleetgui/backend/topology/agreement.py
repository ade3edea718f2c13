"""Whether the registry counts as many devices as are known here. Pure; time is passed in.

Whoever only listens never learns what nobody announced. So now and then one small page is asked for, which says how
many devices there are. What is known here follows by events: when it has come to that number, or passed it, within
`EVENTS_TAKE_S`, all is well, and else the list is to be walked. A policy can make the registry count more than this
process may see: what two walks in a row left as it was is taken for that, and walks that bring no agreement get rarer.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from fleetgui.policy.clock import Clock

LOOK_EVERY_S: Final = 15.0
JITTER: Final = 0.2
"""Each look comes up to this part earlier or later, so that several publishers do not ask in step."""
EVENTS_TAKE_S: Final = 5.0
LONGEST_BETWEEN_WALKS_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the registry said. `went_back`: its revision was lower than before, so that no number settles it."""

    total: int
    asked_at: float
    above: bool
    went_back: bool


class Agreement:
    """Ask the registry when `due`, call `told` with its answer, and `holds` often: it says what came of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._look_at = clock.now() + LOOK_EVERY_S
        self._claim: _Claim | None = None
        self._revision: int | None = None
        self._surplus = 0
        """So many devices more the registry counts than can be seen."""
        self._walked_for: int | None = None
        """The surplus that the last walk was made for, None when there was agreement since."""
        self._in_vain = 0
        self._walk_not_before = float("-inf")

    @property
    def due(self) -> bool:
        return self._claim is None and self._clock.now() >= self._look_at

    def put_off(self) -> None:
        """The next look is `LOOK_EVERY_S` from now: one begins, or a walk is due, which makes it needless."""
        self._claim = None
        jitter = 1 + random.uniform(-JITTER, JITTER)  # noqa: S311 - spreads requests, guards nothing
        self._look_at = self._clock.now() + LOOK_EVERY_S * jitter

    def told(self, total: int, revision: int | None, known: int) -> None:
        """The registry counts `total` devices at `revision`, and `known` are known here."""
        went_back = revision is not None and self._revision is not None and revision < self._revision
        self._revision = revision
        self._claim = _Claim(total, self._clock.now(), total - known > self._surplus, went_back)

    def holds(self, known: int) -> bool | None:
        """True once they agree and False once they do not, so that a walk is due; None while that is not clear."""
        claim = self._claim
        if claim is None:
            return None
        surplus, now = claim.total - known, self._clock.now()
        met = surplus in (0, self._surplus) or (surplus > self._surplus) != claim.above
        if met and not claim.went_back:
            return self._agree(0 if surplus == 0 else self._surplus)
        if now - claim.asked_at < EVENTS_TAKE_S:
            return None
        self._claim = None
        if surplus == self._walked_for and not claim.went_back:
            return self._agree(surplus)  # the last walk found what the one before it did
        if now < self._walk_not_before:
            return None
        self._walked_for = surplus
        self._walk_not_before = now + min(LONGEST_BETWEEN_WALKS_S, LOOK_EVERY_S * 2**self._in_vain)
        self._in_vain = min(self._in_vain + 1, 10)
        return False

    def _agree(self, surplus: int) -> bool:
        self._claim = None
        self._surplus = surplus
        self._walked_for = None
        self._in_vain = 0
        return True
