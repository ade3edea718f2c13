"""Who fills the table of devices: the registry's pages where it can do what is wanted, else the fleet as it is held.

What holds the fleet is made when it is first needed: most consoles never walk. Once a second there is a `step`: what
is held is kept abreast of the fleet, and a wish that time changes (`age<2h`) is counted from the new now.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.feed import Feed
from fleetgui.feeds.pager import Pager
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.whole import AskFirst
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.hold import HoldPhase
from fleetgui.wire.payload import LABELS
from fleetgui.wire.question import EVERYTHING, Question

if TYPE_CHECKING:
    from fleetgui.feeds.hold import HoldFeed
    from fleetgui.stores.held.rows import HeldRows


STEP_S: Final = 1.0
RETIME_HELD_S: Final = 5.0
"""How often a wish that time changes is counted anew where that is done here …"""
RETIME_S: Final = 30.0
"""… and where the registry has to be asked again."""


INTERPRETER_S: Final = 0.0005
"""How long the worker of the held fleet may keep the interpreter from the loop; Python's own 5 ms would be waited for
at every call into Qt that lets go of it, ten times a frame."""


def import_ahead() -> None:
    """What the first search of a fleet imports, for a thread: on the loop it would hold it for a tenth of a second."""
    for name in ("fleetgui.feeds.hold", "fleetgui.stores.held.rows", "re2"):
        importlib.import_module(name)


class TableFeed(Feed):
    """Told what is wanted, and where the table is looked at."""

    def __init__(self, registry: RegistryClient, pager: Pager, state: ConsoleState, clock: Clock, tasks: Tasks) -> None:
        self._registry = registry
        self._pager = pager
        self._state = state
        self._clock = clock
        self._tasks = tasks
        self._wanted = Wanted()
        self._hold: HoldFeed | None = None
        self._rows: HeldRows | None = None
        self._shown: frozenset[str] = frozenset()
        """Fields of records that have a column and that no summary has."""
        self._asking = AskFirst(
            registry, state.hold, clock, tasks, go_on=lambda: self.show(self._wanted), unable=self._unable
        )
        self._keeping: asyncio.Task[None] | None = None
        self._timed_at = float("-inf")
        """As of when (`Clock.now()`) the wish was counted."""
        self._is_extended = False
        """What was known of the registry when it was decided what to hold."""
        pager.unable.connect(self._unable)

    def show(self, wanted: Wanted) -> None:
        """Show this from now on."""
        self._wanted, self._timed_at = wanted, self._clock.now()
        if self._keeping is None:
            self._keeping = self._tasks.spawn(self._keep(), name="keep the table abreast")
        wanted = self._able(wanted)
        asked = wanted.asked()
        if asked.exact and self._may_ask(asked.question):
            self._asking.nothing()
            if self._hold is not None:
                self._hold.abandon()
            self._pager.ask(asked.question)
            self._state.table.show(self._state.roster)
        else:
            self._hold_and_show(wanted)

    def view_moved(self, first: int, last: int) -> None:
        """Rows first … last are on the screen now."""
        if not self._is_held:
            self._pager.view_moved(first, last)
        elif self._hold is not None:
            self._hold.look_at(range(first, last + 1))

    def view_left(self) -> None:
        """Nobody looks at the table now."""
        if self._hold is not None:
            self._hold.look_at(range(0))

    def refresh(self) -> None:
        """Read again what is shown."""
        self._pager.refresh()
        if self._asking.again():
            self.show(self._wanted)
        elif self._hold is not None and self._is_held:
            self._hold.again()

    def columns_wanted(self, paths: frozenset[str]) -> None:
        """These fields of records have a column now (`wire.payload`)."""
        self._shown = frozenset(path for path in paths if not path.startswith(LABELS))  # summaries have those
        self._pager.columns_wanted(paths)
        if self._is_held or self._state.hold.state.ask is not None:
            self.show(self._wanted)

    def read_whole(self, agreed: bool) -> None:
        """What was answered where `HoldState.ask` asks."""
        self._asking.answered(agreed)
        if agreed:
            self.show(self._wanted)

    def values_wanted(self, field: str, prefix: str) -> None:
        """Somebody types a value of `field` that begins so: look for it in what is held."""
        if self._hold is not None and self._is_held:
            self._hold.offer(field, prefix)

    def walk(self, what: str) -> None:
        """Do with the walk under way what is asked: "pause", "go on" or "cancel"."""
        if self._hold is not None:
            {"pause": self._hold.pause, "go on": self._hold.go_on, "cancel": self._hold.cancel}[what]()

    def link_came_up(self) -> None:
        """Another registry may be there. A walk that broke goes on; one that was done is not made again by itself."""
        self._state.registry_searches = True
        self._state.hold.update(because="")
        if self._rows is not None:
            self._rows.membership_changed()
        if self._asking.link_came_up() or (self._is_held and self._state.hold.state.phase is HoldPhase.FAILED):
            self.show(self._wanted)

    async def step(self) -> None:
        """Go on with what is shown. To be called about once a second."""
        if self._is_held and self._wanted.offline and self._knows_extensions and not self._is_extended:
            self.show(self._wanted)  # it remembers who is gone, which was not known when this was wished for
        if self._asking.blocks:
            if self._is_held and self._hold is not None:
                await self._hold.step()
        elif self._is_held and self._hold is not None:
            if self._wanted.is_relative and self._clock.now() - self._timed_at >= RETIME_HELD_S:
                self._retime()
                self._hold.retime(self._able(self._wanted))
            await self._hold.step()
        elif self._wanted.is_relative and self._clock.now() - self._timed_at >= RETIME_S:
            self._retime()
            self._pager.ask_again(self._able(self._wanted).asked().question)

    def close(self) -> None:
        if self._hold is not None:
            self._hold.close()

    @property
    def _knows_extensions(self) -> bool:
        """Whether the registry is one of ours, as far as its answers have told."""
        return self._state.registry_searches and self._registry.quick

    @property
    def _is_held(self) -> bool:
        return self._state.table.source is not self._state.roster

    def _unable(self, error: RegistryError) -> None:
        """What was asked of the registry has to be done here."""
        if error.fault is not Fault.FALLS_OVER:
            self._state.registry_searches = False
        elif self._state.hold.state.because:
            return  # it was asked for everything already
        else:
            self._state.hold.update(because=str(error))
        self.show(self._wanted)

    def _may_ask(self, question: Question) -> bool:
        """Whether this registry can answer that, as far as its answers have told."""
        if self._state.hold.state.because:
            return not question.picks
        return self._state.registry_searches or not question.extensions

    def _scope(self, wanted: Wanted) -> Question:
        """The part of the fleet to read; all of it from a registry that fails over what leaves some out."""
        if self._state.hold.state.because:
            return replace(EVERYTHING, include_offline=self._is_extended and wanted.offline)
        return wanted.scope(extended=self._is_extended)

    def _hold_and_show(self, wanted: Wanted) -> None:
        if self._hold is None or self._rows is None:
            from fleetgui.feeds.hold import HoldFeed
            from fleetgui.stores.held.fleet import HeldFleet
            from fleetgui.stores.held.rows import HeldRows

            sys.setswitchinterval(INTERPRETER_S)
            # The millions of objects that a walk makes and drops have Python look through all that live, which held the
            # loop for 70 ms every two seconds: what a console is made of lives as long as it does.
            gc.freeze()
            state, fleet = self._state, HeldFleet()
            self._rows = HeldRows(fleet)
            self._hold = HoldFeed(
                self._registry, fleet, self._rows, state.hold, state.presence, self._clock, self._tasks
            )
            self._hold.unable.connect(self._unable)
        self._is_extended = self._knows_extensions
        scope = self._scope(wanted)
        hold = self._hold
        paths = self._asking.may_read(scope, wanted.payload, self._shown, lambda some: hold.covers(scope, some))
        if paths is None:
            return  # what is shown stays until somebody has said yes
        self._pager.only_count()
        self._state.table.show(self._rows)
        hold.show(wanted, scope, paths)

    def _able(self, wanted: Wanted) -> Wanted:
        """What of a wish this registry can fulfil: one that is not ours remembers nobody who is gone."""
        return wanted if self._state.registry_searches else replace(wanted, offline=False)

    def _retime(self) -> None:
        self._timed_at = self._clock.now()
        self._wanted = self._wanted.as_of(self._clock.wall())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(STEP_S)
            await self.step()
