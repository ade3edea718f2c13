"""Lines of the journal for what a gateway's figures do not tell once they are green again: it was silent, it restarted.

A gateway that dies and is started again within seconds leaves nothing behind but a new `epoch`, and yet it begins in
warm-up, with nobody held back. One that is silent for so long that it is stale, while the broker is heard, is a line
too, and so is its return. Silence without a link is the link's own line.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.sources import Change

EPOCHS: Final = 8
"""Processes remembered of each node: two that share a name by mistake take turns, and are not a restart each time."""
MOST_NODES: Final = 1_024


class GatewayLives:
    """Told of each live message by `heard`; silence it learns from the sources."""

    def __init__(self, state: ConsoleState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._epochs: OrderedDict[str, deque[str]] = OrderedDict()
        self._silent: dict[str, float] = {}
        """Source → when it was last heard (`Clock.now()`), of those whose silence is in the journal."""
        state.sources.changed.connect(self._changed)

    def heard(self, node: str, epoch: str) -> None:
        """A live message of the process `epoch` of that node."""
        seen = self._epochs.get(node)
        if seen is None:
            self._epochs[node] = deque([epoch], maxlen=EPOCHS)
            if len(self._epochs) > MOST_NODES:
                self._epochs.popitem(last=False)
        elif epoch not in seen:
            seen.append(epoch)
            self._write(State.LATE, node, "restarted: a new process, which begins with nobody held back")

    def _changed(self, change: Change) -> None:
        node = next((each for each in self._state.lag.nodes.values() if each.source.name == change.source), None)
        if node is None:
            return
        if change.state is State.LIVE and node.name in self._silent:
            away = change.at - self._silent.pop(node.name)
            self._write(State.LIVE, node.name, f"heard again after {formats.age(away)}")
        linked = self._state.sources.link_state(change.at) is State.LIVE
        if change.state is State.STALE and linked and node.heard is not None and node.name not in self._silent:
            self._silent[node.name] = node.heard
            self._write(State.STALE, node.name, f"not heard for {formats.age(change.at - node.heard)}")

    def _write(self, state: State, node: str, sentence: str) -> None:
        self._state.journal.write(self._clock.wall(), state, f"gateway {formats.text(node, 40)}", sentence)
