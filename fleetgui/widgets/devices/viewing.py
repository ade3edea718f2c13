"""Looks at the stores and the table for the sentences of the devices page: see `sentence` for what is said."""

from __future__ import annotations

from fleetgui.models.devices import DeviceTableModel
from fleetgui.policy.clock import Clock
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.roster import RowKind
from fleetgui.widgets.devices.seen import Seen
from fleetgui.widgets.devices.sentence import View
from fleetgui.widgets.devices.table import DeviceTable
from fleetgui.widgets.devices.wishes import Wishes


class Viewing:
    """Remembers what one look does not tell: that hidden rows were seen, since when a search is under way."""

    def __init__(
        self, state: ConsoleState, clock: Clock, table: DeviceTable, model: DeviceTableModel, wishes: Wishes
    ) -> None:
        self._state = state
        self._clock = clock
        self._table = table
        self._model = model
        self._wishes = wishes
        self._seen = Seen(table, state)
        self._hidden_seen = False
        self._arranging_since: float | None = None

    def forget(self) -> None:
        """Other rows are shown from now on."""
        self._hidden_seen = False

    def look(self, mistake: str) -> View:
        """What there is to say now; `mistake` is what is wrong with the filter that is being typed."""
        state = self._state
        status = state.table.status
        self._hidden_seen = status.total > 0 and (
            self._hidden_seen or any(row.kind is RowKind.HIDDEN for row in self._seen.rows())
        )
        return View(
            status=status,
            loaded=state.table.loaded,
            malformed=state.table.malformed,
            now=self._clock.now(),
            wall=self._clock.wall(),
            link=state.link.state,
            wanted=self._wishes.now,
            mistake=mistake,
            lists_offline=state.registry_searches,
            hold=state.hold.state if state.table.source is not state.roster else None,
            arranging_s=self._arranging_s(),
            ask=state.hold.state.ask,
            hidden=self._hidden_seen,
            selected=self._selected(),
            marked=len(self._model.marks),
        )

    def _selected(self) -> int:
        """How many devices are selected: the head of a closed group stands for those in it, that of an open one not."""
        table = self._state.table
        return sum(table.count_in(first, last) for first, last in self._table.selected_ranges)

    def _arranging_s(self) -> float:
        """How long the search or sort of what is held has been under way, 0 while none is."""
        now = self._clock.now()
        if not self._state.hold.state.arranging:
            self._arranging_since = None
        elif self._arranging_since is None:
            self._arranging_since = now
        return 0.0 if self._arranging_since is None else now - self._arranging_since
