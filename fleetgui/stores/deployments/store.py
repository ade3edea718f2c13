"""All that a console knows of deployments: the roll-ups, and the one that is open."""

from __future__ import annotations

from fleetgui.policy.signals import Signal
from fleetgui.stores.deployments.opened import STATES, Opened
from fleetgui.stores.deployments.rollups import Rollups
from fleetgui.stores.sources import Sources


class Deployments:
    """`opened_changed` after another one was opened, or none is. One at a time: each costs the fabric two watches."""

    def __init__(self, sources: Sources) -> None:
        self.opened_changed = Signal[[]]()
        self.rollups = Rollups(sources)
        self.opened: Opened | None = None
        self.rights = ""
        """What a credential must be permitted so that all of this can be shown, as lines for who grants it."""
        self._sources = sources

    def open(self, name: str) -> Opened:
        """Look at the devices of `name` from now on, and no longer at another's."""
        if self.opened is None or self.opened.name != name:
            self._sources.forget(STATES)
            self.opened = Opened(name, self._sources)
            self.opened_changed.emit()
        return self.opened

    def close(self) -> None:
        if self.opened is not None:
            self._sources.forget(STATES)
            self.opened = None
            self.opened_changed.emit()
