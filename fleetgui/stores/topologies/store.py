"""Topologies: the list, and those that are open. A few at a time: each costs the fabric a subscription."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sources import Sources
from fleetgui.stores.topologies.following import Following
from fleetgui.stores.topologies.listing import Listing

MOST_OPEN: Final = 5
"""A further one closes the one that was looked at longest ago."""


class Topologies:
    """`open_changed(topology_id)` after one was opened or closed; `crowded_out(topology_id)` for one that made room.

    `keepalive_denied` is why nobody could be heard to be alive: a sentence, None while the keepalive may be heard.
    """

    def __init__(self, ledger: Ledger, sources: Sources) -> None:
        self.open_changed = Signal[[str]]()
        self.crowded_out = Signal[[str]]()
        self.listing = Listing(sources)
        self.keepalive_denied: str | None = None
        self.looked_at = False
        """Whether the list is on the screen."""
        self._ledger = ledger
        self._sources = sources
        self._open: OrderedDict[str, Following] = OrderedDict()

    @property
    def open_ids(self) -> list[str]:
        """Those that are open, the one looked at last at the end."""
        return list(self._open)

    def link_is_live(self, now: float) -> bool:
        """Whether somebody could be asked."""
        return self._sources.link_state(now) in (State.LIVE, State.LATE)

    def get(self, topology_id: str) -> Following | None:
        return self._open.get(topology_id)

    def open(self, topology_id: str) -> Following:
        """Open it, or look at it again when it is open already."""
        following = self._open.get(topology_id)
        if following is not None:
            self._open.move_to_end(topology_id)
            return following
        if len(self._open) >= MOST_OPEN:
            longest_ago = next(iter(self._open))
            self.close(longest_ago)
            self.crowded_out.emit(longest_ago)
        following = self._open[topology_id] = Following(topology_id, self._sources, self._ledger)
        self._sources.watch(following.source, following.state)
        self.open_changed.emit(topology_id)
        return following

    def close(self, topology_id: str) -> None:
        """Forget what was known of it; harmless when it is not open."""
        following = self._open.pop(topology_id, None)
        if following is not None:
            self._sources.forget(following.source)
            self.open_changed.emit(topology_id)
