"""Header, notice bar and status line brought up to now: together, and each guarded by itself.

What fails in one of them is said where it stands, and the others go on telling what they know.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fleetgui.policy.clock import Clock
from fleetgui.widgets.parts.guarded import Guarded
from fleetgui.widgets.window.header import Header
from fleetgui.widgets.window.notices import UNKNOWN, Notice, NoticeBar, notice_of
from fleetgui.widgets.window.status import StatusLine

if TYPE_CHECKING:
    from fleetgui.stores.console import ConsoleState


class Bars:
    """`gap_s()`: how long the link was gone before it last came back, None when it never was."""

    def __init__(
        self, header: Header, notice: NoticeBar, status: StatusLine, clock: Clock, gap_s: Callable[[], float | None]
    ) -> None:
        self.state: ConsoleState | None = None
        """What is shown; None while there are no stores yet."""
        self._header = header
        self._status = status
        self._clock = clock
        self._gap_s = gap_s
        self._wrong: Notice | None = None
        self._put_notice = Guarded(notice, lambda: notice.show_notice(self._wrong, now=clock.now()))
        self._panels = (Guarded(header, self._show_header), self._show_notice, Guarded(status, self._show_cost))

    def show(self) -> None:
        """Show how it is now; raises what failed, after all were shown as far as they could be."""
        with ExitStack() as all_of_them:
            for panel in reversed(self._panels):
                all_of_them.callback(panel)

    def _show_header(self) -> None:
        now, wall = self._clock.now(), self._clock.wall()
        self._header.show_time(wall)
        if self.state is not None:
            self._header.show_state(self.state, now=now, wall=wall)

    def _show_notice(self) -> None:
        if self.state is None:
            return
        try:
            now, wall = self._clock.now(), self._clock.wall()
            self._wrong = notice_of(self.state, now=now, wall=wall, last_gap_s=self._gap_s())
        except Exception:
            self._wrong = UNKNOWN
            raise
        finally:
            self._put_notice()

    def _show_cost(self) -> None:
        if self.state is not None:
            self._status.show_cost(self.state.link.cost, self.state.ledger)
