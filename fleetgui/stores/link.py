"""The link and the embedded backend as the screen sees them."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgui.policy.signals import Signal
from fleetgui.policy.states import LinkPhase, LinkState


@dataclass(frozen=True)
class Cost:
    """What this console costs the fabric, and what it lost: counters since the start, rates over the last seconds."""

    connections: int = 0
    subscriptions: int = 0
    requests_per_min: float = 0.0
    messages_per_s: float = 0.0
    messages_in: int = 0
    dropped: int = 0
    malformed: int = 0
    own_lag_p99_ms: float | None = None
    consumers: int = 0
    bytes_in: int = 0
    messages_out: int = 0
    reconnects: int = 0


class LinkStore:
    def __init__(self) -> None:
        self.changed = Signal[[LinkState]]()
        self.cost_changed = Signal[[Cost]]()
        self.backend_changed = Signal[[str]]()
        self.state = LinkState(LinkPhase.IDLE, 0.0, 0.0)
        self.cost = Cost()
        self.backend_notice = ""
        """One sentence about the embedded backend while it starts or after it ended; empty when there is nothing."""
        self.backend_failed = True
        """Whether the notice tells a failure; False while it tells that something is under way."""

    def set_state(self, state: LinkState) -> None:
        self.state = state
        self.changed.emit(state)

    def set_cost(self, cost: Cost) -> None:
        self.cost = cost
        self.cost_changed.emit(cost)

    def set_backend_notice(self, notice: str, *, failed: bool = True) -> None:
        if notice != self.backend_notice:
            self.backend_notice = notice
            self.backend_failed = failed
            self.backend_changed.emit(notice)
