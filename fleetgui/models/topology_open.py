"""An open topology's members and mutations as tables: rows by id, of whichever topology is looked at."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import Final

from PySide6.QtCore import QObject

from fleetgui.models.cell_model import Heading
from fleetgui.models.columns import Align, Cell
from fleetgui.models.id_rows import IdRows
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import State
from fleetgui.stores.topologies.following import Following
from fleetgui.wire.topology import Mutation

_DOUBTED: Final = (State.STALE, State.UNKNOWN, State.UNCONFIRMED)


class OpenRows(IdRows):
    """Rows of `following`, None for none; `show` another one."""

    def __init__(self, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.following: Following | None = None
        self._clock = clock
        self._heard = Subscriptions(self)

    def show_topology(self, following: Following | None) -> None:
        self._heard.end()
        self.following = following
        if following is not None:
            self.listen_to(following, self._heard)
        self.reset()

    def listen_to(self, following: Following, heard: Subscriptions) -> None:
        """Listen to what its rows come from."""
        raise NotImplementedError

    @property
    def doubt(self) -> State | None:
        """The state of the picture where that is worse than late."""
        fresh = State.UNKNOWN if self.following is None else self.following.state(self._clock.now())
        return fresh if fresh in _DOUBTED else None


class MemberColumn(IntEnum):
    STATE = 0
    DEVICE = 1
    COUNT = 2
    SERVICES = 3


class MembersModel(OpenRows):
    """Who is at the topology, by device id: whether it is online, and what runs on it."""

    headings = (
        Heading("State", 124),
        Heading("Device", 190),
        Heading("Services", 78, Align.RIGHT, minor=1),
        Heading("Running", 0),
    )

    def listen_to(self, following: Following, heard: Subscriptions) -> None:
        heard.listen(following.members_changed, self.changed)

    def known(self) -> Collection[str]:
        return () if self.following is None else self.following.members.keys()

    def cell(self, row: int, column: int) -> Cell:
        device_id = self.row_id(row)
        member = None if self.following is None else self.following.members.get(device_id)
        if column == MemberColumn.DEVICE:
            return Cell(formats.text(device_id, 120))
        if member is None:
            return Cell(formats.NOTHING, "muted")  # it left, and the row goes in a moment
        match column:
            case MemberColumn.STATE:
                state = State.ONLINE if member.online else State.OFFLINE
                doubt = self.doubt
                if doubt is not None:
                    return Cell(f"was {state.word}", doubt.token, doubt.glyph)
                return Cell(state.word, state.token, state.glyph)
            case MemberColumn.COUNT:
                return Cell(formats.count(len(member.services)), "text" if member.services else "muted")
            case _:
                names = member.services
                return Cell(formats.text(", ".join(names)) if names else "nothing", "text" if names else "muted")

    def hay(self, row_id: str) -> str:
        member = None if self.following is None else self.following.members.get(row_id)
        if member is None:
            return row_id
        return f"{row_id} {State.ONLINE.word if member.online else State.OFFLINE.word} {' '.join(member.services)}"

    def hover(self, row: int, column: int) -> str:
        device_id = self.row_id(row)
        member = None if self.following is None else self.following.members.get(device_id)
        lines = [formats.text(device_id)]
        if member is not None:
            lines += [f"runs {formats.text(name, 120)}" for name in member.services[:20]]
        return "\n".join(lines)


class MutationColumn(IntEnum):
    STATE = 0
    NAME = 1
    KIND = 2
    ERROR = 3


MUTATION_STATES: Final = {
    "enqueued": Cell("enqueued", State.OFFLINE.token, State.OFFLINE.glyph),
    "applying": Cell("applying", "accent", "▸"),
    "applied": Cell("applied", State.LIVE.token, State.LIVE.glyph),
    "failed": Cell("failed", State.FAILED.token, State.FAILED.glyph),
}
_FAILED: Final = "0 "
_IN_FLIGHT: Final = "1 "
"""Before the id, so that what failed stands first."""


class MutationsModel(OpenRows):
    """What is in flight; above it what was seen to fail since the topology was opened."""

    headings = (Heading("State", 124), Heading("Mutation", 190), Heading("Kind", 110, minor=1), Heading("Error", 0))

    def listen_to(self, following: Following, heard: Subscriptions) -> None:
        heard.listen(following.changed, lambda: self.changed(None))

    def known(self) -> Collection[str]:
        if self.following is None:
            return ()
        failed = {_FAILED + name for name in self.following.failures}
        return failed | {_IN_FLIGHT + name for name in self.following.in_flight}

    def cell(self, row: int, column: int) -> Cell:
        mutation = self._mutation(self.row_id(row))
        if column == MutationColumn.NAME:
            return Cell(formats.text(self.row_id(row)[len(_FAILED) :], 120))
        if mutation is None:
            return Cell(formats.NOTHING, "muted")
        match column:
            case MutationColumn.STATE:
                doubt = self.doubt
                if doubt is not None:
                    return Cell(f"was {mutation.state}", doubt.token, doubt.glyph)
                return MUTATION_STATES[mutation.state]
            case MutationColumn.KIND:
                return Cell(formats.text(mutation.kind, 40), "muted")
            case _:
                return Cell("" if mutation.error is None else formats.text(mutation.error))

    def hover(self, row: int, column: int) -> str:
        mutation = self._mutation(self.row_id(row))
        if mutation is None:
            return ""
        return "\n".join(filter(None, (formats.text(mutation.mutation_id), formats.text(mutation.error or ""))))

    def _mutation(self, row_id: str) -> Mutation | None:
        if self.following is None:
            return None
        kind, name = row_id[: len(_FAILED)], row_id[len(_FAILED) :]
        return (self.following.failures if kind == _FAILED else self.following.in_flight).get(name)
